"""Formulas from text."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convoy_services.recommendation.formula import DEEPEST, FUNCTIONS, LONGEST, Formula

NAMES = ("p", "q", "dwell")


def compute(text: str, **columns: Any) -> list[float]:
    arrays = {name: np.array(values, np.float32) for name, values in columns.items()}
    return Formula.parse(text, arrays or NAMES)(arrays).tolist()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        (" 1.5e1 ", 15),
        (".5", 0.5),
        ("2.", 2),
        ("2+3*4", 14),
        ("(2+3)*4", 20),
        ("8-4-2", 2),
        ("8/4/2", 1),
        ("2^3^2", 512),
        ("-2^2", -4),
        ("2^-1", 0.5),
        ("2^-2^2", 1 / 16),
        ("2*-3", -6),
        ("--2", 2),
        ("2--2", 4),
        ("-2*3+1", -5),
        ("2*3^2", 18),
        ("(((2)))", 2),
        ("min(3, 1, 2)", 1),
        ("max(3, 1+5, 2)", 6),
        ("max(min(1, 2), -1)", 1),
        ("abs(-2)^2", 4),
        ("sqrt(16) * log(exp(2)) + log1p(0)", 8),
        ("\t2\n+ 2\n", 4),
    ],
)
def test_signs_bind_as_in_mathematics(text: str, value: float) -> None:
    assert compute(text, p=[0, 0]) == [pytest.approx(value)] * 2


def test_columns_are_computed_entry_for_entry() -> None:
    value = compute("p * log1p(dwell) ^ q", p=[1, 2], q=[1, 2], dwell=[0, math.e - 1])
    assert value == pytest.approx([0, 2])


def test_a_column_may_be_called_as_a_function_is() -> None:
    assert compute("max(max, 2) * log", max=[1, 3], log=[1, 2]) == [2, 6]


def test_a_formula_without_names_has_the_shape_of_the_columns() -> None:
    value = Formula.parse("2", NAMES)({"p": np.zeros((2, 3)), "q": np.zeros((2, 1))})
    assert value.shape == (2, 3)
    assert value.dtype == np.float32


def test_no_entries_give_no_entries() -> None:
    assert compute("p / dwell", p=[], dwell=[]) == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("p / p", -math.inf),
        ("log(-1)", -math.inf),
        ("sqrt(0-1)", -math.inf),
        ("(0-8) ^ 0.5", -math.inf),
        ("log(p) * 0", -math.inf),
        ("max(p/p, 1)", -math.inf),
        ("log(p)", -math.inf),
        ("1 / p", math.inf),
        ("exp(1000)", math.inf),
        ("1e30 * 1e30", math.inf),
        ("0 - 10 ^ 60", -math.inf),
    ],
)
def test_what_is_no_number_is_minus_infinity_and_nothing_warns(text: str, value: float) -> None:
    assert compute(text, p=[0]) == [value]


def test_computing_is_in_float64() -> None:
    assert compute("(p + 1e-12 - p) * 1e12", p=[1]) == pytest.approx([1], rel=1e-3)


@pytest.mark.parametrize(
    ("text", "at", "what"),
    [
        ("", 1, "the end: expected a number"),
        ("   ", 4, "the end: expected a number"),
        ("p +", 4, "the end: expected a number"),
        ("p q", 3, "'q': expected one of"),
        ("2p", 2, "'p': expected one of"),
        ("1e", 2, "'e': expected one of"),
        ("1.2.3", 4, "'.3': expected one of"),
        ("p + clicks", 5, "'clicks': there is no such name"),
        ("log", 1, "'log': there is no such name"),
        ("eval(p)", 1, "'eval': there is no such function"),
        ("p(1)", 1, "'p': there is no such function"),
        ("(p", 3, "the end: expected )"),
        ("log(p", 6, "the end: expected )"),
        ("log()", 5, "')': expected a number"),
        ("log(p, q)", 1, "'log': takes one argument, not 2"),
        ("min(p)", 1, "'min': takes two arguments or more, not 1"),
        ("p)", 2, "')': expected one of"),
        ("p, q", 2, "',': expected one of"),
        ("+p", 1, "'+': expected a number"),
        ("p ** 2", 4, "'*': expected a number"),
        ("p % 2", 3, "'%': expected one of"),
        ("p + é", 5, "'é': expected a number"),
        ("p.real", 2, "'.': expected one of"),
        ("٣", 1, "'٣': expected a number"),
    ],
)
def test_a_fault_is_named_with_its_place_and_what_may_stand_there(
    text: str, at: int, what: str
) -> None:
    with pytest.raises(ValueError, match=f"^at character {at}, ") as caught:
        Formula.parse(text, NAMES)
    assert what in str(caught.value)
    assert "the names dwell, p, q, the signs + - * / ^" in str(caught.value)
    assert ", ".join(FUNCTIONS) in str(caught.value)


@pytest.mark.parametrize("text", ["(", "-", "2^", "log(", "1+(", "min(1,"])
def test_deep_nesting_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"{DEEPEST} deep"):
        Formula.parse(text * 150 + "1", NAMES)


def test_what_is_long_but_not_deep_is_no_trouble() -> None:
    text = "+".join(["1"] * (LONGEST // 2))
    assert compute(text, p=[0]) == [LONGEST // 2]


def test_a_formula_longer_than_the_limit_is_refused() -> None:
    with pytest.raises(ValueError, match=f"{LONGEST + 1} characters"):
        Formula.parse(" " * LONGEST + "1", NAMES)


numbers = st.sampled_from(["0.0", "1.0", "2.0", "0.5", "3.25", "1e3", "7.0"])
atoms = numbers | st.sampled_from(NAMES)


def expressions(signs: list[str], functions: list[str]) -> st.SearchStrategy[str]:
    def grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        chain = st.builds("{}{}{}".format, inner, st.sampled_from(signs), inner)
        call = st.builds("{}({})".format, st.sampled_from(functions), inner)
        return (
            chain
            | call
            | st.builds("({})".format, inner)
            | st.builds("max({},{})".format, inner, inner)
        )

    return st.recursive(atoms, grow, max_leaves=12)


exact = expressions([" + ", "-", "*", "/", " - -", "*-"], ["abs", "-", ""])


@given(exact, st.lists(st.floats(-1e3, 1e3, width=32), min_size=3, max_size=3))
def test_python_computes_the_same(text: str, values: list[float]) -> None:
    columns = dict(zip(NAMES, values, strict=True))
    value = Formula.parse(text, NAMES)({name: np.array([v]) for name, v in columns.items()})
    try:
        expected = eval(text, {"abs": abs, "max": max, **columns})
    except ZeroDivisionError:
        assert not np.isnan(value).any()
        return
    assert value.tolist() == [np.float32(expected)]


tame = expressions(["+", "*", "^"], ["sqrt", "log1p", ""])


@given(tame, st.lists(st.floats(0, 3, width=32), min_size=3, max_size=3))
def test_python_computes_the_same_powers(text: str, values: list[float]) -> None:
    columns = dict(zip(NAMES, values, strict=True))
    value = Formula.parse(text, NAMES)({name: np.array([v]) for name, v in columns.items()})
    known = {"sqrt": math.sqrt, "log1p": math.log1p, "max": max}
    try:
        expected = eval(text.replace("^", "**"), known, dict(columns))
    except OverflowError:
        assert value.tolist() == [math.inf]
        return
    if expected < 1e30:
        assert value.tolist() == [pytest.approx(expected, rel=1e-4)]


@given(st.text("p q1.0e+-*/^(),maxlog", max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        formula = Formula.parse(text, NAMES)
    except ValueError:
        return
    value = formula({name: np.array([0.0, 1, -2]) for name in NAMES})
    assert value.shape == (3,)
    assert not np.isnan(value).any()
