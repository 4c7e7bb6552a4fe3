"""What the log says of each item, as numbers: how often it was shown, clicked and how long watched.

Counts are halved for every week before the moment they are told for. Few counts are drawn to the
mean of all items, so that nothing is believed for one lucky click.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convoy.tensor import Index

WIDTH = 7
"""How many numbers are told of an item."""

WEEK = 7 * 86_400

DOUBT = 20.0
"""So many impressions of the mean item are added to each item's own."""

FRESH = 5 * 86_400
"""Freshness falls to 1/e in so many seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Sums over the log until one moment; float32 [items] each."""

    shown: NDArray[np.float32]
    clicked: NDArray[np.float32]
    watched: NDArray[np.float32]
    """Of log(1 + seconds), over the clicks."""


def numbers(
    counts: Counts, age: NDArray[np.float32] | Index, seconds: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Give float32 [items, WIDTH] for items of an age and a length, in seconds.

    Each is around 0 and about as far from it as 1.
    """
    mean_click = _ratio(counts.clicked.sum(), counts.shown.sum(), 0.5)
    mean_watch = _ratio(counts.watched.sum(), counts.clicked.sum(), 0.0)
    rate = (counts.clicked + DOUBT * mean_click) / (counts.shown + DOUBT)
    clicks = DOUBT * max(mean_click, 0.05)
    watch = (counts.watched + clicks * mean_watch) / (counts.clicked + clicks)
    days = np.maximum(age, 0) / 86_400
    odds = np.log(rate / (1 - rate + 1e-6) + 1e-6)
    middle = np.log(mean_click / (1 - mean_click + 1e-6) + 1e-6)
    told = np.stack(
        [
            odds - middle,
            2 * (watch - mean_watch),
            np.log1p(counts.shown) / 3 - 1,
            np.log1p(counts.clicked) / 3 - 1,
            np.log1p(days) / 2 - 1,
            np.exp(-days * 86_400 / FRESH),
            np.log1p(np.maximum(seconds, 0)) - 3.5,
        ],
        axis=1,
    )
    return told.astype(np.float32)


def _ratio(part: float, whole: float, otherwise: float) -> float:
    return float(part / whole) if whole > 0 else otherwise
