"""The columns that a stage takes and gives, as its author declares them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import numpy as np

from convoy import Batch, ConvoyError, Datatype, Tensor, Violation
from convoy.errors import invalid
from convoy_services.mesh.context import MAX_ROWS

MOST = 16
"""Faulty rows that are named."""

FLOATS = (Datatype.FP16, Datatype.FP32, Datatype.FP64, Datatype.BF16)
"""The types that have NaN and infinity."""


class _Default(Enum):
    NONE = "no default"


@dataclass(frozen=True, slots=True, init=False)
class Column:
    """The type of one column: an element type and the shape of a row.

    ``Column("FP32", [384])`` is 384 floats a row, ``Column("INT64", [-1])`` a ragged list of
    integers, ``Column("BYTES")`` one string. Where the column is an input of a pipeline, a
    ``default`` lets callers leave it out, and ``finite`` refuses them NaN and infinity.
    """

    datatype: Datatype
    shape: tuple[int, ...]
    default: Any
    finite: bool

    def __init__(
        self,
        datatype: str,
        shape: Sequence[int] = (),
        *,
        default: Any = _Default.NONE,
        finite: bool = False,
    ) -> None:
        """Raise ValueError where the type is unknown or a size is neither positive nor -1."""
        if any(size < 1 and not (i == 0 and size == -1) for i, size in enumerate(shape)):
            raise ValueError(f"shape {list(shape)}: sizes are positive, only the first may be -1")
        if finite and datatype not in FLOATS:
            raise ValueError(f"every {datatype} is finite: only floats can be asked to be")
        object.__setattr__(self, "datatype", Datatype(datatype))
        object.__setattr__(self, "shape", tuple(shape))
        object.__setattr__(self, "default", default)
        object.__setattr__(self, "finite", finite)

    def __str__(self) -> str:
        """Write the type as the docs do: ``FP32 [384]``."""
        return f"{self.datatype} {list(self.shape)}"

    @property
    def optional(self) -> bool:
        """Whether callers may leave the column out."""
        return self.default is not _Default.NONE

    @property
    def ragged(self) -> bool:
        """Whether rows differ in length."""
        return bool(self.shape) and self.shape[0] == -1

    def fits(self, other: "Column") -> bool:
        """Whether values of ``other`` may be given where this column is asked for."""
        return self.datatype is other.datatype and self.shape == other.shape

    def both(self, other: "Column") -> "Column":
        """Give the input that a later and this taker share; the other where their types differ."""
        if not self.fits(other):
            return other
        return replace(self if other.optional else other, finite=self.finite or other.finite)

    def fault(self, tensor: Tensor) -> str | None:
        """Say what is wrong with a tensor given for this column, or None."""
        if tensor.datatype is not self.datatype:
            return f"the datatype is {tensor.datatype}, not {self.datatype}"
        if tensor.shape != self.shape:
            return f"the shape of a row is {list(tensor.shape)}, not {list(self.shape)}"
        return None

    def refusal(self, tensor: Tensor) -> str | None:
        """Say which of a caller's values are refused, in a tensor that has no fault; or None."""
        if not self.finite:
            return None
        entries = np.flatnonzero(~np.isfinite(tensor.data)) // tensor.width
        if not len(entries):
            return None
        if tensor.splits is not None:
            entries = np.searchsorted(tensor.splits, entries, side="right") - 1
        rows = np.unique(entries).tolist()
        more = f" and {len(rows) - MOST} more" if len(rows) > MOST else ""
        return f"NaN or infinity in row {', '.join(map(str, rows[:MOST]))}{more}; take finite"

    def repeat(self, value: Any, rows: int) -> Tensor:
        """Give the same value for each of ``rows`` rows; one number may fill a row of many."""
        if self.shape and not self.ragged and np.ndim(value) == 0:
            value = np.full(self.shape, value)
        one = Tensor.pack([value], self.datatype, self.shape)
        return one if rows == 1 else one.take(np.zeros(rows, np.int64))


class Columns(dict[str, Column]):
    """Named columns, in order: ``Columns(text=Column("BYTES"))``."""

    def __str__(self) -> str:
        """Write all columns on one line."""
        return ", ".join(f"{name} {column}" for name, column in self.items()) or "nothing"

    def pack(
        self, *, rows: int, failures: Mapping[int, ConvoyError] | None = None, **values: Any
    ) -> Batch:
        """Make a batch of arrays or nested lists, one value for each column.

        A Tensor is taken as it is. Raises ValueError where a column is missing or does not fit.
        """
        columns: dict[str, Tensor] = {}
        for name, column in self.items():
            if name not in values:
                raise ValueError(f"column {name} is missing")
            given = values[name]
            is_tensor = isinstance(given, Tensor)
            columns[name] = (
                given if is_tensor else Tensor.pack(given, column.datatype, column.shape)
            )
        batch = Batch(rows=rows, columns=columns, failures=failures or {})
        self.check(batch)
        return batch

    def check(self, batch: Batch) -> None:
        """Raise ValueError where the batch lacks a column or one has the wrong type."""
        for name, column in self.items():
            tensor = batch.columns.get(name)
            if tensor is None:
                raise ValueError(f"column {name} is missing")
            if fault := column.fault(tensor):
                raise ValueError(f"column {name}: {fault}")
            if tensor.rows != batch.rows:
                raise ValueError(f"column {name} has {tensor.rows} rows, not {batch.rows}")

    def complete(self, batch: Batch) -> Batch:
        """Add the default of each optional column that the batch lacks."""
        lacking = [name for name, c in self.items() if c.optional and name not in batch.columns]
        if not lacking:
            return batch
        added = {name: self[name].repeat(self[name].default, batch.rows) for name in lacking}
        return Batch(rows=batch.rows, columns={**batch.columns, **added})

    def admit(self, batch: Batch, path: str = "batch") -> Batch:
        """Check a caller's batch and add what it left out; no row of it has failed.

        Raises ConvoyError INVALID_ARGUMENT that names every faulty column below ``path``.
        """
        faults = []
        if not 1 <= batch.rows <= MAX_ROWS:
            faults.append(Violation(f"{path}.rows", f"{batch.rows} rows; take 1 to {MAX_ROWS}"))
        for name, column in self.items():
            tensor = batch.columns.get(name)
            if tensor is None:
                if not column.optional:
                    faults.append(Violation(f"{path}.tensors", f"{name} {column} is missing"))
            elif fault := column.fault(tensor) or column.refusal(tensor):
                faults.append(Violation(f"{path}.tensors[{name}]", fault))
        for name in batch.columns.keys() - self.keys():
            there = f"there is no such input; there are: {self}"
            faults.append(Violation(f"{path}.tensors[{name}]", there))
        if faults:
            raise invalid(faults[0].field, faults[0].description, *faults[1:])
        if batch.failures or batch.degradations:
            batch = Batch(rows=batch.rows, columns=batch.columns)
        return self.complete(batch)
