"""Popularity that fades, by forward decay.

An event of time t weighs 2^((now - t) / -h), where h is the half-life. Forward decay (Cormode,
Shkapenyuk, Srivastava, Xu: "Forward Decay: A Practical Time Decay Model for Streaming Systems",
ICDE 2009) keeps the sum of 2^(t / h), which no passing of time changes, and divides it by
2^(now / h) when asked. So one number an item is kept, and their order is that of popularity at
any time. Its logarithm is kept, as the sum itself soon exceeds any float: an item's level.
"""

import numpy as np
from numpy.typing import NDArray

from convoy_services.recommendation.store.histories import Index

Levels = NDArray[np.float64]

NOTHING = -np.inf
"""The level of an item without events."""


def level(times: Index, half_life: float) -> Levels:
    """Give the level of single events."""
    return times / 1e6 / half_life


def rank(items: Index, levels: Levels) -> Index:
    """Give the order of items, the most popular first, ties by id.

    Levels are compared to a millionth: sums in another order differ in their last bits.
    """
    return np.lexsort((items, -levels.round(6)))


def weigh(levels: Levels, now: int, half_life: float) -> NDArray[np.float32]:
    """Give what items weigh at a time; an event of that very time weighs 1."""
    exponents = levels - now / 1e6 / half_life
    weights: NDArray[np.float32] = np.exp2(exponents.clip(-126, 127)).astype(np.float32)
    return weights
