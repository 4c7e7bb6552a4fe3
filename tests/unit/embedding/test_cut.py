"""The cut: nothing lost, the budget kept, little padding, no needless call."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from convoy_services.embedding.engines.cut import cut

LENGTHS = st.lists(st.integers(1, 300), max_size=80).map(lambda n: np.array(n, dtype=np.int64))


def padded(lengths: NDArray[np.int64], pieces: list[NDArray[np.int64]]) -> int:
    return sum(len(piece) * int(lengths[piece].max()) for piece in pieces)


def padding(lengths: NDArray[np.int64], pieces: list[NDArray[np.int64]]) -> float:
    return padded(lengths, pieces) / int(lengths.sum()) - 1


def texts(rows: int) -> NDArray[np.int64]:
    """Lengths in tokens of texts of 5-60 words, 1.0-1.8 tokens a word and two special ones."""
    rng = np.random.default_rng(rows)
    words = rng.integers(5, 61, rows)
    return np.ceil(words * rng.uniform(1.0, 1.8, rows)).astype(np.int64) + 2


@given(lengths=LENGTHS, token_budget=st.integers(1, 2000), call_cost=st.integers(0, 100))
def test_every_row_comes_once(
    lengths: NDArray[np.int64], token_budget: int, call_cost: int
) -> None:
    pieces = cut(lengths, token_budget=token_budget, call_cost=call_cost)
    assert sorted(int(row) for piece in pieces for row in piece) == list(range(len(lengths)))


@given(lengths=LENGTHS, token_budget=st.integers(1, 2000))
def test_the_budget_holds_unless_a_row_is_alone(
    lengths: NDArray[np.int64], token_budget: int
) -> None:
    for piece in cut(lengths, token_budget=token_budget):
        assert len(piece) == 1 or len(piece) * lengths[piece].max() <= token_budget


@given(lengths=LENGTHS.filter(len), call_cost=st.integers(0, 100), at=st.data())
def test_no_other_cut_of_the_sorted_rows_costs_less(
    lengths: NDArray[np.int64], call_cost: int, at: st.DataObject
) -> None:
    best = cut(lengths, token_budget=10**6, call_cost=call_cost)
    places = at.draw(st.sets(st.integers(1, len(lengths)), max_size=8))
    order = np.argsort(lengths, kind="stable")
    other = [piece for piece in np.split(order, sorted(places)) if len(piece)]
    assert padded(lengths, best) + call_cost * len(best) <= (
        padded(lengths, other) + call_cost * len(other)
    )


def test_a_thousand_queued_texts_are_padded_by_less_than_a_tenth() -> None:
    lengths = texts(1000)
    assert padding(lengths, cut(lengths)) < 0.1


@pytest.mark.parametrize("rows", [16, 32])
def test_a_small_batch_is_neither_padded_much_nor_cut_to_single_rows(rows: int) -> None:
    lengths = texts(rows)
    pieces = cut(lengths)
    assert padding(lengths, pieces) < 0.15
    assert len(pieces) <= rows // 3


def test_rows_of_one_length_stay_together() -> None:
    assert [len(piece) for piece in cut(np.full(40, 25), token_budget=1000)] == [40]


def test_a_row_longer_than_the_budget_goes_alone() -> None:
    lengths = np.array([400, 5, 5])
    assert [piece.tolist() for piece in cut(lengths, token_budget=64)] == [[1, 2], [0]]


def test_nothing_is_cut_of_nothing() -> None:
    assert cut(np.array([], dtype=np.int64)) == []
