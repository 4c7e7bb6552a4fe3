"""Co-visitation on a log small enough to count by hand."""

from pathlib import Path

import numpy as np
import pytest

from convoy_services.recommendation.model.catalogue import Catalogue
from convoy_services.recommendation.model.covisit import APART, DECAY, DOUBT, Covisit
from convoy_services.recommendation.model.users import Users

CATALOGUE = Catalogue(
    ids=np.array([10, 20, 30, 40, 50]),
    categories=[""],
    category=np.zeros(5, np.int32),
    uploaded=np.zeros(5, np.int64),
    seconds=np.zeros(5, np.float32),
    clicks=np.zeros(5, np.float32),
)


@pytest.fixture
def covisit() -> Covisit:
    """Users 1 and 2 click 10 and 20, user 2 then 30; user 3 clicks 30 and, days later, 40."""
    user = np.array([1, 1, 2, 2, 2, 3, 3])
    time = np.array([0, 5, 100, 110, 120, 0, 2 * APART])
    return Covisit.build(user, time, np.array([0, 1, 0, 1, 2, 2, 3]), 5)


def people(*pasts: list[int]) -> Users:
    none = np.zeros(len(pasts) + 1, np.int64)
    flat = np.array([item for past in pasts for item in past], np.int64)
    return Users(
        user=np.zeros(len(pasts), np.int64),
        past=flat,
        past_dwell=np.zeros(len(flat), np.float32),
        past_splits=np.cumsum([0, *(len(past) for past in pasts)]),
        context=np.empty(0, np.int64),
        context_weight=np.empty(0, np.float32),
        context_splits=none,
    )


def cosine(together: int, one: int, other: int) -> float:
    return float(together / np.sqrt((one + DOUBT) * (other + DOUBT)))


def test_items_clicked_together_are_alike_by_how_often(covisit: Covisit) -> None:
    rows, scores, splits = covisit.similar(np.array([0, 3]), 10)
    assert splits.tolist() == [0, 2, 2]
    assert rows.tolist() == [1, 2]
    np.testing.assert_allclose(scores, [cosine(2, 2, 2), cosine(1, 2, 2)], rtol=1e-6)


def test_no_more_than_asked_for_are_given(covisit: Covisit) -> None:
    rows, _, splits = covisit.similar(np.array([0, 1]), 1)
    assert rows.tolist() == [1, 0]
    assert splits.tolist() == [0, 1, 2]


def test_the_newest_of_a_past_weighs_most(covisit: Covisit) -> None:
    rows, scores, splits = covisit.search(people([20, 10], [], [999], [30]), 10, CATALOGUE)
    assert splits.tolist() == [0, 3, 3, 3, 5]
    together, along = cosine(2, 2, 2), cosine(1, 2, 2)
    assert rows[:3].tolist() == [0, 2, 1]
    np.testing.assert_allclose(
        scores[:3], [together, along * (1 + DECAY), together * DECAY], rtol=1e-6
    )
    assert rows[3:].tolist() == [0, 1]


def test_it_loads_as_it_was_saved(covisit: Covisit, tmp_path: Path) -> None:
    covisit.save(tmp_path)
    again = Covisit.load(tmp_path)
    np.testing.assert_array_equal(again.rows, covisit.rows)
    np.testing.assert_array_equal(again.scores, covisit.scores)
    np.testing.assert_array_equal(again.splits, covisit.splits)


def test_nothing_is_alike_in_an_empty_log() -> None:
    none = np.empty(0, np.int64)
    rows, _, splits = Covisit.build(none, none, none, 5).similar(np.array([0]), 3)
    assert len(rows) == 0
    assert splits.tolist() == [0, 0]
