"""Lists that are good and not all alike."""

import math
from collections import Counter
from itertools import pairwise
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convoy.tensor import ascending
from convoy_services.recommendation.diversity import (
    DEPTH,
    LEAST,
    Candidates,
    Rules,
    arrange,
    shortlist,
)

EAST, NORTH, NEAR_EAST, NOWHERE = (1, 0), (0, 1), (0.8, 0.6), (0, 0)

One = tuple[float, tuple[float, float], int, bool]
"""A candidate: relevance, vector, category and whether it is fresh."""


def candidates(*lists: list[One]) -> Candidates:
    width = max([len(row) for row in lists], default=0)
    padding: One = (-math.inf, NOWHERE, -1, False)
    padded = [row + [padding] * (width - len(row)) for row in lists]

    def field(of: int, dtype: Any, *shape: int) -> Any:
        return np.array([[one[of] for one in row] for row in padded], dtype).reshape(
            len(lists), width, *shape
        )

    lengths = np.array([len(row) for row in lists], np.int64)
    return Candidates(
        there=np.arange(width) < lengths[:, None],
        relevance=field(0, np.float64),
        vectors=field(1, np.float32, 2),
        category=field(2, np.int64),
        fresh=field(3, np.bool_),
    )


def lists(result: Any) -> list[list[int]]:
    return [[place for place in row if place >= 0] for row in result.tolist()]


def choose(row: list[One], limit: int, **rules: Any) -> list[int]:
    return lists(arrange(candidates(row), np.array([limit]), Rules(**rules)))[0]


def like(*relevance: float, vector: tuple[float, float] = NOWHERE) -> list[One]:
    return [(value, vector, -1, False) for value in relevance]


def of(category: int, *relevance: float, fresh: bool = False) -> list[One]:
    return [(value, NOWHERE, category, fresh) for value in relevance]


ALIKE: list[One] = [(1, EAST, 0, False), (0.9, EAST, 0, False), (0.5, NORTH, 0, False)]


@pytest.mark.parametrize(
    ("diversity", "chosen"), [(0, [0, 1, 2]), (0.2, [0, 1, 2]), (0.5, [0, 2, 1]), (1, [0, 2, 1])]
)
def test_the_more_diversity_counts_the_sooner_comes_what_is_unlike(
    diversity: float, chosen: list[int]
) -> None:
    assert choose(ALIKE, 3, diversity=diversity) == chosen


def test_likeness_is_that_to_the_most_alike_in_the_list() -> None:
    row: list[One] = [(1, EAST, 0, False), (0.9, NORTH, 0, False), (0.5, NEAR_EAST, 0, False)]
    row.append((0.2, NOWHERE, 0, False))
    assert choose(row, 4, diversity=0.5) == [0, 1, 3, 2]


def test_the_opposite_is_more_welcome_than_the_unrelated() -> None:
    row: list[One] = [(1, EAST, 0, False), (0.5, NORTH, 0, False), (0.4, (-1, 0), 0, False)]
    assert choose(row, 2, diversity=0.5) == [0, 2]


def test_the_first_of_equals_wins() -> None:
    assert choose(like(0.5, 0.5, 0.5, vector=EAST), 3, diversity=0.5) == [0, 1, 2]


def test_what_has_no_relevance_comes_last_however_unlike() -> None:
    row = like(1, 0, 0, vector=EAST) + like(-math.inf, vector=NORTH)
    assert choose(row, 4, diversity=1) == [0, 1, 2, 3]


@pytest.mark.parametrize("limit", [0, 1, 2, 5])
def test_a_list_has_no_more_than_its_limit(limit: int) -> None:
    assert choose(like(1, 0.5, 0), limit) == [0, 1, 2][:limit]


def test_lists_may_be_empty_or_not_there_at_all() -> None:
    assert lists(arrange(candidates([], like(1), []), np.array([3, 3, 3]), Rules())) == [
        [],
        [0],
        [],
    ]
    assert arrange(candidates([]), np.array([3]), Rules()).shape == (1, 0)
    assert arrange(candidates(), np.zeros(0, np.int64), Rules()).shape == (0, 0)


