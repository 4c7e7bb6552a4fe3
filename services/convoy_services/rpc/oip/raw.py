"""Elements as raw bytes, little-endian; one of BYTES comes after its length, 4 bytes.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_grpc.md
"""

from struct import Struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convoy import Datatype, Tensor
from convoy.datatype import DTYPES
from convoy.tensor import Index

LENGTH = Struct("<I")


def read(raw: bytes, datatype: Datatype, count: int) -> tuple[NDArray[Any], Index | None]:
    """Give the data and offsets of ``count`` elements; raises ValueError where they are others."""
    if datatype is Datatype.BYTES:
        return _read_bytes(raw, count)
    dtype = DTYPES[datatype]
    if len(raw) != count * dtype.itemsize:
        due = f"{count} elements of {datatype} take {count * dtype.itemsize}"
        raise ValueError(f"there are {len(raw)} bytes; {due}")
    return np.frombuffer(raw, dtype), None


def write(tensor: Tensor) -> bytes:
    """Write the elements of every row end to end."""
    if tensor.offsets is None:
        return tensor.data.tobytes()
    lengths = np.diff(tensor.offsets)
    raw = np.empty(len(tensor.data) + LENGTH.size * len(lengths), np.uint8)
    prefixes = _prefixes(tensor.offsets[:-1] + LENGTH.size * np.arange(len(lengths)))
    raw[prefixes] = lengths.astype("<u4").view(np.uint8)
    raw[_others(prefixes, len(raw))] = tensor.data
    return raw.tobytes()


def _read_bytes(raw: bytes, count: int) -> tuple[NDArray[Any], Index]:
    if count * LENGTH.size > len(raw):
        raise ValueError(f"there are {len(raw)} bytes: too few for the lengths of {count} elements")
    starts = np.empty(count + 1, np.int64)
    place = 0
    for i in range(count):  # where an element begins, only the one before it tells
        starts[i] = place
        if place + LENGTH.size > len(raw):
            raise ValueError(f"the bytes end before element {i} of {count}")
        place += LENGTH.size + LENGTH.unpack_from(raw, place)[0]
    starts[count] = place
    if place != len(raw):
        raise ValueError(f"there are {len(raw)} bytes; the lengths of {count} elements say {place}")
    data = np.frombuffer(raw, np.uint8)[_others(_prefixes(starts[:-1]), len(raw))]
    return data, starts - LENGTH.size * np.arange(count + 1)


def _prefixes(starts: Index) -> Index:
    """Give the places of the lengths' own bytes."""
    return (starts[:, None] + np.arange(LENGTH.size)).reshape(-1)


def _others(places: Index, size: int) -> NDArray[np.bool_]:
    mask = np.ones(size, np.bool_)
    mask[places] = False
    return mask
