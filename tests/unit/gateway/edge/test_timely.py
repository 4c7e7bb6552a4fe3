"""A body that takes too long: the app is told, and answers as it answers every error."""

import asyncio
from typing import cast

import connectrpc.code
import pytest
from connectrpc.errors import ConnectError
from connectrpc.method import IdempotencyLevel, MethodInfo, StreamType
from connectrpc.server import ConnectASGIApplication, Endpoint
from google.protobuf.empty_pb2 import Empty
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from convoy import Code, ConvoyError
from convoy_gateway.edge.status import http_status
from convoy_gateway.edge.timely import Timely
from convoy_gateway.settings import Settings
from tests.unit.gateway.edge.served import (
    answer,
    echo,
    errors,
    read_all,
    read_response,
    served,
    within,
)

HEAD = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\n\r\n"
SOON = 0.2


async def translating(scope: Scope, receive: Receive, send: Send) -> None:
    try:
        await echo(scope, receive, send)
    except ConvoyError as error:
        await answer(send, error.reason.encode(), http_status(error))


@pytest.mark.parametrize("sent", [b"", b"abc"], ids=["nothing", "a part"])
async def test_a_body_that_takes_too_long_is_an_error_in_the_app(
    sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    app = Timely(translating, body_timeout=SOON)
    async with served(app, Settings(header_timeout=SOON)) as edge:
        async with edge.connect() as (reader, writer):
            writer.write(HEAD + sent)
            assert await read_response(reader) == (408, b"BODY_TIMEOUT")
            assert await read_all(reader) == b""  # the guard waits no longer either
        await edge.all_gone()
    assert errors(caplog.records) == []


async def test_a_body_that_drips_takes_too_long() -> None:
    app = Timely(translating, body_timeout=SOON)
    async with served(app, Settings()) as edge, edge.connect() as (reader, writer):
        writer.write(HEAD.replace(b": 6", b": 600000"))
        response = asyncio.create_task(read_response(reader))
        while not response.done():
            writer.write(b"x")
            await asyncio.sleep(SOON / 20)
        assert response.result() == (408, b"BODY_TIMEOUT")


async def test_a_cancellation_from_outside_passes() -> None:
    async def receive() -> Message:
        return await asyncio.Future()

    async def send(message: Message) -> None:
        raise AssertionError

    app = Timely(echo, body_timeout=1000)
    task = asyncio.ensure_future(app({"type": "http"}, receive, send))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await within(task)


async def test_after_the_error_the_task_can_go_on() -> None:
    """The cancellation that woke it is taken back."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for _ in range(2):
            with pytest.raises(ConvoyError) as caught:
                await receive()
            assert caught.value.code is Code.DEADLINE_EXCEEDED
        async with asyncio.timeout(10):
            await asyncio.sleep(0)
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0

    async def receive() -> Message:
        return await asyncio.Future()

    async def send(message: Message) -> None:
        raise AssertionError

    await within(Timely(app, body_timeout=SOON)({"type": "http"}, receive, send))


async def test_a_body_in_time_is_whole_and_may_be_worked_on_for_longer() -> None:
    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        first = await receive()
        await asyncio.sleep(SOON * 2)
        await answer(send, first["body"])

    app = Timely(slow, body_timeout=SOON)
    async with served(app, Settings()) as edge, edge.connect() as (reader, writer):
        writer.write(HEAD + b"abcdef")
        assert await read_response(reader) == (200, b"abcdef")


async def test_the_wait_for_the_client_to_leave_has_no_time() -> None:
    left = asyncio.Event()

    async def waiting(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        assert (await receive())["type"] == "http.disconnect"
        left.set()

    app = Timely(waiting, body_timeout=SOON)
    async with served(app, Settings()) as edge:
        async with edge.connect() as (_, writer):
            writer.write(HEAD + b"abcdef")
            await asyncio.sleep(SOON * 2)
            assert not left.is_set()
        await within(left.wait())
        await edge.all_gone()


async def test_the_error_may_be_chosen() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await receive()
        except LookupError as error:
            await answer(send, str(error).encode())

    timely = Timely(app, body_timeout=SOON, timed_out=lambda: LookupError("late"))
    async with served(timely, Settings()) as edge, edge.connect() as (reader, writer):
        writer.write(HEAD)
        assert await read_response(reader) == (200, b"late")


class Echo(ConnectASGIApplication[None]):
    """A Connect service of one method."""

    @property
    def path(self) -> str:
        return "/a.B"

    def __init__(self) -> None:
        method = MethodInfo(
            name="C",
            service_name="a.B",
            input=Empty,
            output=Empty,
            stream_type=StreamType.UNARY,
            idempotency_level=IdempotencyLevel.UNKNOWN,
        )
        endpoint = Endpoint.unary(method, self.c)
        super().__init__(service=None, endpoints=lambda _: {"/a.B/C": endpoint})

    async def c(self, request: Empty, context: object) -> Empty:
        return request


async def test_connectrpc_answers_the_error_that_is_made_for_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def late() -> ConnectError:
        return ConnectError(connectrpc.code.Code.DEADLINE_EXCEEDED, "late")

    app = Timely(cast(ASGIApp, Echo()), body_timeout=SOON, timed_out=late)
    async with served(app, Settings()) as edge, edge.connect() as (reader, writer):
        writer.write(
            b"POST /a.B/C HTTP/1.1\r\nhost: a\r\nconnection: close\r\n"
            b"content-type: application/proto\r\ncontent-length: 6\r\n\r\nabc"
        )
        response = await read_all(reader)
    assert response.startswith(b"HTTP/1.1 504 ")
    assert b'"code":"deadline_exceeded"' in response.replace(b" ", b"")
    assert errors(caplog.records) == []
