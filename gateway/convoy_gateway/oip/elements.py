"""A tensor's elements: as a list of JSON, and as raw bytes, little-endian.

An element of BYTES is a text in JSON; raw, it comes after its length, four bytes.
"""

from itertools import chain
from math import prod
from struct import Struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convoy import Datatype
from convoy.datatype import DTYPES

LENGTH = Struct("<I")

FLOATS = {Datatype.FP16, Datatype.BF16, Datatype.FP32, Datatype.FP64}

_TAKES: dict[Datatype, tuple[set[type], str]] = {
    Datatype.BOOL: ({bool}, "true or false"),
    Datatype.BYTES: ({str}, "a text"),
    **{datatype: ({int, float}, "a number") for datatype in FLOATS},
}
"""What JSON's values become that stand for each type, exactly, for a bool is an int elsewhere; the
types that are left take integers."""

_CALLED = {bool: "a bool", int: "an integer", float: "a fraction", str: "a text"}


def pack(data: list[Any], datatype: Datatype, shape: list[int]) -> bytes:
    """Write elements given flat, or nested as the shape says; raises ValueError where they differ.

    Nothing is rounded but floats.
    """
    values = _flat(data, shape)
    due = prod(shape)
    if len(values) != due:
        raise ValueError(f"there are {len(values)} elements; the shape calls for {due}")
    takes, right = _TAKES.get(datatype, ({int}, "an integer"))
    if not takes.issuperset(map(type, values)):
        place = next(i for i, value in enumerate(values) if type(value) not in takes)
        what = _CALLED.get(type(values[place]), "null or an object")
        raise ValueError(f"element {place} is {what}; one of {datatype} is {right}")
    if datatype is Datatype.BYTES:
        texts = list(map(str.encode, values))
        lengths = map(LENGTH.pack, map(len, texts))
        return b"".join(chain.from_iterable(zip(lengths, texts, strict=True)))
    if datatype is Datatype.BOOL:
        return np.array(values, np.bool_).tobytes()
    return _number(values, datatype).tobytes()


def unpack(raw: bytes, datatype: Datatype) -> list[Any]:
    """Read elements, flat; raises ValueError where they cannot be JSON."""
    if datatype is Datatype.BYTES:
        return _texts(raw)
    array = np.frombuffer(raw, DTYPES[datatype])
    if datatype in FLOATS:
        if not np.isfinite(array).all():
            raise ValueError("has NaN or infinite values")
        array = array.astype(np.float64)
    return list(array.tolist())


def _flat(data: list[Any], shape: list[int]) -> list[Any]:
    """Give the elements end to end; work and memory are as the data's, whatever the shape."""
    level, sizes = data, iter(shape[1:])
    nested = False
    while list in (kinds := set(map(type, level))):
        size = next(sizes, None)
        if size is None:
            raise ValueError(f"arrays nest deeper than the shape {shape} says")
        if kinds != {list} or set(map(len, level)) != {size}:
            raise ValueError(f"arrays do not nest as the shape {shape} says")
        level = list(chain.from_iterable(level))
        nested = True
    if nested and (len(data) != shape[0] or (level and next(sizes, None) is not None)):
        raise ValueError(f"arrays do not nest as the shape {shape} says")
    return level


def _number(values: list[Any], datatype: Datatype) -> NDArray[Any]:
    dtype = DTYPES[datatype]
    if datatype in FLOATS:
        try:
            wide = np.array(values, np.float64)
        except OverflowError as exc:
            raise ValueError(f"a value is out of the range of {datatype}") from exc
        with np.errstate(all="ignore"):
            array = wide.astype(dtype)
        fits = bool(np.isfinite(array).all())
    else:
        bounds = np.iinfo(dtype)
        fits = not values or (bounds.min <= min(values) and max(values) <= bounds.max)
        array = np.array(values if fits else [], dtype)
    if not fits:
        raise ValueError(f"a value is out of the range of {datatype}")
    return array


def _texts(raw: bytes) -> list[str]:
    texts: list[str] = []
    place = 0
    while place < len(raw):
        start = place + LENGTH.size
        place = start + LENGTH.unpack_from(raw, place)[0]
        try:
            texts.append(raw[start:place].decode())
        except UnicodeDecodeError as exc:
            raise ValueError(f"has bytes that are no UTF-8, in element {len(texts)}") from exc
    return texts
