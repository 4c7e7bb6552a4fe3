"""Ragged columns: the entries of all rows end to end, and where each row ends."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from convoy import Tensor
from convoy.datatype import FROM_DTYPE
from convoy.tensor import Index


def ragged(data: NDArray[Any], splits: Index) -> Tensor:
    """Make a column of its entries, 1-D, and its boundaries, int64 [rows + 1]."""
    return Tensor(
        datatype=FROM_DTYPE[data.dtype],
        rows=len(splits) - 1,
        shape=(-1,),
        data=data,
        splits=splits,
    )


def boundaries(column: Tensor) -> Index:
    """Give where the rows of a ragged column end, int64 [rows + 1]."""
    assert column.splits is not None
    return column.splits


def owners(splits: Index) -> Index:
    """Give the row of each entry, int64 [entries]."""
    return np.repeat(np.arange(len(splits) - 1), np.diff(splits))


def places(splits: Index) -> Index:
    """Give the place of each entry in its row, from 0, int64 [entries]."""
    return np.arange(splits[-1]) - np.repeat(splits[:-1], np.diff(splits))


def alike(first: Tensor, *others: Tensor) -> bool:
    """Whether the rows of all columns have the same lengths."""
    return all(np.array_equal(boundaries(first), boundaries(other)) for other in others)