def test_a_category_has_no_more_than_its_cap_while_there_are_others() -> None:
    row = of(0, 1, 0.9, 0.8) + of(1, 0.7, 0.6) + of(-1, 0.5, 0.4, 0.3)
    assert choose(row, 7, per_category=1) == [0, 3, 5, 6, 7, 1, 2]
    assert choose(row, 7, per_category=2) == [0, 1, 3, 4, 5, 6, 7]


def test_what_the_cap_keeps_out_fills_the_list_best_first() -> None:
    row: list[One] = [(1, EAST, 0, False), (0.9, EAST, 0, False), (0.8, NORTH, 0, False)]
    assert choose(row, 3, diversity=1, per_category=1) == [0, 1, 2]


def test_a_share_of_the_first_places_is_for_fresh_items() -> None:
    row = of(0, 1, 0.9, 0.8, 0.7, 0.6) + of(0, 0.2, 0.1, fresh=True)
    assert choose(row, 7, fresh_share=0.25) == [0, 1, 2, 5, 3, 4, 6]
    assert choose(row, 4, fresh_share=0.5) == [0, 5, 1, 6]
    assert choose(row, 3, fresh_share=1) == [5, 6, 0]
    assert choose(row, 3, fresh_share=0) == [0, 1, 2]


def test_fresh_items_that_are_good_enough_fill_their_share_themselves() -> None:
    row = of(0, 1, fresh=True) + of(0, 0.9, 0.8, 0.7) + of(0, 0.1, fresh=True)
    assert choose(row, 4, fresh_share=0.25) == [0, 1, 2, 3]


def test_the_cap_holds_for_fresh_items_too() -> None:
    row = of(0, 1) + of(0, 0.5, fresh=True) + of(1, 0.4)
    assert choose(row, 3, per_category=1, fresh_share=0.5) == [0, 2, 1]


