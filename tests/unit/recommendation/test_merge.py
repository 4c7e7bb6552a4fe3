"""The pool of candidates that the channels make together."""

import math
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convoy import Batch, ConvoyError
from convoy_services.recommendation.channel import Channel
from convoy_services.recommendation.merge import CHANNELS, Merge
from convoy_services.recommendation.model.catalogue import Catalogue

KNOWN = {1: "art", 2: "art", 3: "art", 4: "news", 5: "news", 6: "sport", 2**62: "sport"}
"""The items of the catalogue and their categories; 7 and above are unknown."""

Row = dict[str, Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    names = sorted({*KNOWN.values(), "unused"})
    folder = tmp_path_factory.mktemp("version")
    Catalogue(
        ids=np.array(list(KNOWN)),
        categories=names,
        category=np.array([names.index(name) for name in KNOWN.values()], np.int32),
        uploaded=np.zeros(len(KNOWN), np.int64),
        seconds=np.zeros(len(KNOWN), np.float32),
        clicks=np.zeros(len(KNOWN), np.float32),
    ).save(folder)
    return folder


def load(folder: Path, **settings: Any) -> Merge:
    stage = Merge(model=str(folder.parent), **settings)
    stage.folder = folder
    stage.load()
    return stage


@pytest.fixture(scope="module")
def stage(folder: Path) -> Merge:
    return load(folder)


def pack(stage: Merge, rows: list[Row]) -> Batch:
    """Make a batch of what each row has; a channel's scores descend unless they are given."""
    columns: dict[str, Any] = {}
    for name, column in stage.consumes.items():
        default = column.default if column.optional else []
        columns[name] = [row.get(name, default) for row in rows]
    for name in CHANNELS:
        columns[f"{name}_scores"] = [
            row.get(f"{name}_scores", np.arange(len(row.get(f"{name}_items", [])))[::-1])
            for row in rows
        ]
    return stage.consumes.pack(rows=len(rows), **columns)


def merge(stage: Merge, *rows: Row) -> list[dict[int, tuple[int, float]]]:
    """Give each row's items, in order, with their channels and score."""
    result = stage.process(pack(stage, list(rows)))
    columns = [result[name].tolist() for name in ("pool", "channels", "recall_score")]
    assert [len(row) for row in columns[0]] == [len(set(row)) for row in columns[0]]
    return [
        {item: (channels, score) for item, channels, score in zip(*row, strict=True)}
        for row in zip(*columns, strict=True)
    ]


def test_an_item_of_two_channels_stands_once_with_both_names(stage: Merge) -> None:
    (row,) = merge(stage, {"vector_items": [1, 2], "text_items": [3, 2]})
    assert {item: channels for item, (channels, _) in row.items()} == {
        2: Channel.VECTOR | Channel.TEXT,
        1: Channel.VECTOR,
        3: Channel.TEXT,
    }


def test_the_score_is_the_sum_of_reciprocal_ranks_over_the_greatest_possible(
    stage: Merge,
) -> None:
    (row,) = merge(stage, {"vector_items": [1, 2], "popular_items": [2, 4, 5]})
    expected = {2: 1 / 62 + 1 / 61, 1: 1 / 61, 4: 1 / 62, 5: 1 / 63}
    assert list(row) == list(expected)
    assert [score for _, score in row.values()] == pytest.approx(
        [score / (4 / 61) for score in expected.values()]
    )


def test_the_first_of_all_channels_has_the_score_one(stage: Merge) -> None:
    (row,) = merge(stage, {f"{name}_items": [5] for name in CHANNELS})
    assert row == {5: (sum(CHANNELS.values()), 1)}


def test_equal_scores_go_by_id(stage: Merge) -> None:
    rows = merge(stage, {"vector_items": [5], "text_items": [-3], "popular_items": [2]})
    assert list(rows[0]) == [-3, 2, 5]


def test_only_the_first_time_in_a_channel_counts(stage: Merge) -> None:
    rows = merge(stage, {"vector_items": [1, 2, 1, 1]}, {"vector_items": [1, 2]})
    assert rows[0] == rows[1]


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_what_has_no_finite_score_was_not_found(stage: Merge, score: float) -> None:
    (row,) = merge(
        stage, {"vector_items": [1, 2, 1], "vector_scores": [score, 1, 0], "text_items": [3]}
    )
    assert row[1] == (Channel.VECTOR, pytest.approx(61 / 63 / 4))
    assert list(row) == [3, 2, 1]


@pytest.mark.parametrize("most", [1, 3, 50])
def test_the_best_are_kept(folder: Path, most: int) -> None:
    stage = load(folder, most=most)
    rows = [{"vector_items": list(range(100, 120))}, {"text_items": [1, 2]}, {}]
    assert [list(row) for row in merge(stage, *rows)] == [
        list(range(100, 120))[:most],
        [1, 2][:most],
        [],
    ]


def test_a_row_may_be_empty_and_so_may_all(stage: Merge) -> None:
    assert merge(stage, {}) == [{}]
    assert [len(row) for row in merge(stage, {}, {"text_items": [1]}, {})] == [0, 1, 0]


def test_no_rows_give_no_rows(stage: Merge) -> None:
    assert merge(stage) == []


def test_blocked_items_are_away_in_their_row_alone(stage: Merge) -> None:
    row = {"vector_items": [1, 2], "popular_items": [2, 3]}
    rows = merge(stage, row | {"blocked": [2, 9, 2]}, row)
    assert [list(r) for r in rows] == [[1, 3], [2, 1, 3]]


def test_seen_items_are_away_unless_they_are_kept(stage: Merge) -> None:
    row = {"vector_items": [1, 2, 3], "seen": [1, 3]}
    rows = merge(stage, row, row | {"keep_seen": True})
    assert [list(r) for r in rows] == [[2], [1, 2, 3]]


@pytest.mark.parametrize(
    ("categories", "left"),
    [
        ([], [1, 4, 6, 99]),
        (["art"], [1]),
        (["sport", "news", "sport"], [4, 6]),
        (["unused"], []),
        (["nowhere"], []),
        (["", b"\xff"], []),
        (["nowhere", "news"], [4]),
    ],
)
def test_only_items_of_the_categories_asked_for_are_left(
    stage: Merge, categories: list[str], left: list[int]
) -> None:
    rows = merge(
        stage, {"vector_items": [1, 4, 6, 99], "categories": categories}, {"text_items": [1, 99]}
    )
    assert [list(row) for row in rows] == [left, [1, 99]]


def test_given_candidates_alone_are_ranked_in_their_order(stage: Merge) -> None:
    (row,) = merge(stage, {"given": [99, 3, 99, 1], "vector_items": [1, 2], "text_items": [1]})
    assert row == {
        99: (Channel.GIVEN, 1),
        3: (Channel.GIVEN, pytest.approx(61 / 62)),
        1: (Channel.GIVEN | Channel.VECTOR | Channel.TEXT, pytest.approx(61 / 64)),
    }


def test_given_candidates_may_be_blocked_or_of_another_category_but_not_seen(
    stage: Merge,
) -> None:
    row = {"given": [6, 1, 4, 2, 99], "seen": [4], "blocked": [2]}
    rows = merge(stage, row, row | {"categories": ["news", "art"]})
    assert [list(r) for r in rows] == [[6, 1, 4, 99], [1, 4]]


def test_a_row_with_given_candidates_leaves_the_others_alone(stage: Merge) -> None:
    rows = merge(stage, {"given": [3]}, {"vector_items": [1, 2], "seen": [1]})
    assert [list(row) for row in rows] == [[3], [2]]


def test_ids_may_be_far_apart(stage: Merge) -> None:
    far = [2**63 - 1, -(2**63), 0, 2**62]
    rows = merge(
        stage, {"vector_items": far, "blocked": [0]}, {"text_items": far, "categories": ["sport"]}
    )
    assert [list(row) for row in rows] == [[2**63 - 1, -(2**63), 2**62], [2**62]]


def test_items_and_scores_of_other_lengths_are_refused(stage: Merge) -> None:
    with pytest.raises(ConvoyError, match="text_scores: its rows are not as long"):
        merge(stage, {"text_items": [1, 2], "text_scores": [1]})


def test_a_channel_may_weigh_more(folder: Path) -> None:
    lists = {"text_items": [1, 2], "vector_items": [3, 4]}
    (even,) = merge(load(folder), lists)
    (uneven,) = merge(load(folder, weights={"vector": 3}), lists)
    assert list(even) == [1, 3, 2, 4]
    assert list(uneven) == [3, 4, 1, 2]
    assert uneven[3][1] == pytest.approx(3 / 6)
    (first,) = merge(
        load(folder, weights={"vector": 3}), {f"{name}_items": [7] for name in CHANNELS}
    )
    assert first[7][1] == pytest.approx(1)


@pytest.mark.parametrize("weights", [{"words": 1}, {"text": 0}, {"text": float("nan")}])
def test_a_weight_that_cannot_be_is_refused(weights: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"channel|above 0"):
        Merge(model="nowhere", weights=weights)


def test_a_row_with_too_many_given_fails_alone(folder: Path) -> None:
    """It hung the re-rank for everybody."""
    rows: list[Row] = [{"given": list(range(1001))}, {"given": list(range(1000))}]
    stage = load(folder)
    result = stage.process(pack(stage, rows))
    assert [v.field for v in result.failures[0].violations] == ["given"]
    assert list(result.failures) == [0]
    assert len(result["pool"].tolist()[1]) == 1000


def test_all_that_is_given_is_kept(folder: Path) -> None:
    """Callers' candidates were cut to the first 300 without a word."""
    (pool,) = merge(load(folder, most=2), {"given": [3, 1, 2]})
    assert list(pool) == [3, 1, 2]


def test_a_pool_of_none_is_refused_before_anything_is_read() -> None:
    with pytest.raises(ValueError, match="most is 0; take 1 or more"):
        Merge(model="nowhere", most=0)


def test_an_empty_catalogue_knows_no_item(tmp_path: Path) -> None:
    none = np.zeros(0)
    Catalogue(
        ids=none.astype(np.int64),
        categories=[],
        category=none.astype(np.int32),
        uploaded=none.astype(np.int64),
        seconds=none.astype(np.float32),
        clicks=none.astype(np.float32),
    ).save(tmp_path)
    rows = merge(load(tmp_path), {"text_items": [1]}, {"text_items": [1], "categories": ["art"]})
    assert [list(row) for row in rows] == [[1], []]


def request(random: Random) -> Row:
    """Draw a request with many items in common, and few of each list."""

    def some(values: list[Any], most: int) -> list[Any]:
        return random.choices(values, k=random.randint(0, most))

    items = [*range(10), 2**62, -(2**63)]
    row: Row = {"keep_seen": random.random() < 0.5}
    for name in CHANNELS:
        found = row[f"{name}_items"] = some(items, 8)
        row[f"{name}_scores"] = random.choices(
            [0.5, 1, math.nan, math.inf], [4, 4, 1, 1], k=len(found)
        )
    row["categories"] = some(["art", "news", "sport", "unused", "nowhere"], 2)
    row["given"] = some(items, random.choice([0, 8]))
    row["blocked"] = some(items, random.choice([0, 4]))
    row["seen"] = some(items, random.choice([0, 4]))
    return row


def naive(row: Row, most: int) -> dict[int, tuple[int, float]]:
    sums: dict[int, float] = {}
    bits: dict[int, int] = {}
    lists = [(row[f"{name}_items"], row[f"{name}_scores"], bit) for name, bit in CHANNELS.items()]
    for found, sure, bit in [*lists, (row["given"], [0] * len(row["given"]), Channel.GIVEN)]:
        for rank, (item, score) in enumerate(zip(found, sure, strict=True), 1):
            if math.isfinite(score) and not bits.get(item, 0) & bit:
                bits[item] = bits.get(item, 0) | bit
                if not row["given"] or bit == Channel.GIVEN:
                    sums[item] = sums.get(item, 0) + 1 / (60 + rank)
    top = (1 if row["given"] else 4) / 61
    kept = {
        item: (bits[item], float(np.float32(total / top)))
        for item, total in sums.items()
        if item not in row["blocked"]
        and (item not in row["seen"] or row["given"] or row["keep_seen"])
        and (not row["categories"] or KNOWN.get(item) in row["categories"])
    }
    ordered = sorted(kept.items(), key=lambda pair: (-pair[1][1], pair[0]))
    return dict(ordered if row["given"] else ordered[:most])


@given(st.integers(0, 2**32), st.sampled_from([2, 300]))
def test_each_row_is_as_if_merged_alone_one_item_at_a_time(
    folder: Path, seed: int, most: int
) -> None:
    random = Random(seed)
    rows = [request(random) for _ in range(4)]
    stage = load(folder, most=most)
    together = merge(stage, *rows)
    assert together == [merged for row in rows for merged in merge(stage, row)]
    for merged, expected in zip(together, [naive(row, most) for row in rows], strict=True):
        assert list(merged) == list(expected)
        assert merged == {i: (b, pytest.approx(s, rel=1e-6)) for i, (b, s) in expected.items()}
