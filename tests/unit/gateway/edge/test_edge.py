"""The edge as a dialect sees it."""

import asyncio

import pytest
from pydantic import BaseModel
from starlette.requests import Request
from starlette.types import Message

from convoy import ConvoyError
from convoy_gateway.edge.edge import Edge
from convoy_gateway.settings import Settings


class Body(BaseModel):
    text: str


EDGE = Edge(Settings.model_validate({"max_body": 100, "max_json_depth": 3, "max_json_string": 10}))


def request(body: bytes) -> Request:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request({"type": "http", "headers": []}, receive)


async def test_a_request_is_read() -> None:
    now = asyncio.get_running_loop().time()
    call = EDGE.call({"x-request-timeout": "5", "convoy-a": "b"})
    assert call.metadata == {"convoy-a": "b"}
    assert now + 5 <= call.deadline
    assert EDGE.parse(await EDGE.body(request(b'{"text":"hello"}')), Body) == Body(text="hello")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"[[[[", "JSON_TOO_DEEP"),
        (b'{"text":"hello, all the world"}', "JSON_STRING_TOO_LONG"),
        (b"{", "MALFORMED_JSON"),
        (b"{}", "INVALID_REQUEST"),
        (b" " * 101, "BODY_TOO_LARGE"),
    ],
)
async def test_the_settings_bound_a_request(data: bytes, reason: str) -> None:
    with pytest.raises(ConvoyError) as caught:
        EDGE.parse(await EDGE.body(request(data)), Body)
    assert caught.value.reason == reason
