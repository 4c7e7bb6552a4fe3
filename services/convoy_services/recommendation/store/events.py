"""What users did, as columns."""

from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class Kind(IntEnum):
    """What happened between a user and an item."""

    IMPRESSION = 0
    """The item was shown."""
    CLICK = 1
    WATCH = 2
    """The item was watched, for some seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """n events. User, item, kind and time are an event's identity.

    Raises ValueError where the columns do not make events.
    """

    user: NDArray[np.int64]
    item: NDArray[np.int64]
    kind: NDArray[np.uint8]
    """Of ``Kind``."""
    seconds: NDArray[np.float32]
    """Watched; 0 where nothing was."""
    time: NDArray[np.int64]
    """Microseconds since the epoch."""

    def __post_init__(self) -> None:
        shapes = {getattr(self, column.name).shape for column in fields(self)}
        if shapes != {(len(self),)}:
            raise ValueError("the columns of events must be flat and of one length")
        if np.any(self.kind > max(Kind)):
            raise ValueError(f"kind: there are 0 to {max(Kind)}")
        if not np.all(np.isfinite(self.seconds)):
            raise ValueError("seconds: must be finite")

    def __len__(self) -> int:
        return len(self.user)
