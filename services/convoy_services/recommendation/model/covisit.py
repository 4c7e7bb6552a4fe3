"""What is watched along with what: item-to-item co-visitation.

Two items are counted together where one user clicked both within a few clicks and a day; the count
is divided by the root of the product of both items' counts (the cosine; Sarwar et al. 2001).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from convoy.tensor import Index, ascending
from convoy_services.recommendation.model.catalogue import Catalogue
from convoy_services.recommendation.model.users import Users
from convoy_services.recommendation.ragged import owners, places

FILE = "covisit.npz"

WINDOW = 10
"""How many clicks apart two items may be."""

APART = 86_400
"""How many seconds apart."""

NEIGHBOURS = 50
"""How many are kept of an item."""

DOUBT = 5.0
"""Added to both counts: what was seen together once is little evidence."""

NEWEST = 20
"""So many of the past's newest items are followed."""

DECAY = 0.9
"""Each item of the past weighs so much of the one after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Covisit:
    """The neighbours of each item, the nearest first, as a sparse matrix by rows (CSR)."""

    splits: Index
    """int64 [items + 1]"""
    rows: Index
    """int64, flat: the neighbours."""
    scores: NDArray[np.float32]
    """float32, flat, like ``rows``: cosines."""

    @classmethod
    def build(cls, user: Index, time: Index, item: Index, items: int) -> Self:
        """Count over clicks: who, when in seconds and the item's row, int64 [clicks] each."""
        order = np.lexsort((time, user))
        user, time, item = user[order], time[order], item[order]
        keys, counts = np.empty(0, np.int64), np.empty(0, np.int64)
        for apart in range(1, WINDOW + 1):
            left, right = item[:-apart], item[apart:]
            near = (user[:-apart] == user[apart:]) & (left != right)
            near &= time[apart:] - time[:-apart] <= APART
            found = np.concatenate(
                [left[near] * items + right[near], right[near] * items + left[near]]
            )
            new, seen = np.unique(found, return_counts=True)
            keys, place = np.unique(np.concatenate([keys, new]), return_inverse=True)
            counts = np.bincount(place, np.concatenate([counts, seen]), minlength=len(keys)).astype(
                np.int64
            )
        source, target = np.divmod(keys, max(items, 1))
        clicks = np.bincount(item, minlength=items) + DOUBT
        scores = (counts / np.sqrt(clicks[source] * clicks[target])).astype(np.float32)
        rows, scores, splits = _best(source, target, scores, items, NEIGHBOURS)
        return cls(splits=splits, rows=rows, scores=scores)

    def search(
        self, users: Users, k: int, catalogue: Catalogue
    ) -> tuple[Index, NDArray[np.float32], Index]:
        """Give up to k items a user, the best first: rows, scores, and splits int64 [users + 1].

        The neighbours of the newest items of each past are added up, the newest weighing most.
        """
        user, age = owners(users.past_splits), places(users.past_splits)
        past = catalogue.find(users.past)
        kept = (past >= 0) & (age < NEWEST)
        flat, of = self._neighbours(past[kept])
        weight = np.power(np.float32(DECAY), age[kept]).astype(np.float32)
        items = max(len(catalogue), 1)
        keys, place = np.unique(user[kept][of] * items + self.rows[flat], return_inverse=True)
        scores = np.bincount(place, weight[of] * self.scores[flat], minlength=len(keys))
        who, rows = np.divmod(keys, items)
        return _best(who, rows, scores.astype(np.float32), len(users), k)

    def similar(self, item_rows: Index, k: int) -> tuple[Index, NDArray[np.float32], Index]:
        """Give up to k neighbours of each item, the nearest first, like ``search``."""
        flat, of = self._neighbours(item_rows)
        return _best(of, self.rows[flat], self.scores[flat], len(item_rows), k)

    def _neighbours(self, items: Index) -> tuple[Index, Index]:
        """Give the places of some items' neighbours, flat, and of which of the items each is."""
        starts, lengths = self.splits[items], self.splits[items + 1] - self.splits[items]
        splits = ascending(lengths)
        of = owners(splits)
        return starts[of] + places(splits), of

    def save(self, folder: Path) -> None:
        """Write it into a version's folder."""
        np.savez(folder / FILE, splits=self.splits, rows=self.rows, scores=self.scores)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read it from a version's folder; raises OSError."""
        with np.load(folder / FILE) as file:
            return cls(splits=file["splits"], rows=file["rows"], scores=file["scores"])


def _best(
    group: Index, rows: Index, scores: NDArray[np.float32], groups: int, k: int
) -> tuple[Index, NDArray[np.float32], Index]:
    """Keep the k best of each group, the best first, ties by row; with the groups' splits."""
    order = np.lexsort((rows, -scores, group))
    lengths = np.bincount(group, minlength=groups)
    order = order[places(ascending(lengths)) < k]
    splits = ascending(np.minimum(lengths, k))
    return rows[order].astype(np.int64), scores[order], splits
