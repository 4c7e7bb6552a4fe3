"""JSON from strangers: bounded before it is parsed, and refused field by field."""

import re
from typing import TypeVar

import numpy as np
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from convoy import ConvoyError, Violation
from convoy.errors import invalid
from convoy_gateway.settings import JsonBounds

M = TypeVar("M", bound=BaseModel)

VIOLATIONS = 16
"""Violations that an error lists."""
DETAILED = 1000
"""Violations up to which they are looked at: pydantic makes an object of every one, or of none."""

_BLOCK = 1 << 18
_QUOTE = ord('"')
_NOT_MARKS = bytes(set(range(256)) - set(b'"[]{}'))
_STEPS = bytes.maketrans(b'"[]{}', b"\0\1\xff\1\xff")  # of the depth, as signed bytes
_NOT_VALUES = bytes(set(range(256)) - set(b'"[{,'))
_VALUES = bytes.maketrans(b'"[{,', b"\0\1\1\1")
_NO_NUMBER = re.compile(rb"NaN|Infinity")


def check_json(data: bytes | bytearray, bounds: JsonBounds) -> None:
    """Refuse what nests deeper than it may, has too many values, or too long a string.

    Raises ConvoyError INVALID_ARGUMENT: JSON_TOO_DEEP, JSON_TOO_MANY, JSON_STRING_TOO_LONG. The
    bytes are counted as they are written. What is no JSON at all is left to the parser, which
    stops at its first error; up to there what is counted here is right.
    """
    depth, string = bounds.depth, bounds.string
    opened = data.count(b"[") + data.count(b"{")
    deep = opened > depth
    many = opened + data.count(b",") >= bounds.values
    long = len(data) - 2 > string
    if not (deep or many or long):
        return
    if b"\\" in data:
        # As long as before, and a quote that is left begins or ends a string.
        data = data.replace(b"\\\\", b"__").replace(b'\\"', b"__")
    if long:
        _check_strings(data, string)
    if many:
        _check_values(data.translate(_VALUES, _NOT_VALUES), bounds.values)
    if deep:
        _check_depth(data.translate(_STEPS, _NOT_MARKS), depth)


def _check_strings(data: bytes | bytearray, most: int) -> None:
    opened = -1  # where the string begins that is open between two blocks
    for start in range(0, len(data), _BLOCK):
        block = np.frombuffer(data, np.uint8, min(_BLOCK, len(data) - start), start)
        quotes = np.flatnonzero(block == _QUOTE) + start
        if opened >= 0:
            quotes = np.concatenate(([opened], quotes))
        opened = int(quotes[-1]) if len(quotes) % 2 else -1
        lengths = quotes[1::2] - quotes[: len(quotes) // 2 * 2 : 2] - 1
        if lengths.size and lengths.max() > most:
            raise _long(most)
    if opened >= 0 and len(data) - opened - 1 > most:
        raise _long(most)


def _check_values(marks: bytes | bytearray, most: int) -> None:
    """Count what begins or parts values outside of strings."""
    found, inside = 1, 0
    for start in range(0, len(marks), _BLOCK):
        block = np.frombuffer(marks, np.int8, min(_BLOCK, len(marks) - start), start)
        quotes = block == 0
        outside = np.bitwise_xor.accumulate(quotes.view(np.int8)) ^ (inside ^ 1)
        inside = int(outside[-1]) ^ 1
        found += int(np.count_nonzero(block * outside))
        if found > most:
            raise invalid("", f"there may be {most} values", reason="JSON_TOO_MANY")


def _check_depth(steps: bytes | bytearray, most: int) -> None:
    level, inside = 0, 0
    for start in range(0, len(steps), _BLOCK):
        block = np.frombuffer(steps, np.int8, min(_BLOCK, len(steps) - start), start)
        quotes = block == 0
        if inside or quotes.any():
            outside = np.bitwise_xor.accumulate(quotes.view(np.int8)) ^ (inside ^ 1)
            block = block * outside
            inside = int(outside[-1]) ^ 1
        levels = np.cumsum(block, dtype=np.int32)
        if level + int(levels.max()) > most:
            raise invalid("", f"arrays and objects may nest {most} deep", reason="JSON_TOO_DEEP")
        level += int(levels[-1])


def _long(most: int) -> ConvoyError:
    return invalid("", f"a string may have {most} bytes", reason="JSON_STRING_TOO_LONG")


def parse(data: bytes, model: type[M], bounds: JsonBounds) -> M:
    """Parse and validate; raises ConvoyError: INVALID_REQUEST, MALFORMED_JSON, or check_json's.

    A number beyond a double's range is infinite to the parser and the model's to refuse.
    """
    check_json(data, bounds)
    if _NO_NUMBER.search(data):  # most often in a string
        try:
            from_json(data, allow_inf_nan=False)
        except ValueError as error:
            raise _malformed(str(error)) from None
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        raise _refusal(error) from None


def _refusal(error: ValidationError) -> ConvoyError:
    count = error.error_count()
    if count > DETAILED:
        return invalid("", f"{count} values are not what they should be")
    details = error.errors(include_url=False, include_context=False, include_input=False)
    if details[0]["type"] == "json_invalid":
        return _malformed(details[0]["msg"].removeprefix("Invalid JSON: "))
    found = [
        Violation(_path(d["loc"]), _short(d["msg"].removeprefix("Value error, "), 200))
        for d in details[:VIOLATIONS]
    ]
    return invalid(found[0].field, found[0].description, *found[1:])


def _malformed(what: str) -> ConvoyError:
    return invalid("", f"the body is no JSON: {_short(what, 200)}", reason="MALFORMED_JSON")


def _path(location: tuple[int | str, ...]) -> str:
    parts = (f"[{p}]" if isinstance(p, int) else f".{_short(p, 64)}" for p in location)
    return _short("".join(parts).removeprefix("."), 200)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
