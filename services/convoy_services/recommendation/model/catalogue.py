"""The items that a version knows."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from convoy.tensor import Index

FILE = "items.npz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """What is known of each item; a model's row i is ``ids[i]``."""

    ids: Index
    """int64 [items], ascending."""
    categories: Sequence[str]
    """The names, ascending."""
    category: NDArray[np.int32]
    """int32 [items]: where in ``categories``."""
    uploaded: Index
    """int64 [items]: seconds since the epoch."""
    seconds: NDArray[np.float32]
    """float32 [items]: how long an item plays; 0 where that is not known."""
    clicks: NDArray[np.float32]
    """float32 [items]: clicks in the log, each halved for every week before its end."""

    def __len__(self) -> int:
        """Count the items."""
        return len(self.ids)

    def find(self, ids: Index) -> Index:
        """Give the row of each id, int64 [n]; -1 for those that there are not."""
        if not len(self.ids):
            return np.full(len(ids), -1)
        places = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
        return np.where(self.ids[places] == ids, places, -1)

    def save(self, folder: Path) -> None:
        """Write it into a version's folder."""
        np.savez(
            folder / FILE,
            ids=self.ids,
            categories=np.array(self.categories, dtype=np.str_),
            category=self.category,
            uploaded=self.uploaded,
            seconds=self.seconds,
            clicks=self.clicks,
        )

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read it from a version's folder; raises OSError."""
        with np.load(folder / FILE) as file:
            return cls(
                ids=file["ids"],
                categories=file["categories"].tolist(),
                category=file["category"],
                uploaded=file["uploaded"],
                seconds=file["seconds"],
                clicks=file["clicks"],
            )
