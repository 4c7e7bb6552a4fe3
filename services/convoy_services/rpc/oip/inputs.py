"""The inputs of a request, as rows. The first dimension of every tensor is the row."""

from collections.abc import Sequence
from math import prod

import numpy as np

from convoy import Batch, Code, ConvoyError, Datatype, Tensor, Violation
from convoy.errors import invalid
from convoy.oip.v2 import inference_pb2 as pb
from convoy_services.mesh.column import Column
from convoy_services.mesh.context import MAX_ROWS
from convoy_services.mesh.plan import PipelinePlan
from convoy_services.rpc.oip import raw, typed

MOST = 16
"""Faulty inputs that are named."""


def read(request: pb.ModelInferRequest, plan: PipelinePlan) -> Batch:
    """Read the rows and add what the request left out.

    Raises ConvoyError INVALID_ARGUMENT naming each faulty field.
    """
    raws = request.raw_input_contents
    if raws and len(raws) != len(request.inputs):
        wrong = f"{len(raws)} entries; there are {len(request.inputs)} inputs"
        raise invalid("raw_input_contents", wrong)
    most = min(MAX_ROWS, plan.limits.rows)
    rows: int | None = None
    columns: dict[str, Tensor] = {}
    faults: list[Violation] = []
    for i, given in enumerate(request.inputs):
        try:
            column = plan.inputs.get(given.name)
            if column is None:
                there = f"there is no input {given.name!r}; there are: {plan.inputs}"
                raise invalid(f"inputs[{i}].name", there)
            if given.name in columns:
                raise invalid(f"inputs[{i}].name", f"the name {given.name!r} is given twice")
            tensor = _read(given, column, f"inputs[{i}]", most, i, raws)
            if rows is not None and tensor.rows != rows:
                wrong = f"{tensor.rows} rows; inputs before it have {rows}"
                raise invalid(f"inputs[{i}].shape", wrong)
            rows, columns[given.name] = tensor.rows, tensor
        except ConvoyError as error:
            faults += error.violations
            if len(faults) == MOST:
                break
    named = {given.name for given in request.inputs}
    faults += [
        Violation("inputs", f"{name} {column} is missing")
        for name, column in plan.inputs.items()
        if not column.optional and name not in named
    ]
    if rows is None and not faults:
        faults.append(Violation("inputs", "give one at least: it says how many rows there are"))
    if faults:
        raise invalid(faults[0].field, faults[0].description, *faults[1:], reason="INVALID_TENSOR")
    assert rows is not None
    return plan.inputs.complete(Batch(rows=rows, columns=columns))


def refuse_shared_memory(request: pb.ModelInferRequest) -> None:
    """Raise ConvoyError UNIMPLEMENTED where a tensor would lie in shared memory."""
    named = {
        **{f"inputs[{i}]": tensor.parameters for i, tensor in enumerate(request.inputs)},
        **{f"outputs[{i}]": tensor.parameters for i, tensor in enumerate(request.outputs)},
    }
    for path, parameters in named.items():
        if "shared_memory_region" in parameters:
            raise ConvoyError(
                Code.UNIMPLEMENTED,
                f"{path} is in shared memory, which Convoy has none of with its clients: a mesh "
                "runs on many machines. Send the tensor in the message",
                "SHARED_MEMORY_UNSUPPORTED",
            )


def _read(
    given: pb.ModelInferRequest.InferInputTensor,
    column: Column,
    path: str,
    most: int,
    place: int,
    raws: Sequence[bytes],
) -> Tensor:
    """Read one input; raises ConvoyError INVALID_ARGUMENT."""
    datatype = column.datatype
    if given.datatype != datatype:
        raise invalid(f"{path}.datatype", f"the datatype is {given.datatype!r}, not {datatype}")
    shape = tuple(given.shape)
    if not _fits(shape, column):
        wrong = f"the shape is {list(shape)}, not {_due(column)}"
        raise invalid(f"{path}.shape", wrong)
    rows = shape[0]
    if not 1 <= rows <= most:
        raise invalid(f"{path}.shape", f"{rows} rows; take 1 to {most}")
    if raws and given.HasField("contents"):
        raise invalid(f"{path}.contents", "give contents or raw_input_contents, not both")
    where = f"raw_input_contents[{place}]" if raws else f"{path}.contents"
    try:
        if raws:
            data, offsets = raw.read(raws[place], datatype, prod(shape))
        else:
            data, offsets = typed.read(given.contents, datatype, prod(shape))
        tensor = Tensor(
            datatype=datatype,
            rows=rows,
            shape=column.shape,
            data=data,
            splits=np.arange(rows + 1, dtype=np.int64) * shape[1] if column.ragged else None,
            offsets=offsets,
        )
        if datatype is Datatype.BOOL:
            tensor.check()  # the bytes may be anything
    except ValueError as exc:
        raise invalid(where, str(exc)) from exc
    if refusal := column.refusal(tensor):
        raise invalid(where, refusal)
    return tensor


def _fits(shape: tuple[int, ...], column: Column) -> bool:
    """Whether a tensor of rows has this shape; Triton's models write a scalar as [n, 1]."""
    inner = shape[1:]
    if column.ragged:
        return len(inner) == len(column.shape) and inner[0] >= 0 and inner[1:] == column.shape[1:]
    return bool(shape) and (inner == column.shape or (inner == (1,) and not column.shape))


def _due(column: Column) -> str:
    return f"[{', '.join(['rows', *map(str, column.shape)])}]"
