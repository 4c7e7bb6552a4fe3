"""What a store knows of the users of a batch."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Histories:
    """One row a user, as flat columns: row i has the entries ``splits[i]`` to ``splits[i + 1]``.

    Entries are newest first and name an item once, at its newest event. Of events of one time,
    the greater id is the newer.
    """

    items: Index
    """What the user clicked or watched."""
    seconds: NDArray[np.float32]
    """How long the newest watch of each such item was; 0 where there is none."""
    times: Index
    """Of the newest click or watch, in microseconds since the epoch."""
    splits: Index
    seen: Index
    """What the user was shown, clicked or watched."""
    seen_splits: Index
    tags: list[tuple[str, ...]]
    """What ``put_users`` said of each row's user."""
