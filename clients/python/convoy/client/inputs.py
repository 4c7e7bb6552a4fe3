"""What a caller gives, as a batch."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from convoy.batch import Batch
from convoy.datatype import FROM_WIRE
from convoy.errors import ConvoyError, invalid
from convoy.tensor import Tensor
from convoy.v1 import pipeline_pb2 as pb


def tells_its_type(values: Any) -> bool:
    """Whether it is a tensor or an array of numbers, so that no declaration is needed."""
    is_array = isinstance(values, np.ndarray) and values.dtype.kind not in "OSUT"
    return is_array or isinstance(values, Tensor)


def to_batch(columns: Mapping[str, Any], declared: Iterable[pb.ColumnSpec]) -> Batch:
    """Make a batch.

    A Tensor is taken as it is, an array by its own dtype and shape, everything else (lists, lists
    of lists or of arrays, arrays of objects or text) as the column of that name is declared.
    Raises ConvoyError INVALID_ARGUMENT naming the column that does not fit.
    """
    specs = {spec.name: spec for spec in declared}
    tensors = {name: _pack(name, values, specs) for name, values in columns.items()}
    rows = {name: tensor.rows for name, tensor in tensors.items()}
    if len(set(rows.values())) > 1:
        raise invalid("batch.tensors", f"all columns have a value for each row; there are {rows}")
    return Batch(rows=max(rows.values(), default=0), columns=tensors)


def several(field: str, values: Sequence[str]) -> Sequence[str]:
    """Refuse one text where a sequence of texts is due."""
    if isinstance(values, str | bytes):
        raise invalid(field, "give a list, also of one")
    return values


def _pack(name: str, values: Any, specs: Mapping[str, pb.ColumnSpec]) -> Tensor:
    if isinstance(values, Tensor):
        return values
    try:
        if tells_its_type(values):
            return Tensor.of(values)
        spec = specs.get(name)
        if spec is None:
            raise ValueError(f"there is no such input; there are: {', '.join(specs)}")
        if isinstance(values, str | bytes) or not hasattr(values, "__len__"):
            raise ValueError("give a list with a value for each row")
        return Tensor.pack(values, FROM_WIRE[spec.datatype], tuple(spec.shape))
    except (ValueError, TypeError, OverflowError) as exc:
        raise _unfit(name, specs.get(name), str(exc)) from exc


def _unfit(name: str, spec: pb.ColumnSpec | None, why: str) -> ConvoyError:
    declared = f"{FROM_WIRE[spec.datatype]} {list(spec.shape)}: " if spec else ""
    return invalid(f"batch.tensors[{name}]", declared + why)
