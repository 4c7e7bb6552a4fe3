"""Where a batch of texts is cut, so that little of what the encoder computes is padding."""

import numpy as np
from numpy.typing import NDArray


def cut(
    lengths: NDArray[np.int64], *, token_budget: int = 1024, call_cost: int = 24
) -> list[NDArray[np.int64]]:
    """Split rows of ``lengths`` [n] tokens (1 or more) into sub-batches, each an array of indices.

    Every row comes once, shortest first. A sub-batch of ``k`` rows, ``t`` tokens the longest, costs
    ``k * t`` tokens, at most ``token_budget`` unless it is one row alone, and ``call_cost`` more
    for the call itself. The sum is least over all cuts of the sorted rows (dynamic programming,
    5 ms for 1,000 rows).

    The defaults are measured with MiniLM on one thread: a call costs what 32 tokens cost in torch
    and 12 in OpenVINO, and 24 stays within about 1 % of the best for either; past 1,024 tokens a
    bigger sub-batch gains nothing, and at 4,096 it loses 7-14 % to the caches.
    """
    order = np.argsort(lengths, kind="stable")
    ascending = lengths[order]
    rows = len(order)
    starts = np.zeros(rows + 1, dtype=np.int64)
    costs = np.zeros(rows + 1, dtype=np.int64)
    before = np.arange(rows + 1)
    for end in range(1, rows + 1):
        longest = int(ascending[end - 1])
        first = max(0, end - max(1, token_budget // longest))
        candidates = costs[first:end] + (end - before[first:end]) * longest + call_cost
        best = int(candidates.argmin())
        costs[end] = candidates[best]
        starts[end] = first + best
    return _slices(order, starts)


def _slices(order: NDArray[np.int64], starts: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Walk back from the last row; the sub-batch that ends before ``end`` begins at its start."""
    pieces: list[NDArray[np.int64]] = []
    end = len(order)
    while end:
        start = int(starts[end])
        pieces.append(order[start:end])
        end = start
    return pieces[::-1]
