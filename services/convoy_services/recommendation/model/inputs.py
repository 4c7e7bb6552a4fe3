"""Users as the nets take them: tensors, rows of the catalogue instead of ids."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from torch import Tensor

from convoy.tensor import Index, ascending
from convoy_services.recommendation.model.catalogue import Catalogue
from convoy_services.recommendation.model.users import Users
from convoy_services.recommendation.ragged import owners, places

HISTORY = 50
"""So many of the newest items of the past are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """A user a row."""

    user: Tensor
    """int64 [rows]: where in the users known, counted from 1; 0 where unknown."""
    past: Tensor
    """int64 [rows, longest past]: rows of the catalogue, the newest first, then its length."""
    dwell: Tensor
    """float32, like ``past``: log(1 + seconds watched)."""
    filled: Tensor
    """float32, like ``past``: 1 where there is an item, 0 after them."""
    context: Tensor
    """int64, flat: buckets."""
    weight: Tensor
    """float32, flat, like ``context``."""
    offsets: Tensor
    """int64 [rows]: where each row's buckets begin."""
    own: Tensor | None = None
    """float32, like ``past``, in training: 0 where what was learned of the item is left out."""

    def part(self, start: int, end: int) -> Self:
        """Give the rows from one to before another, for serving."""
        offsets = self.offsets[start:end]
        first = int(offsets[0])
        last = int(self.offsets[end]) if end < len(self.offsets) else len(self.context)
        return replace(
            self,
            user=self.user[start:end],
            past=self.past[start:end],
            dwell=self.dwell[start:end],
            filled=self.filled[start:end],
            context=self.context[first:last],
            weight=self.weight[first:last],
            offsets=offsets - first,
        )


def inputs(users: Users, known: Index, catalogue: Catalogue) -> Inputs:
    """Look the users up among the known ones, and their past in the catalogue.

    ``known`` is int64, ascending. Items that the catalogue does not have are skipped.
    """
    rows = len(users)
    found = catalogue.find(users.past)
    row = owners(users.past_splits)
    there = found >= 0
    found, row, watched = found[there], row[there], users.past_dwell[there]
    lengths = np.bincount(row, minlength=rows)
    place = places(ascending(lengths))
    kept = place < HISTORY
    row, place = row[kept], place[kept]
    longest = max(1, min(HISTORY, int(lengths.max(initial=0))))
    past = np.full((rows, longest), len(catalogue))
    dwell = np.zeros((rows, longest), np.float32)
    past[row, place] = found[kept]
    dwell[row, place] = np.log1p(np.maximum(watched[kept], 0))
    return Inputs(
        user=torch.from_numpy(_places(users.user, known)),
        past=torch.from_numpy(past),
        dwell=torch.from_numpy(dwell),
        filled=torch.from_numpy((past < len(catalogue)).astype(np.float32)),
        context=torch.from_numpy(np.ascontiguousarray(users.context)),
        weight=torch.from_numpy(np.ascontiguousarray(users.context_weight)),
        offsets=torch.from_numpy(np.ascontiguousarray(users.context_splits[:-1])),
    )


def _places(users: Index, known: Index) -> Index:
    if not len(known):
        return np.zeros(len(users), np.int64)
    places = np.minimum(np.searchsorted(known, users), len(known) - 1)
    return np.where(known[places] == users, places + 1, 0)
