"""Results of a row that come piece by piece, put together."""

from collections.abc import Mapping, Sequence

import numpy as np

from convoy import Batch, Datatype, Tensor
from convoy_services.mesh.column import Column, Columns
from convoy_services.mesh.increment import Increment


class Fold:
    """Gathers what comes of one row.

    What is BYTES or ragged is added to what came before; of anything else the last value stands.
    """

    def __init__(self, columns: Columns, names: Mapping[str, str]) -> None:
        """Gather ``columns``, each from the increments' column that ``names`` says."""
        self._columns = columns
        self._names = names
        self._parts: list[Batch] = []

    def add(self, increment: Increment, place: int) -> Batch:
        """Take the increment's row ``place``; gives that piece, one row."""
        came = increment.batch.columns
        columns = {
            name: came[theirs].slice(place, place + 1)
            if theirs in came
            else Tensor.zeros(1, self._columns[name].datatype, self._columns[name].shape)
            for name, theirs in self._names.items()
        }
        self._parts.append(Batch(rows=1, columns=columns))
        return self._parts[-1]

    def result(self) -> Batch:
        """Give the whole, one row."""
        columns = {
            name: _join(column, [part[name] for part in self._parts])
            for name, column in self._columns.items()
        }
        return Batch(rows=1, columns=columns)


def _join(column: Column, parts: Sequence[Tensor]) -> Tensor:
    if column.ragged:
        whole = Tensor.concat(parts)
        splits = np.array([0, 0 if whole.splits is None else whole.splits[-1]])
        return Tensor(
            datatype=whole.datatype,
            rows=1,
            shape=whole.shape,
            data=whole.data,
            splits=splits,
            offsets=whole.offsets,
        )
    if column.datatype is Datatype.BYTES and not column.shape:
        return Tensor.texts([b"".join(element for part in parts for element in part.elements())])
    return parts[-1]
