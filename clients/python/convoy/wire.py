"""Batches as protobuf messages, and back. Nothing is parsed element by element."""

import numpy as np

from convoy.batch import Batch, Degradation
from convoy.datatype import DTYPES, FROM_WIRE, TO_WIRE
from convoy.errors import Violation, invalid
from convoy.status import from_failure, to_failure
from convoy.tensor import Index, Tensor
from convoy.v1 import batch_pb2 as pb

MOST = 16
"""Faulty tensors that are named."""


def write_batch(batch: Batch, message: pb.Batch) -> None:
    """Write a batch into an empty message."""
    message.rows = batch.rows
    for name, tensor in batch.columns.items():
        _write_tensor(name, tensor, message.tensors.add())
    for row, error in batch.failures.items():
        message.failures.add(row=row, failure=to_failure(error))
    for d in batch.degradations:
        message.degradations.add(step=d.step, reason=d.reason, rows=d.rows)


def read_batch(message: pb.Batch, path: str = "batch") -> Batch:
    """Read a batch as views of the message's bytes.

    Raises ConvoyError INVALID_ARGUMENT naming each faulty field below ``path``.
    """
    rows = message.rows
    columns: dict[str, Tensor] = {}
    faults: list[Violation] = []
    for i, tensor in enumerate(message.tensors):
        try:
            if tensor.name in columns:
                raise ValueError(f"the name {tensor.name!r} is given twice")
            columns[tensor.name] = _read_tensor(tensor, rows)
        except ValueError as exc:
            where = f"{path}.tensors[{i}]"
            faults.append(Violation(where, f"{tensor.name or 'a tensor without a name'}: {exc}"))
            if len(faults) == MOST:
                break
    beyond = f"there are {rows} rows"
    if any(failure.row >= rows for failure in message.failures):
        faults.append(Violation(f"{path}.failures", beyond))
    if any(row >= rows for degradation in message.degradations for row in degradation.rows):
        faults.append(Violation(f"{path}.degradations", beyond))
    if faults:
        raise invalid(faults[0].field, faults[0].description, *faults[1:], reason="INVALID_TENSOR")
    return Batch(
        rows=rows,
        columns=columns,
        failures={f.row: from_failure(f.failure) for f in message.failures},
        degradations=tuple(
            Degradation(d.step, d.reason, tuple(d.rows)) for d in message.degradations
        ),
    )


def _write_tensor(name: str, tensor: Tensor, message: pb.Tensor) -> None:
    message.name = name
    message.datatype = TO_WIRE[tensor.datatype]
    if tensor.shape:
        message.shape.extend(tensor.shape)
    message.data = tensor.data.tobytes()
    if tensor.splits is not None:
        message.row_splits = tensor.splits.tobytes()
    if tensor.offsets is not None:
        message.offsets = tensor.offsets.tobytes()


def _read_tensor(message: pb.Tensor, rows: int) -> Tensor:
    """Read a tensor; raises ValueError when it contradicts itself."""
    datatype = FROM_WIRE.get(message.datatype)
    if datatype is None:
        raise ValueError("the datatype is missing or unknown")
    data, splits, offsets = message.data, message.row_splits, message.offsets
    dtype = DTYPES[datatype]
    if len(data) % dtype.itemsize:
        raise ValueError(f"the data's {len(data)} bytes are no multiple of {dtype.itemsize}")
    tensor = Tensor(
        datatype=datatype,
        rows=rows,
        shape=tuple(message.shape),
        data=np.frombuffer(data, dtype),
        splits=_read_index("row_splits", splits) if splits else None,
        offsets=_read_index("offsets", offsets) if offsets else None,
    )
    tensor.check()
    return tensor


def _read_index(name: str, data: bytes) -> Index:
    if len(data) % 8:
        raise ValueError(f"the {len(data)} bytes of {name} are no multiple of 8")
    return np.frombuffer(data, "<i8")
