"""Requests that are nearly right: valid ones, changed where it hurts.

A change is three numbers: which field of the message, how, and to what. The same numbers always
make the same request, so that what fails can be made smaller and tried again.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

Change = tuple[int, int, int]

NUMBERS = (0, 1, 2, 3, 7, 255, 256, 65535, 1 << 16, 2**31 - 1, 2**32 - 1, 2**62, 2**63 - 1, -1, -2)
FLOATS = (0.0, -1.0, 1e38, float("nan"), float("inf"), -float("inf"))
TEXTS = ("", "mean", "echo", "embedding", "tokenize", "points", "FP32", "BYTES", "é" * 9, "x" * 999)
BYTES = (b"", b"\0", b"\xff" * 3, b"abc", b"\0" * 8, b"\0" * 24, b"\xff" * 8, b"\xff\xc0" * 500)

_LIMITS = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_ENUM: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}
_REPEATED_AT_MOST = 40


def mutate(message: Message, change: Change) -> None:
    """Change one field somewhere in a message."""
    place, how, what = change
    fields = [*_fields(message)]
    if not fields:
        return
    owner, field = fields[place % len(fields)]
    if _is_map(field):
        owner.ClearField(field.name)
    elif field.is_repeated:
        _mutate_repeated(owner, field, how, what)
    elif field.message_type is not None:
        if how % 2:
            owner.ClearField(field.name)
        else:
            getattr(owner, field.name).SetInParent()
    else:
        setattr(owner, field.name, _value(field, getattr(owner, field.name), how, what))


def spoil(data: bytes, change: Change) -> bytes:
    """Change bytes somewhere in a serialized message."""
    place, how, what = change
    at = place % (len(data) + 1)
    match how % 5:
        case 0:
            return data[:at]
        case 1:
            return data[:at] + bytes([what % 256]) + data[at + 1 :]
        case 2:
            return data[:at] + BYTES[what % len(BYTES)] + data[at:]
        case 3:
            return data[:at] + data[at + 1 + what % 16 :]
        case _:
            return data + data[: what % 64]


def _fields(message: Message) -> Iterator[tuple[Any, FieldDescriptor]]:
    """Give every field of a message and of those in it, set or not."""
    for field in message.DESCRIPTOR.fields:
        yield message, field
        if field.message_type is None or _is_map(field):
            continue
        if field.is_repeated:
            for inner in getattr(message, field.name):
                yield from _fields(inner)
        elif message.HasField(field.name):
            yield from _fields(getattr(message, field.name))


def _mutate_repeated(owner: Any, field: FieldDescriptor, how: int, what: int) -> None:
    items = getattr(owner, field.name)
    at = what % len(items) if len(items) else 0
    match how % 4:
        case 0 if items:
            del items[at]
        case 1 if items and len(items) < _REPEATED_AT_MOST:
            copies = [items[at]] * (1 + what % 8)
            items.extend(copies)
        case 2 if field.message_type is None and items:
            items[at] = _value(field, items[at], how // 4, what)
        case _ if field.message_type is not None:
            items.add()
        case _:
            items.append(_value(field, field.default_value or _zero(field), how // 4, what))


def _zero(field: FieldDescriptor) -> Any:
    kinds: dict[int, Any] = {FieldDescriptor.CPPTYPE_STRING: ""}
    if field.type == FieldDescriptor.TYPE_BYTES:
        return b""
    return kinds.get(field.cpp_type, 0)


def _value(field: FieldDescriptor, old: Any, how: int, what: int) -> Any:
    """Give another value for a field that is no message."""
    if field.type == FieldDescriptor.TYPE_BYTES:
        return _bytes(old, how, what)
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return TEXTS[what % len(TEXTS)]
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return not old
    if field.cpp_type in (FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE):
        return FLOATS[what % len(FLOATS)]
    least, most = _LIMITS[field.cpp_type]
    number = old + 1 if how % 3 == 0 else NUMBERS[what % len(NUMBERS)]
    return min(max(number, least), most)


def _bytes(old: bytes, how: int, what: int) -> bytes:
    """Give other bytes: data, or a list of int64, as splits, offsets and deadlines are."""
    if len(old) % 8 or not old or how % 2:
        return BYTES[what % len(BYTES)] if how % 3 else spoil(old, (what, how // 3, what // 7))
    numbers = np.frombuffer(old, "<i8").copy()
    at = what % len(numbers)
    match how // 2 % 4:
        case 0:
            numbers[at] = NUMBERS[what % len(NUMBERS)]
        case 1:
            numbers = np.delete(numbers, at)
        case 2:
            numbers = np.append(numbers, numbers[-1] + what % 3)
        case _:
            numbers = numbers[::-1]
    return numbers.tobytes()


def _is_map(field: FieldDescriptor) -> bool:
    message = field.message_type
    return message is not None and bool(message.GetOptions().map_entry)


def made(seed: Message, changes: Sequence[Change], spoilt: Sequence[Change]) -> bytes:
    """Give a changed copy of a message, serialized."""
    message = type(seed)()
    message.CopyFrom(seed)
    for change in changes:
        mutate(message, change)
    data = message.SerializeToString()
    for change in spoilt:
        data = spoil(data, change)
    return data
