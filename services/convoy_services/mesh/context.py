"""What each row carries beside its data, as columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from convoy.tensor import Index

MAX_ROWS = 65535
"""Rows of one request: their ids are told apart by 16 bits."""

URGENT, NORMAL, BACKGROUND = 2, 1, 0
"""The priorities of a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowContext:
    """The context of some rows; times are those of the event loop's monotonic clock."""

    ids: NDArray[np.uint64]
    deadlines: NDArray[np.float64]
    """Seconds on this process's monotonic clock."""
    priorities: NDArray[np.uint8]
    traceparents: Sequence[str] = ()
    """W3C trace contexts, one a row, or none at all."""
    tenants: Sequence[str] = ()
    """One a row, or none at all."""

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.ids)

    def take(self, index: Index) -> Self:
        """Give the context of the rows named by ``index``."""
        return type(self)(
            ids=self.ids[index],
            deadlines=self.deadlines[index],
            priorities=self.priorities[index],
            traceparents=[self.traceparents[i] for i in index] if self.traceparents else (),
            tenants=[self.tenants[i] for i in index] if self.tenants else (),
        )

    def until(self, deadline: float) -> Self:
        """Give the same rows with deadlines no later than ``deadline``."""
        return type(self)(
            ids=self.ids,
            deadlines=np.minimum(self.deadlines, deadline),
            priorities=self.priorities,
            traceparents=self.traceparents,
            tenants=self.tenants,
        )
