"""The columns of one batch as its steps add them."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from convoy import Batch, ConvoyError, Degradation, Tensor
from convoy.tensor import Index
from convoy_services.mesh.column import Columns
from convoy_services.mesh.plan import Fallback


class Table:
    """``rows`` rows: columns that grow step by step, and the rows that have failed.

    Every column has a place for every row; in the places of rows that failed there are zeros.
    """

    def __init__(self, batch: Batch) -> None:
        """Start with a pipeline's inputs."""
        self.rows = batch.rows
        self.columns: dict[str, Tensor] = dict(batch.columns)
        self.alive: NDArray[np.bool_] = np.ones(batch.rows, np.bool_)
        self.failures: dict[int, ConvoyError] = {}
        """Why rows have failed."""
        self._degraded: dict[tuple[str, str], list[int]] = {}

    def fail(self, rows: Index, error: ConvoyError) -> None:
        """Give up on rows."""
        for row in rows.tolist():
            self.failures.setdefault(row, error)
        self.alive[rows] = False

    def degrade(self, rows: Index, step: str, reason: str) -> None:
        """Note that rows hold a step's fallback."""
        self._degraded.setdefault((step, reason), []).extend(rows.tolist())

    def inputs(self, names: tuple[str, ...], rows: Index) -> Batch:
        """Give the columns that cross to a step; nothing is copied when all rows do."""
        batch = Batch(rows=self.rows, columns={name: self.columns[name] for name in names})
        return batch if len(rows) == self.rows else batch.take(rows)

    def add(self, rows: Index, batch: Batch) -> None:
        """Take the columns that a step gave for some rows."""
        full = batch if len(rows) == self.rows else batch.spread(rows, self.rows)
        for name, tensor in full.columns.items():
            self.columns[name] = tensor
        for row, error in batch.failures.items():
            self.fail(rows[row : row + 1], error)
        for d in batch.degradations:
            self.degrade(rows[list(d.rows)], d.step, d.reason)

    def fill(self, rows: Index, columns: Columns, fallback: Mapping[str, Fallback]) -> None:
        """Put the fallback of each column in the place of the given rows."""
        if not len(rows):
            return
        for name, column in columns.items():
            value = fallback[name].value
            if (like := fallback[name].like) is not None:
                lengths = self.columns[like].take(rows).lengths.tolist()
                stand_in = Tensor.pack(
                    [[value] * n for n in lengths], column.datatype, column.shape
                )
            else:
                stand_in = column.repeat(value, len(rows))
            present = self.columns.get(name)
            if present is None:
                self.columns[name] = stand_in.spread(rows, self.rows)
                continue
            places = np.arange(self.rows)
            places[rows] = self.rows + np.arange(len(rows))
            self.columns[name] = Tensor.concat([present, stand_in]).take(places)

    def result(self, columns: Columns, names: Mapping[str, str]) -> Batch:
        """Give ``columns``, each from the column that ``names`` says.

        A column that no step gave has zeros for every row.
        """
        return Batch(
            rows=self.rows,
            columns={
                name: self.columns.get(names[name])
                or Tensor.zeros(self.rows, column.datatype, column.shape)
                for name, column in columns.items()
            },
            failures=self.failures,
            degradations=tuple(
                Degradation(step, reason, tuple(rows))
                for (step, reason), rows in self._degraded.items()
            ),
        )
