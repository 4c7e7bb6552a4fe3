"""The element types of tensors, by the names of the Open Inference Protocol."""

from enum import StrEnum
from typing import Any

import ml_dtypes
import numpy as np

from convoy.v1 import batch_pb2 as pb


class Datatype(StrEnum):
    """An element type; each but BYTES has a numpy dtype of its own."""

    BOOL = "BOOL"
    UINT8 = "UINT8"
    UINT16 = "UINT16"
    UINT32 = "UINT32"
    UINT64 = "UINT64"
    INT8 = "INT8"
    INT16 = "INT16"
    INT32 = "INT32"
    INT64 = "INT64"
    FP16 = "FP16"
    FP32 = "FP32"
    FP64 = "FP64"
    BF16 = "BF16"
    BYTES = "BYTES"


DTYPES: dict[Datatype, np.dtype[Any]] = {
    Datatype.BOOL: np.dtype(np.bool_),
    Datatype.UINT8: np.dtype(np.uint8),
    Datatype.UINT16: np.dtype("<u2"),
    Datatype.UINT32: np.dtype("<u4"),
    Datatype.UINT64: np.dtype("<u8"),
    Datatype.INT8: np.dtype(np.int8),
    Datatype.INT16: np.dtype("<i2"),
    Datatype.INT32: np.dtype("<i4"),
    Datatype.INT64: np.dtype("<i8"),
    Datatype.FP16: np.dtype("<f2"),
    Datatype.FP32: np.dtype("<f4"),
    Datatype.FP64: np.dtype("<f8"),
    Datatype.BF16: np.dtype(ml_dtypes.bfloat16),
    Datatype.BYTES: np.dtype(np.uint8),
}
"""The numpy dtype of each type's data; the data of BYTES is the bytes themselves."""

TO_WIRE: dict[Datatype, pb.Datatype] = {
    datatype: getattr(pb, f"DATATYPE_{datatype}") for datatype in Datatype
}
FROM_WIRE: dict[int, Datatype] = {number: datatype for datatype, number in TO_WIRE.items()}
FROM_DTYPE: dict[np.dtype[Any], Datatype] = {
    dtype: datatype for datatype, dtype in DTYPES.items() if datatype is not Datatype.BYTES
}
"""The type of a little-endian numpy dtype."""
