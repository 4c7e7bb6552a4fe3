"""How good predictions and orders are, as numbers."""

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float32] | NDArray[np.float64]


def auc(predicted: Reals, click: NDArray[np.bool_]) -> float:
    """Give the probability that a click is ranked above what was not clicked; ties are half."""
    _, place, count = np.unique(predicted, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[place]
    clicks = int(click.sum())
    pairs = clicks * (len(click) - clicks)
    if not pairs:
        return 0.5
    return float((rank[click].sum() - clicks * (clicks + 1) / 2) / pairs)


def ece(predicted: Reals, click: NDArray[np.bool_], bins: int = 15) -> float:
    """Give the expected calibration error over bins of equally many predictions."""
    order = np.argsort(predicted, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    off = [abs(predicted[part].mean() - click[part].mean()) * len(part) for part in parts]
    return float(sum(off) / len(predicted))


def ndcg(gains: Reals, ideal: Reals) -> float:
    """Give the discounted gain of an order beside the best one's; both the gains from the top."""
    best = _discounted(np.sort(ideal.astype(np.float64))[::-1])
    return _discounted(gains) / best if best > 0 else 0.0


def _discounted(gains: Reals) -> float:
    return float((gains / np.log2(np.arange(len(gains)) + 2)).sum())
