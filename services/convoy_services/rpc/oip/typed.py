"""Elements as InferTensorContents: each type in a repeated field."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from convoy import Datatype, Tensor
from convoy.datatype import DTYPES
from convoy.oip.v2 import inference_pb2 as pb
from convoy.tensor import Index

FIELDS = {
    Datatype.BOOL: "bool_contents",
    Datatype.INT8: "int_contents",
    Datatype.INT16: "int_contents",
    Datatype.INT32: "int_contents",
    Datatype.INT64: "int64_contents",
    Datatype.UINT8: "uint_contents",
    Datatype.UINT16: "uint_contents",
    Datatype.UINT32: "uint_contents",
    Datatype.UINT64: "uint64_contents",
    Datatype.FP32: "fp32_contents",
    Datatype.FP64: "fp64_contents",
    Datatype.BYTES: "bytes_contents",
}
"""The field of each type; FP16 and BF16 have none."""

_WIDE = {"int_contents": np.dtype(np.int32), "uint_contents": np.dtype(np.uint32)}


def read(
    contents: pb.InferTensorContents, datatype: Datatype, count: int
) -> tuple[NDArray[Any], Index | None]:
    """Give the data and offsets of ``count`` elements; raises ValueError where they are others."""
    field = FIELDS.get(datatype)
    if field is None:
        raise ValueError(f"{datatype} has no field of its own: send raw_input_contents")
    for other, _ in contents.ListFields():
        if other.name != field:
            raise ValueError(f"elements of {datatype} are in {field}, not in {other.name}")
    values = getattr(contents, field)
    if len(values) != count:
        raise ValueError(f"{field} has {len(values)} elements; the shape calls for {count}")
    if datatype is Datatype.BYTES:
        tensor = Tensor.texts(values)
        return tensor.data, tensor.offsets
    dtype = DTYPES[datatype]
    wide = np.fromiter(values, _WIDE.get(field, dtype), count)
    data = wide.astype(dtype, copy=False)
    if field in _WIDE and not np.array_equal(data, wide):
        raise ValueError(f"a value is out of the range of {datatype}")
    return data, None


def write(tensor: Tensor, contents: pb.InferTensorContents) -> None:
    """Write the elements of every row end to end, of a type that has a field."""
    values = tensor.data.tolist() if tensor.offsets is None else tensor.elements()
    getattr(contents, FIELDS[tensor.datatype]).extend(values)
