"""Requests and columns, made by hand rather than by the code that is tested."""

import struct
from typing import Any

import numpy as np
from hypothesis import strategies as st

from convoy import Datatype
from convoy.datatype import DTYPES
from convoy.oip.v2 import inference_pb2 as pb
from convoy_services.mesh.column import Column, Columns
from convoy_services.mesh.plan import Limits, PipelinePlan
from tests.unit.convoy import strategies

FIELDS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


def plan(limits: Limits | None = None, **inputs: Column) -> PipelinePlan:
    """A pipeline that takes these columns."""
    return PipelinePlan(
        name="p",
        inputs=Columns(inputs),
        outputs=Columns(),
        sources={},
        steps=(),
        hops=(),
        limits=limits or Limits(),
    )


def encode(values: list[Any], datatype: str) -> bytes:
    """Flat values as the protocol's raw bytes."""
    if datatype == "BYTES":
        return b"".join(struct.pack("<I", len(value)) + value for value in values)
    return np.array(values, DTYPES[Datatype(datatype)]).tobytes()


def tensor(
    name: str, datatype: str, shape: list[int], values: list[Any] | None = None
) -> pb.ModelInferRequest.InferInputTensor:
    """An input, with typed contents where there are values."""
    given = pb.ModelInferRequest.InferInputTensor(name=name, datatype=datatype, shape=shape)
    if values is not None:
        getattr(given.contents, FIELDS[datatype]).extend(values)
    return given


def request(*inputs: Any, raw: list[bytes] = (), **more: Any) -> pb.ModelInferRequest:  # type: ignore[assignment]
    more.setdefault("model_name", "p")
    return pb.ModelInferRequest(inputs=inputs, raw_input_contents=raw, **more)


@st.composite
def tensors(
    draw: st.DrawFn, datatypes: list[Datatype]
) -> tuple[Column, list[int], list[Any], list[Any]]:
    """A column, the shape of its tensor on the wire, its rows, and its elements end to end."""
    datatype = draw(st.sampled_from(datatypes))
    inner = tuple(draw(st.lists(st.integers(1, 3), max_size=2)))
    rows = draw(st.integers(1, 4))
    ragged = draw(st.booleans())
    shape = (draw(st.integers(0, 3)), *inner) if ragged else inner
    nested = draw(strategies.values(datatype, shape, rows))
    flat = nested
    for _ in shape:
        flat = [element for part in flat for element in part]
    column = Column(datatype, (-1, *inner) if ragged else inner)
    return column, [rows, *shape], nested, flat
