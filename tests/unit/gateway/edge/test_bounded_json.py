"""JSON's bounds, and what a request that is wrong is told."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from convoy import Code, ConvoyError
from convoy_gateway.edge import bounded_json
from convoy_gateway.edge.bounded_json import check_json, parse
from convoy_gateway.settings import JsonBounds

MIB = 1 << 20


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = "x"
    shape: list[int] = Field(default=[], max_length=4)


class Body(BaseModel):
    inputs: list[Input] = []
    value: float = 0.0
    free: Any = None


def bounds(depth: int = 8, string: int = 100, values: int = 1 << 30) -> JsonBounds:
    return JsonBounds(depth=depth, string=string, values=values)


def refused(
    data: bytes | bytearray, depth: int = 8, string: int = 100, values: int = 1 << 30
) -> str:
    """Give the reason, or nothing where it passes."""
    try:
        check_json(data, bounds(depth, string, values))
    except ConvoyError as error:
        return error.reason
    return ""


DEEP = "JSON_TOO_DEEP"
LONG = "JSON_STRING_TOO_LONG"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", ""),
        (b"[" * 8 + b"]" * 8, ""),
        (b"[" * 9 + b"]" * 9, DEEP),
        (b'{"a":' * 8 + b"1" + b"}" * 8, ""),
        (b'{"a":' * 9 + b"1" + b"}" * 9, DEEP),
        (b"[" + b"[],{}," * 50 + b"[]]", ""),
        (b'["' + b"[" * 50 + b'"]', ""),
        (b'["\\"' + b"[" * 50 + b'"]', ""),
        (b'["\\\\"' + b"[" * 50, DEEP),
        (b'["\\\\\\"' + b"[" * 50 + b'"]', ""),
        (b'["a\\', ""),
        (b'"' + b"[" * 50, ""),
        (b"]" * 50 + b"[" * 50, ""),
        (b"[" * MIB * 2, DEEP),
        (b"[" + b"[]," * MIB + b"[" * 8, DEEP),
        (b'["' + b"[" * (2 * MIB) + b'",' + b"[" * 7, LONG),
        (b'"' + b"a" * 100 + b'"', ""),
        (b'"' + b"a" * 101 + b'"', LONG),
        (b'"' + b"a" * 102, LONG),
        (b'"' + b'\\"' * 50 + b'"', ""),
        (b'"' + b'\\"' * 51 + b'"', LONG),
        (b'"' + b"\\\\" * 50 + b'"' + b" " * 200 + b'"a"', ""),
        (b'["' + b'a","' * 1000 + b'"]', ""),
        (b" " * (MIB - 50) + b'"' + b"a" * 101 + b'"', LONG),
        (b" " * (MIB - 50) + b'"' + b"a" * 100 + b'"' + b" " * 200, ""),
        (b" " * (MIB - 1) + b'"' + b"a" * 100 + b'"' + b" " * 200, ""),
    ],
    ids=range(26),
)
def test_json_is_bounded(data: bytes, reason: str) -> None:
    assert refused(data) == reason
    assert refused(bytearray(data)) == reason


def test_brackets_of_a_string_that_spans_blocks_nest_nothing() -> None:
    data = b'["' + b"[" * (3 * MIB) + b'",' + b"[" * 7
    assert refused(data, string=4 * MIB) == ""
    assert refused(data, depth=7, string=4 * MIB) == DEEP


def depth_of(value: object) -> int:
    if isinstance(value, dict):
        value = [*value.values()]
    return 1 + max(map(depth_of, value), default=0) if isinstance(value, list) else 0


def strings_of(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [*value, *strings_of([*value.values()])]
    return [s for v in value for s in strings_of(v)] if isinstance(value, list) else []


TEXT = st.text(st.sampled_from('[]{}"\\a,:\n\u00e9'), max_size=12)
VALUES = st.recursive(
    st.integers() | TEXT | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=12,
)


@given(VALUES, st.integers(1, 5), st.integers(1, 12), st.integers(1, 40))
def test_bounds_are_those_of_the_parsed_value(
    value: object, depth: int, string: int, block: int
) -> None:
    data = json.dumps(value).encode()
    too_deep = depth_of(value) > depth
    too_long = any(len(json.dumps(s)) - 2 > string for s in strings_of(value))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bounded_json, "_BLOCK", block)
        assert (refused(data, depth, string) != "") == (too_deep or too_long)


def told(data: bytes) -> ConvoyError:
    with pytest.raises(ConvoyError) as caught:
        parse(data, Body, bounds(string=1000))
    error = caught.value
    assert error.code is Code.INVALID_ARGUMENT
    assert len(error.message) < 1000
    return error


def test_a_body_is_parsed() -> None:
    body = parse(b'{"inputs":[{"shape":[1,2]}],"value":1.5}', Body, bounds())
    assert body == Body(inputs=[Input(shape=[1, 2])], value=1.5)


@pytest.mark.parametrize(
    ("data", "paths"),
    [
        (b'{"inputs":[{"shape":"a"}]}', ["inputs[0].shape"]),
        (b'{"inputs":[{},{"shape":[1,"a"]}],"value":[]}', ["inputs[1].shape[1]", "value"]),
        (b'{"inputs":[{"other":1}]}', ["inputs[0].other"]),
        (b"[]", [""]),
        (b'{"inputs":[%s]}' % b",".join([b"1"] * 40), [f"inputs[{i}]" for i in range(16)]),
        (b'{"inputs":[%s]}' % b",".join([b"1"] * 1001), [""]),
    ],
)
def test_what_is_wrong_is_told_by_its_path(data: bytes, paths: list[str]) -> None:
    error = told(data)
    assert error.reason == "INVALID_REQUEST"
    assert [violation.field for violation in error.violations] == paths


def test_long_input_is_not_repeated() -> None:
    error = told(b'{"inputs":[{"%s":"%s"}],"value":"%s"}' % (b"k" * 900, b"v" * 900, b"w" * 900))
    assert all(len(v.field) <= 200 and len(v.description) <= 200 for v in error.violations)
    assert "v" * 10 not in error.message
    assert "k" * 65 not in error.message


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b'{"value":}',
        b"hello",
        b'{"value":1} x',
        b'{"free":"\xff"}',
        b'{"free":"\\ud800"}',
        b"\xef\xbb\xbf{}",
        b'{"value":NaN}',
        b'{"value":Infinity}',
        b'{"free":[-Infinity]}',
        b'{"free":{"NaN":NaN}}',
    ],
)
def test_what_is_no_json_is_told(data: bytes) -> None:
    error = told(data)
    assert error.reason == "MALFORMED_JSON"
    assert error.message.startswith("the body is no JSON: ")


def test_a_string_may_say_nan() -> None:
    assert parse(b'{"free":"NaN and Infinity"}', Body, bounds()).free


def test_bounds_come_before_the_parser() -> None:
    assert told(b'{"free":' + b"[" * 9).reason == DEEP


@pytest.mark.parametrize(
    ("data", "count"),
    [
        (b"[1,2,3]", 4),
        (b'{"a":1,"b":[]}', 4),
        (b'["a,b","c,,,,d"]', 3),
        (b'["\\",1,\\"",2]', 3),
        (b"[" + b"{}," * MIB + b"{}]", 2 * MIB + 3),
    ],
)
def test_what_begins_or_parts_values_is_counted_outside_of_strings(data: bytes, count: int) -> None:
    assert refused(data, string=MIB * 4, values=count) == ""
    assert refused(data, string=MIB * 4, values=count - 1) == "JSON_TOO_MANY"
