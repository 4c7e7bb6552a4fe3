"""Protobuf's JSON form, in Python: slow, so what is large is left to a thread.

https://protobuf.dev/programming-guides/json/
"""

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from google.protobuf.json_format import MessageToJson, Parse, ParseError
from google.protobuf.message import Message

from convoy import ConvoyError
from convoy.errors import invalid
from convoy_gateway.edge.bounded_json import check_json
from convoy_gateway.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")

AT_ONCE = 16 << 10
"""Bytes that are worked on at once: about a millisecond."""

FIELD = re.compile(r"Failed to parse ([\w.\[\]]{1,200}) field: ")
UNKNOWN = re.compile(r'Message type "([\w.]{1,100})" has no field named "(\w{1,100})"')
ENUM = re.compile(r"Invalid enum value (\w{1,100}) for enum type")
SYNTAX = re.compile(r"Failed to load JSON: ([\w ',:\"()-]{1,100})\.")


class JsonForm:
    """Reads and writes messages; one thread is enough, for Python works on one at a time."""

    def __init__(self, settings: Settings) -> None:
        """Bound what is read as ``settings`` say."""
        self._bounds = settings.json_bounds()
        self._thread = ThreadPoolExecutor(1, "json")

    async def read(self, text: bytes, kind: type[Message]) -> bytes:
        """Give the binary form; raises ConvoyError INVALID_ARGUMENT naming the faulty field."""
        check_json(text, self._bounds)
        return await self._aside(len(text), _read, text, kind)

    async def write(self, data: bytes, kind: type[Message]) -> bytes:
        """Give the JSON; fields that have their default are left out."""
        return await self._aside(len(data), _write, data, kind)

    async def _aside(self, size: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if size <= AT_ONCE:
            return work(*args, **kwargs)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, lambda: work(*args, **kwargs))


def _write(data: bytes, kind: type[Message]) -> bytes:
    return MessageToJson(kind.FromString(data), indent=None).encode()


def _read(text: bytes, kind: type[Message]) -> bytes:
    message = kind()
    name = kind.DESCRIPTOR.name
    if not text.lstrip().startswith(b"{"):
        raise _malformed(f"the JSON of {name} is an object")
    try:
        Parse(bytes(text), message)
    except ParseError as exc:
        raise _explained(str(exc), name) from exc
    except (ValueError, SystemError) as exc:  # of text that is no Unicode
        raise _malformed(f"the JSON is no {name}: its text is not UTF-8") from exc
    return message.SerializeToString()


def _explained(told: str, name: str) -> ConvoyError:
    """Say it without the insides of Python that protobuf repeats."""
    place = FIELD.findall(told)
    where = ".".join(place)
    if found := UNKNOWN.search(told):
        message = f"{found[1].rpartition('.')[2]} has no field {found[2]}"
        return _malformed(message, ".".join([*place, found[2]]))
    if found := ENUM.search(told):
        return _malformed(f"{found[1]} is none of the values that there are", where)
    if found := SYNTAX.match(told):
        return _malformed(f"the body is no JSON: {found[1]}")
    return _malformed("the value does not fit" if where else f"the JSON is no {name}", where)


def _malformed(message: str, field: str = "") -> ConvoyError:
    return invalid(field, message, reason="MALFORMED_MESSAGE")
