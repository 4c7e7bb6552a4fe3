"""Batches against plain Python lists: columns, failures and degradations move together."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convoy import Batch, Code, ConvoyError, Datatype, Degradation, Tensor
from tests.unit.convoy.strategies import batches

Case = tuple[Batch, dict[str, list[Any]]]


def numbers(*values: int) -> Tensor:
    return Tensor.pack(values, Datatype.INT64)


def error(reason: str = "BAD") -> ConvoyError:
    return ConvoyError(Code.INTERNAL, "bad", reason)


@given(batches(), st.data())
def test_a_slice_keeps_the_rows_their_failures_and_degradations(
    case: Case, data: st.DataObject
) -> None:
    batch, lists = case
    start = data.draw(st.integers(0, batch.rows))
    stop = data.draw(st.integers(start, batch.rows))
    part = batch.slice(start, stop)
    assert part.rows == stop - start
    assert {name: t.tolist() for name, t in part.columns.items()} == {
        name: nested[start:stop] for name, nested in lists.items()
    }
    assert {row + start: e for row, e in part.failures.items()} == {
        row: e for row, e in batch.failures.items() if start <= row < stop
    }
    assert [row + start for d in part.degradations for row in d.rows] == [
        row for d in batch.degradations for row in d.rows if start <= row < stop
    ]


@given(batches(), st.data())
def test_what_was_sliced_joins_to_what_it_was(case: Case, data: st.DataObject) -> None:
    batch, lists = case
    cuts = sorted(data.draw(st.lists(st.integers(0, batch.rows), max_size=3)))
    edges = [0, *cuts, batch.rows]
    whole = Batch.concat([batch.slice(a, b) for a, b in pairwise(edges)])
    assert whole.rows == batch.rows
    assert {name: t.tolist() for name, t in whole.columns.items()} == lists
    assert whole.failures == batch.failures
    assert sorted((d.step, row) for d in whole.degradations for row in d.rows) == sorted(
        (d.step, row) for d in batch.degradations for row in d.rows
    )


@given(batches(), st.data())
def test_spread_rows_take_their_failures_along(case: Case, data: st.DataObject) -> None:
    batch, _ = case
    rows = batch.rows + 2
    places = data.draw(st.permutations(range(rows)))[: batch.rows]
    spread = batch.spread(np.array(places, np.int64), rows)
    assert spread.rows == rows
    assert spread.failures == {places[row]: e for row, e in batch.failures.items()}
    assert [d.rows for d in spread.degradations] == [
        tuple(places[row] for row in d.rows) for d in batch.degradations
    ]


def test_taken_rows_leave_their_failures_behind() -> None:
    batch = Batch(rows=3, columns={"n": numbers(1, 2, 3)}, failures={0: error()})
    taken = batch.take(np.array([2, 0]))
    assert taken["n"].tolist() == [3, 1]
    assert not taken.failures


def test_degradations_of_one_step_and_reason_join() -> None:
    part = Batch(rows=2, degradations=(Degradation("rank", "LATE", (1,)),))
    other = Batch(rows=1, degradations=(Degradation("rank", "BROKEN", (0,)),))
    assert Batch.concat([part, part, other]).degradations == (
        Degradation("rank", "LATE", (1, 3)),
        Degradation("rank", "BROKEN", (4,)),
    )


def test_select_keeps_only_the_named_columns() -> None:
    batch = Batch(rows=1, columns={"a": numbers(1), "b": numbers(2)}, failures={0: error()})
    assert dict(batch.select(["b"]).columns) == {"b": batch["b"]}
    assert batch.select(["b"]).failures == batch.failures


def test_there_is_no_column_of_another_name() -> None:
    with pytest.raises(KeyError):
        Batch(rows=0)["nope"]


def test_the_size_is_that_of_all_columns() -> None:
    batch = Batch(rows=2, columns={"n": numbers(1, 2), "t": Tensor.texts(["a", "bc"])})
    assert batch.nbytes == 2 * 8 + 3 + 3 * 8


def test_a_batch_without_failures_raises_none() -> None:
    batch = Batch(rows=1, columns={"n": numbers(1)})
    assert batch.raise_for_failures() is batch


def test_rows_that_failed_are_raised_together() -> None:
    failures = {2: error("LAST"), 0: error("FIRST")}
    with pytest.raises(ConvoyError, match="2 of 3 rows failed; row 0: bad") as caught:
        Batch(rows=3, failures=failures).raise_for_failures()
    assert caught.value.reason == "FIRST"
    assert [violation.field for violation in caught.value.violations] == ["rows[0]", "rows[2]"]
