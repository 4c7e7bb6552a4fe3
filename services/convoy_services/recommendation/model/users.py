"""What models are told of those who ask."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convoy.tensor import Index


@dataclass(frozen=True, slots=True, kw_only=True)
class Users:
    """One user a row: who, what they watched, and when and where they ask.

    Ragged fields are flat, with the boundaries of each row in int64 [rows + 1].
    """

    user: Index
    """int64 [rows]: ids; 0 where nobody is named."""
    past: Index
    """int64, flat: ids of the items watched, the newest first."""
    past_dwell: NDArray[np.float32]
    """float32, flat, like ``past``: seconds watched; 0 where that is not known."""
    past_splits: Index
    context: Index
    """int64, flat: buckets of what is known of the moment, as ``context.buckets`` gives them."""
    context_weight: NDArray[np.float32]
    """float32, flat, like ``context``."""
    context_splits: Index

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.user)
