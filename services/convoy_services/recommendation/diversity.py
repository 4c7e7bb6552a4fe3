"""Lists that are good and not all alike.

Maximal marginal relevance (Carbonell and Goldstein 1998, https://doi.org/10.1145/290941.291025),
with a cap for each category and a share that is kept for what is fresh.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convoy.tensor import Index, ascending
from convoy_services.recommendation.ragged import owners, places

DEPTH = 3
"""Candidates that are looked at, for each place of a list."""
LEAST = 50
"""Candidates that are looked at however short the list."""
LAST = -9.0
"""Below every marginal relevance: they lie within -1 and 2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What lists have to be; raises ValueError that names the rule."""

    diversity: float = 0.3
    """How much likeness to what is in the list already counts, against relevance: 0 to 1."""
    per_category: int | None = None
    """Most items of one category; more only where the list would not be full otherwise."""
    fresh_share: float = 0.0
    """Of the first n places, so much of n, rounded down, is for fresh items while there are any."""

    def __post_init__(self) -> None:
        """Check every rule."""
        for name, value in (("diversity", self.diversity), ("fresh_share", self.fresh_share)):
            if not 0 <= value <= 1:
                raise ValueError(f"{name} is {value}; take 0 to 1")
        if self.per_category is not None and self.per_category < 1:
            raise ValueError(f"per_category is {self.per_category}; take 1 or more, or none")

    def due(self, places: Index) -> Index:
        """Give how many of the first ``places`` are for fresh items."""
        due: Index = np.floor(self.fresh_share * places + 1e-9).astype(np.int64)
        return due


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """Candidates of several lists, side by side and padded: each row best first."""

    there: NDArray[np.bool_]
    """bool [lists, width]: False for padding."""
    relevance: NDArray[np.float64]
    """float64 [lists, width]: 0 to 1, or -inf for what is to come last."""
    vectors: NDArray[np.float32]
    """float32 [lists, width, d], of length one: likeness is their product. Zeros are unlike all."""
    category: Index
    """int64 [lists, width]; -1 for none, of which no cap counts."""
    fresh: NDArray[np.bool_]
    """bool [lists, width]."""


def shortlist(
    splits: Index, category: Index, fresh: NDArray[np.bool_], limits: Index, rules: Rules
) -> NDArray[np.bool_]:
    """Say which candidates are worth looking at for lists of ``limits`` items, int64 [lists].

    The others are flat, each list best first. Kept are its best max(3 limit, 50), but of each
    category only the best 3 per_category while there are others, and the best 3 fresh ones for
    each place that is kept for them: where these are enough, ``arrange`` can keep every rule.
    """
    owner = owners(splits)
    spare = np.zeros(len(owner), np.bool_)
    if rules.per_category is not None:
        spare = (category >= 0) & (_rank(owner, category) >= DEPTH * rules.per_category)
    due = fresh & ~spare
    counts = ascending(due)
    due &= counts[1:] - counts[splits[owner]] <= DEPTH * rules.due(limits)[owner]
    order = np.argsort(owner * 3 + np.where(due, 0, np.where(spare, 2, 1)), kind="stable")
    kept = np.zeros(len(owner), np.bool_)
    kept[order] = places(splits) < np.maximum(DEPTH * limits, LEAST)[owner]
    return kept


def _rank(owner: Index, category: Index) -> Index:
    """Count, for each candidate, those of its list and category before it."""
    key = owner * (category.max(initial=-1) + 2) + category + 1
    order = np.argsort(key, kind="stable")
    starts = np.flatnonzero(np.diff(key[order], prepend=-1))
    ranks = np.empty(len(key), np.int64)
    ranks[order] = np.arange(len(key)) - np.repeat(starts, np.diff(starts, append=len(key)))
    return ranks


def arrange(candidates: Candidates, limits: Index, rules: Rules) -> Index:
    """Make lists of at most ``limits`` items, int64 [lists], greedily, all lists at once.

    Gives where each item stands among its candidates, int64 [lists, longest], -1 after the end.
    The first of equals wins. What the cap keeps out comes after everything else, best first.
    """
    c = candidates
    lists, width = c.there.shape
    longest = int(np.minimum(c.there.sum(axis=1), limits).max(initial=0))
    row = np.arange(lists)
    left = c.there.copy()
    last = np.isneginf(c.relevance)
    worth = np.where(last, LAST, (1 - rules.diversity) * np.where(last, 0, c.relevance))
    closest = np.full((lists, width), np.float32(-1))
    category = np.where(c.category < 0, -1 - np.arange(width), c.category)
    taken = np.zeros((lists, width), np.int64)
    cap = width if rules.per_category is None else rules.per_category
    due = rules.due(np.arange(1, longest + 1))
    fresh = np.zeros(lists, np.int64)
    chosen = np.full((lists, longest), -1)
    for place in range(longest):
        free = left & (taken < cap)
        wanted = free & c.fresh & (fresh < due[place])[:, None]
        free = np.where(wanted.any(axis=1, keepdims=True), wanted, free)
        value = np.where(free, worth - rules.diversity * closest, -np.inf)
        pick = np.where(free.any(axis=1), value.argmax(axis=1), left.argmax(axis=1))
        chosen[:, place] = np.where(left.any(axis=1) & (place < limits), pick, -1)
        left[row, pick] = False
        fresh += c.fresh[row, pick]
        taken += category == category[row, pick][:, None]
        if rules.diversity:  # most of the work; vecdot, for matmul's last bits depend on the width
            closest = np.maximum(closest, np.vecdot(c.vectors, c.vectors[row, pick][:, None]))
    return chosen
