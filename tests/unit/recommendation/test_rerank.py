"""The list that the caller gets."""

import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convoy import Batch, Code, ConvoyError
from convoy_services.recommendation.model.catalogue import Catalogue
from convoy_services.recommendation.rerank import Rerank

DAY = 86400
NOW = 1000 * DAY

Row = dict[str, Any]

ITEMS = 120
"""Known are 1 to 120: category c0 to c3 by the id, item i uploaded i days ago, i seconds long."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("version")
    ids = np.arange(1, ITEMS + 1)
    Catalogue(
        ids=ids,
        categories=["c0", "c1", "c2", "c3"],
        category=(ids % 4).astype(np.int32),
        uploaded=NOW - ids * DAY,
        seconds=ids.astype(np.float32),
        clicks=np.zeros(ITEMS, np.float32),
    ).save(folder)
    vectors = np.random.default_rng(0).standard_normal((ITEMS, 8)).astype(np.float32)
    vectors[1] = vectors[0]
    np.save(folder / "vectors.npy", vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    return folder


def load(folder: Path, **settings: Any) -> Rerank:
    stage = Rerank(model=str(folder.parent), **settings)
    stage.folder = folder
    stage.load()
    return stage


def pack(stage: Rerank, rows: list[Row]) -> Batch:
    def column(name: str, otherwise: Any) -> list[Any]:
        return [row.get(name, [otherwise] * len(row["pool"])) for row in rows]

    return stage.consumes.pack(
        rows=len(rows),
        pool=[row["pool"] for row in rows],
        channels=column("channels", 1),
        recall_score=column("recall_score", 0.5),
        p_click=column("p_click", 0.5),
        dwell=column("dwell", 10),
        limit=np.array([row.get("limit", 20) for row in rows], np.int32),
        time=np.array([row.get("time", NOW) for row in rows], np.int64),
    )


def rerank(folder: Path, *rows: Row, **settings: Any) -> list[list[int]]:
    stage = load(folder, **settings)
    items: list[list[int]] = stage.process(pack(stage, list(rows)))["item"].tolist()
    return items


def scores(folder: Path, row: Row, **settings: Any) -> dict[int, float]:
    stage = load(folder, **settings)
    result = stage.process(pack(stage, [row]))
    return dict(zip(result["item"].tolist()[0], result["score"].tolist()[0], strict=True))


def test_items_come_by_the_product_of_click_and_dwell(folder: Path) -> None:
    row = {"pool": [1, 2, 3], "p_click": [0.5, 0.25, 0.75], "dwell": [10, 30, 4]}
    assert scores(folder, row, diversity=0) == {2: 7.5, 1: 5, 3: 3}


def test_what_is_known_of_an_item_comes_with_it(folder: Path) -> None:
    row = {
        "pool": [7, 99],
        "channels": [3, 16],
        "recall_score": [0.25, 0.75],
        "p_click": [0.25, 0.5],
        "dwell": [4, 8],
    }
    stage = load(folder)
    result = stage.process(pack(stage, [row]))
    assert {name: result[name].tolist() for name in stage.produces} == {
        "item": [[99, 7]],
        "score": [[4, 1]],
        "item_p_click": [[0.5, 0.25]],
        "item_dwell": [[8, 4]],
        "item_channels": [[16, 3]],
        "item_recall": [[0.75, 0.25]],
    }


def test_equal_scores_go_by_recall_then_by_id(folder: Path) -> None:
    row = {"pool": [9, 5, 7, 3, 99], "recall_score": [0.25, 0.25, 0.5, 0.25, 0.125]}
    assert rerank(folder, row | {"p_click": [1, 1, 1, 1, 0]}, diversity=0) == [[7, 3, 5, 9, 99]]


@pytest.mark.parametrize("diversity", [0, 0.3, 1])
def test_where_no_ranker_tells_items_apart_they_come_as_recalled(
    folder: Path, diversity: float
) -> None:
    """Likeness alone would else have ordered the list, and recall not at all."""
    pool = list(range(1, 61))
    recall = np.linspace(1, 0, 60)
    row = {"pool": pool, "recall_score": recall, "limit": 30}
    assert rerank(folder, row, diversity=diversity) == [pool[:30]]


def test_diversity_puts_what_is_alike_apart(folder: Path) -> None:
    row = {"pool": [1, 2, 3, 4], "p_click": [1, 0.98, 0.9, 0], "dwell": [1, 1, 1, 1]}
    assert rerank(folder, row, diversity=0) == [[1, 2, 3, 4]]
    (reordered,) = rerank(folder, row, diversity=0.7)
    assert reordered[0] == 1
    assert reordered[1] != 2


@pytest.mark.parametrize("limit", [1, 3, 20, 100])
def test_a_list_has_no_more_than_its_limit(folder: Path, limit: int) -> None:
    row = {"pool": [5, 6, 7, 8], "recall_score": [0.4, 0.3, 0.2, 0.1], "limit": limit}
    assert rerank(folder, row) == [[5, 6, 7, 8][:limit]]


@pytest.mark.parametrize("limit", [0, -1, -(2**31), 101, 2**31 - 1])
def test_a_limit_that_cannot_be_fails_its_row_alone(folder: Path, limit: int) -> None:
    stage = load(folder)
    rows = [{"pool": [1, 2]}, {"pool": [1, 2], "limit": limit}, {"pool": [3]}]
    result = stage.process(pack(stage, rows))
    assert list(result.failures) == [1]
    assert result.failures[1].code is Code.INVALID_ARGUMENT
    assert result.failures[1].violations[0].field == "limit"
    items = result["item"].tolist()
    assert [items[0], items[2]] == [[1, 2], [3]]


def test_a_row_may_have_no_candidate_or_one(folder: Path) -> None:
    rows: list[Row] = [{"pool": []}, {"pool": [5]}, {"pool": [], "limit": 1}]
    assert rerank(folder, *rows) == [[], [5], []]
    assert rerank(folder, rows[0]) == [[]]
    assert rerank(folder) == []


def test_age_and_length_are_known_to_the_formula(folder: Path) -> None:
    row = {"pool": [3, 10], "time": NOW + DAY // 2}
    assert scores(folder, row, score="age") == {10: 10.5, 3: 3.5}
    assert scores(folder, row, score="length") == {10: 10, 3: 3}


def test_age_and_length_are_zero_where_they_are_not_known(folder: Path) -> None:
    row = {"pool": [3, 5000]}
    assert scores(folder, row, score="0 - age") == {5000: 0, 3: -3}
    assert scores(folder, row, score="length") == {3: 3, 5000: 0}


def test_nothing_is_younger_than_new(folder: Path) -> None:
    assert scores(folder, {"pool": [3], "time": NOW - 9 * DAY}, score="age") == {3: 0}


def test_a_request_without_a_time_is_of_now(folder: Path) -> None:
    age = scores(folder, {"pool": [3], "time": 0}, score="age")[3]
    assert age == pytest.approx((time.time() - NOW) / DAY + 3, abs=0.01)


def test_recall_is_known_to_the_formula(folder: Path) -> None:
    row = {"pool": [3, 10], "recall_score": [0.25, 0.5]}
    assert scores(folder, row, score="recall * 2") == {10: 1, 3: 0.5}


@pytest.mark.parametrize("diversity", [0, 0.3, 1])
def test_an_item_whose_score_cannot_be_computed_comes_last(folder: Path, diversity: float) -> None:
    row = {"pool": [1, 2, 3, 4], "p_click": [math.nan, 0.5, 0.25, -1], "dwell": [1, 1, 1, 1]}
    (items,) = rerank(folder, row, score="sqrt(p_click)", diversity=diversity)
    assert items[:2] == [2, 3]


def test_scores_without_end_come_first(folder: Path) -> None:
    row = {"pool": [1, 2, 3, 4], "p_click": [0.5, 0, 0.25, 0]}
    assert rerank(folder, row, score="1 / p_click", diversity=0) == [[2, 4, 3, 1]]
    assert rerank(folder, row, score="1 / p_click")[0][0] == 2


def test_items_that_the_catalogue_does_not_know_are_like_no_other(folder: Path) -> None:
    row = {"pool": [1, 2, 900, 901], "p_click": [1, 0.9, 0.8, 0], "dwell": [1, 1, 1, 1]}
    assert rerank(folder, row, diversity=0.5) == [[1, 900, 901, 2]]


def test_categories_are_capped_among_all_candidates(folder: Path) -> None:
    same = [i for i in range(1, ITEMS + 1) if i % 4 == 0]
    others = [1, 2, 3, 500, 501]
    pool = [*same, *others]
    row = {"pool": pool, "p_click": np.linspace(1, 0.1, len(pool)), "limit": 6}
    (capped,) = rerank(folder, row, diversity=0, per_category=1)
    assert capped == [same[0], *others]
    assert rerank(folder, row, diversity=0) == [same[:6]]


def test_a_cap_gives_way_before_a_list_is_short(folder: Path) -> None:
    row = {"pool": [4, 8, 12, 1], "p_click": [0.9, 0.8, 0.7, 0.1]}
    assert rerank(folder, row, diversity=0, per_category=1) == [[4, 1, 8, 12]]


def test_fresh_items_have_their_share(folder: Path) -> None:
    pool = [*range(20, 110), 5, 6, 7, 5000]
    row = {"pool": pool, "p_click": np.linspace(1, 0.1, len(pool)), "limit": 6}
    fresh = {"diversity": 0, "fresh_days": 7, "fresh_share": 0.5}
    assert rerank(folder, row, **fresh) == [[20, 5, 21, 6, 22, 23]]
    older = row | {"time": NOW + 30 * DAY}
    assert rerank(folder, older, **fresh) == [[20, 21, 22, 23, 24, 25]]


@pytest.mark.parametrize("column", ["channels", "recall_score", "p_click", "dwell"])
def test_columns_of_other_lengths_are_refused(folder: Path, column: str) -> None:
    with pytest.raises(ConvoyError, match="its rows are not as long as those of pool"):
        rerank(folder, {"pool": [1, 2], column: [1]})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"score": "p_click *"}, "score: at character 10, the end: expected a number"),
        ({"score": "clicks"}, "score: .* the names age, dwell, length, p_click, recall"),
        ({"diversity": 2}, "diversity is 2; take 0 to 1"),
        ({"per_category": 0}, "per_category is 0"),
        ({"fresh_days": 0}, "fresh_days is 0; take more than 0"),
        ({"fresh_share": -1}, "fresh_share is -1; take 0 to 1"),
    ],
)
def test_settings_are_refused_before_anything_is_read(settings: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Rerank(model="nowhere", **settings)


def test_vectors_of_other_items_are_refused(folder: Path, tmp_path: Path) -> None:
    Catalogue.load(folder).save(tmp_path)
    np.save(tmp_path / "vectors.npy", np.zeros((3, 8), np.float32))
    with pytest.raises(ValueError, match=r"vectors\.npy: 3 vectors for 120 items"):
        load(tmp_path)


def request(random: np.random.Generator) -> Row:
    """Draw a request with many equal scores."""
    size = random.choice([0, 1, 5, 40, 100])
    return {
        "pool": random.choice(ITEMS + 30, size, replace=False) + 1,
        "channels": random.integers(1, 32, size),
        "recall_score": random.choice([0.25, 0.5, 1], size),
        "p_click": random.choice([0, 0.25, 0.5, 0.9, 1], size),
        "dwell": random.choice([1, 5, 60], size),
        "limit": random.integers(1, 30),
    }


@given(
    st.integers(0, 2**32),
    st.fixed_dictionaries(
        {
            "diversity": st.sampled_from([0, 0.3, 1]),
            "per_category": st.none() | st.integers(1, 5),
            "fresh_share": st.sampled_from([0, 0.2]),
            "score": st.sampled_from(["p_click * dwell", "log(p_click) * dwell / age^0.5"]),
        }
    ),
)
def test_a_row_has_the_same_list_whatever_travels_with_it(
    folder: Path, seed: int, settings: Any
) -> None:
    random = np.random.default_rng(seed)
    rows = [request(random) for _ in range(4)]
    stage = load(folder, fresh_days=10, **settings)
    together = stage.process(pack(stage, rows))
    alone = Batch.concat([stage.process(pack(stage, [row])) for row in rows])
    for name in stage.produces:
        assert together[name].tolist() == alone[name].tolist()
    for row, items in zip(rows, together["item"].tolist(), strict=True):
        assert len(set(items)) == min(row["limit"], len(row["pool"]))


@given(st.integers(0, 2**32))
def test_without_diversity_a_list_is_sorted(folder: Path, seed: int) -> None:
    row = request(np.random.default_rng(seed))
    columns = [row[name].tolist() for name in ("p_click", "dwell", "recall_score", "pool")]
    keys = sorted((-p * dwell, -recall, i) for p, dwell, recall, i in zip(*columns, strict=True))
    assert rerank(folder, row, diversity=0) == [[key[-1] for key in keys[: row["limit"]]]]