@pytest.mark.parametrize(("share", "places"), [(0.1, 30), (0.07, 100), (0.29, 100), (0.3, 10)])
def test_a_share_is_not_short_by_rounding(share: float, places: int) -> None:
    assert Rules(fresh_share=share).due(np.array([places])) == [round(share * places)]


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"diversity": -0.1}, "diversity is -0.1; take 0 to 1"),
        ({"diversity": math.nan}, "diversity is nan; take 0 to 1"),
        ({"fresh_share": 1.1}, "fresh_share is 1.1; take 0 to 1"),
        ({"per_category": 0}, "per_category is 0; take 1 or more, or none"),
    ],
)
def test_rules_that_make_no_sense_are_refused(rules: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Rules(**rules)


def naive(row: list[One], limit: int, rules: Rules) -> list[int]:
    """Choose one item after the other, one candidate after the other."""
    vectors = np.array([one[1] for one in row], np.float32).reshape(-1, 2)
    likeness = np.vecdot(vectors[:, None], vectors).tolist()
    chosen: list[int] = []

    def value(i: int) -> tuple[bool, float]:
        last = row[i][0] == -math.inf
        relevance = 0 if last else (1 - rules.diversity) * row[i][0]
        closest = max([likeness[i][j] for j in chosen], default=-1)
        return not last, relevance - rules.diversity * closest

    while len(chosen) < min(limit, len(row)):
        left = [i for i in range(len(row)) if i not in chosen]
        counts = Counter(row[i][2] for i in chosen)
        cap = math.inf if rules.per_category is None else rules.per_category
        free = [i for i in left if row[i][2] < 0 or counts[row[i][2]] < cap]
        due = math.floor(rules.fresh_share * (len(chosen) + 1) + 1e-9)
        if sum(row[i][3] for i in chosen) < due:
            free = [i for i in free if row[i][3]] or free
        chosen.append(max(free, key=value) if free else left[0])
    return chosen


RELEVANCE = [-math.inf, 0, 0.25, 0.3, 0.5, 0.875, 1]
VECTORS = [EAST, NORTH, NEAR_EAST, NOWHERE, (-1, 0), (0.6, -0.8)]

seeds = st.integers(0, 2**32)
rules = st.builds(
    Rules,
    diversity=st.sampled_from([0, 0.25, 0.5, 1]),
    per_category=st.none() | st.integers(1, 3),
    fresh_share=st.sampled_from([0, 0.3, 0.5, 1]),
)


def some(random: Random) -> list[One]:
    """Draw candidates with many equals, best first."""
    row = [
        (
            random.choice(RELEVANCE),
            random.choice(VECTORS),
            random.randint(-1, 2),
            random.random() < 0.3,
        )
        for _ in range(random.randint(0, 9))
    ]
    return sorted(row, key=lambda one: -one[0])


@given(seeds, rules)
def test_each_list_is_as_if_made_alone_one_item_at_a_time(seed: int, rules: Rules) -> None:
    random = Random(seed)
    rows = [some(random) for _ in range(5)]
    limits = [random.randint(0, 12) for _ in rows]
    made = lists(arrange(candidates(*rows), np.array(limits), rules))
    assert made == [naive(row, limit, rules) for row, limit in zip(rows, limits, strict=True)]


def kept(category: list[int], fresh: list[bool], limit: int, rules: Rules) -> list[int]:
    splits = ascending([len(category)])
    flags = np.array(fresh, np.bool_)
    which = shortlist(splits, np.array(category, np.int64), flags, np.array([limit]), rules)
    return np.flatnonzero(which).tolist()


@pytest.mark.parametrize(("limit", "count"), [(1, LEAST), (20, DEPTH * 20), (200, 300)])
def test_a_shortlist_is_the_best(limit: int, count: int) -> None:
    assert kept([0] * 300, [False] * 300, limit, Rules()) == list(range(count))


def test_a_shortlist_leaves_room_for_other_categories() -> None:
    category = [0] * 200 + [1] * 50 + [-1] * 50
    short = kept(category, [False] * 300, 10, Rules(per_category=2))
    assert short == [*range(6), *range(200, 206), *range(250, 288)]


def test_a_shortlist_has_fresh_items_for_their_places() -> None:
    fresh = [False] * 200 + [True] * 100
    short = kept([0] * 300, fresh, 10, Rules(fresh_share=0.2))
    assert short == [*range(LEAST - 6), *range(200, 206)]


@given(seeds, st.integers(1, 40), rules)
def test_the_shortlist_is_enough_to_keep_the_rules(seed: int, limit: int, rules: Rules) -> None:
    random = np.random.default_rng(seed)
    lengths = random.integers(0, 300, 3)
    splits = ascending(lengths)
    skew = random.dirichlet(np.full(12, 0.2))
    category = random.choice(12, splits[-1], p=skew) - 1
    fresh = random.random(splits[-1]) < random.choice([0.01, 0.1, 0.5])
    limits = np.full(3, limit)
    which = shortlist(splits, category, fresh, limits, rules)
    for start, stop in pairwise(splits.tolist()):
        alone = np.array([0, stop - start])
        part = which[start:stop]
        assert (
            part == shortlist(alone, category[start:stop], fresh[start:stop], limits[:1], rules)
        ).all()
        assert part.sum() == min(stop - start, max(DEPTH * limit, LEAST))
        row: list[One] = [
            (1 - i / 300, NOWHERE, int(category[start + i]), bool(fresh[start + i]))
            for i in np.flatnonzero(part).tolist()
        ]
        made = [row[i] for i in lists(arrange(candidates(row), limits[:1], rules))[0]]
        assert len(made) == min(limit, stop - start)
        cap = rules.per_category or 300
        possible = sum(
            count if name < 0 else min(count, cap)
            for name, count in Counter(category[start:stop].tolist()).items()
        )
        counts = Counter(one[2] for one in made if one[2] >= 0)
        if possible >= limit:
            assert max(counts.values(), default=0) <= cap
        if rules.per_category is None:
            due = min(rules.due(limits)[0], fresh[start:stop].sum())
            assert sum(one[3] for one in made) >= due
