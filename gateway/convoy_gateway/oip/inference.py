"""A request for inference and its response, between HTTP and gRPC."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, Self

from pydantic_core import to_json

from convoy import Code, ConvoyError, Datatype, Violation
from convoy.datatype import DTYPES
from convoy.errors import invalid
from convoy.oip.v2 import inference_pb2 as pb
from convoy_gateway.oip import elements, parameters
from convoy_gateway.oip.binary import Tail
from convoy_gateway.oip.requests import InferRequest, Input

BINARY_SIZE, BINARY, BINARY_OUTPUT = "binary_data_size", "binary_data", "binary_data_output"

SHARED_MEMORY = "shared_memory_region"
"""An input in shared memory has no data here; the mesh says why it takes none."""

_RAW = re.compile(r"\braw_input_contents(\[\d+\])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """Which outputs are wanted as raw bytes."""

    outputs: Mapping[str, bool]
    others: bool

    @classmethod
    def of(cls, asked: InferRequest) -> Self:
        """Read what a request wants; raises ConvoyError naming a parameter that is no bool."""
        others = parameters.flag(asked.parameters or {}, BINARY_OUTPUT, "parameters") or False
        outputs: dict[str, bool] = {}
        for i, output in enumerate(asked.outputs or ()):
            path = f"outputs[{i}].parameters"
            told = parameters.flag(output.parameters or {}, BINARY, path)
            outputs[output.name] = others if told is None else told
        return cls(outputs=outputs, others=others)

    def binary(self, output: str) -> bool:
        """Whether an output is wanted as raw bytes."""
        return self.outputs.get(output, self.others)


def decode(asked: InferRequest, tail: Tail, model: str, version: str) -> pb.ModelInferRequest:
    """Make the mesh's request, all elements raw; raises ConvoyError naming the faulty field."""
    request = pb.ModelInferRequest(model_name=model, model_version=version, id=asked.id or "")
    own = parameters.without(asked.parameters, BINARY_OUTPUT)
    parameters.write(own, request.parameters, "parameters")
    for i, given in enumerate(asked.inputs):
        path = f"inputs[{i}]"
        tensor = request.inputs.add(name=given.name, datatype=given.datatype, shape=given.shape)
        own = parameters.without(given.parameters, BINARY_SIZE)
        parameters.write(own, tensor.parameters, f"{path}.parameters")
        request.raw_input_contents.append(_raw(given, tail, path))
    if tail.left:
        raise invalid("inputs", f"{tail.left} bytes after the JSON belong to no input")
    for i, wanted in enumerate(asked.outputs or ()):
        output = request.outputs.add(name=wanted.name)
        own = parameters.without(wanted.parameters, BINARY)
        parameters.write(own, output.parameters, f"outputs[{i}].parameters")
    return request


def encode(response: pb.ModelInferResponse, form: Form) -> tuple[bytes, list[bytes]]:
    """Give the JSON, and the elements that follow it.

    Raises ConvoyError FAILED_PRECONDITION where elements cannot be JSON that are wanted so.
    """
    told: dict[str, Any] = {
        "model_name": response.model_name,
        "model_version": response.model_version,
    }
    if response.id:
        told["id"] = response.id
    if response.parameters:
        told["parameters"] = parameters.read(response.parameters)
    told["outputs"] = outputs = []
    tail: list[bytes] = []
    for tensor, raw in zip(response.outputs, response.raw_output_contents, strict=True):
        output: dict[str, Any] = {
            "name": tensor.name,
            "datatype": tensor.datatype,
            "shape": list(tensor.shape),
        }
        more = parameters.read(tensor.parameters)
        if form.binary(tensor.name):
            more[BINARY_SIZE] = len(raw)
            tail.append(raw)
        else:
            output["data"] = _data(tensor, raw)
        if more:
            output["parameters"] = more
        outputs.append(output)
    return to_json(told), tail


def renamed(error: ConvoyError) -> ConvoyError:
    """Give the mesh's error with the paths that fields have here, for all elements went raw."""
    return ConvoyError(
        error.code,
        _here(error.message),
        error.reason,
        error.stage,
        [Violation(_here(each.field), each.description) for each in error.violations],
        error.retry_after,
        error.metadata,
    )


def _here(text: str) -> str:
    return _RAW.sub(r"inputs\1.data", text)


def _raw(given: Input, tail: Tail, path: str) -> bytes:
    """Give the elements of an input; raises ConvoyError INVALID_ARGUMENT."""
    told = given.parameters or {}
    size = parameters.size(told, BINARY_SIZE, f"{path}.parameters")
    where = f"{path}.data" if size is None else f"{path}.parameters[{BINARY_SIZE}]"
    try:
        if size is None:
            if given.data is not None:
                return elements.pack(given.data, given.datatype, given.shape)
            if SHARED_MEMORY in told:
                return b""
            raise ValueError(f"the elements are missing: give data, or {BINARY_SIZE} and bytes")
        if given.data is not None:
            raise ValueError(f"give data or {BINARY_SIZE}, not both")
        _expect_size(size, given)
        return tail.take(size)
    except ValueError as exc:
        raise invalid(where, str(exc)) from exc


def _expect_size(size: int, given: Input) -> None:
    """Raise ValueError where so many bytes cannot be the elements."""
    count = prod(given.shape)
    if given.datatype is Datatype.BYTES:
        due = count * elements.LENGTH.size
        if size < due:
            raise ValueError(f"{size} bytes; the lengths of {count} elements take {due}")
        return
    due = count * DTYPES[given.datatype].itemsize
    if size != due:
        raise ValueError(f"{size} bytes; {count} elements of {given.datatype} take {due}")


def _data(tensor: pb.ModelInferResponse.InferOutputTensor, raw: bytes) -> list[Any]:
    datatype = Datatype(tensor.datatype)
    try:
        return elements.unpack(raw, datatype)
    except ValueError as exc:
        raise ConvoyError(
            Code.FAILED_PRECONDITION,
            f"output {tensor.name} {exc}, which JSON cannot tell: ask for binary data, by the "
            f"output's parameter {BINARY} or the request's {BINARY_OUTPUT}",
            "NOT_JSON",
        ) from exc
