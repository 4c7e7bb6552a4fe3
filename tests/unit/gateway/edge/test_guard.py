"""A connection's bounds: what is refused, how it is told, and that nothing stays."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest
from starlette.types import Receive, Scope, Send

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

GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
NEVER = 1000.0
"""Seconds, for a timeout that must not be the reason."""
SOON = 0.2


def patient(**changed: object) -> Settings:
    """Settings in which only what is changed can come to pass."""
    some = {"header_timeout": NEVER, "write_timeout": NEVER, "keep_alive": NEVER}
    return Settings.model_validate({**some, **changed})


def post(body: bytes, *more: bytes) -> bytes:
    lines = [b"POST / HTTP/1.1", b"host: a", b"content-length: %d" % len(body), *more]
    return b"\r\n".join([*lines, b"", body])


def refusal(response: bytes) -> tuple[int, str]:
    """Give the status and the code of a connection's only answer."""
    head, body = response.split(b"\r\n\r\n", 1)
    assert b"connection: close" in head
    told = json.loads(body)
    assert told["message"]
    return int(head.split()[1]), told["code"]


async def test_requests_follow_each_other_on_a_connection() -> None:
    async with served(echo, patient()) as edge, edge.connect() as (reader, writer):
        for body in (b"one", b"", b"x" * 300_000):
            writer.write(post(body))
            assert await read_response(reader) == (200, body)


async def test_pipelined_requests_are_answered_in_their_order() -> None:
    async with served(echo, patient()) as edge, edge.connect() as (reader, writer):
        writer.write(b"".join(post(b"%d" % i) for i in range(50)))
        answers = [await read_response(reader) for _ in range(50)]
    assert answers == [(200, b"%d" % i) for i in range(50)]


async def test_a_request_may_come_byte_by_byte() -> None:
    async with served(echo, patient()) as edge, edge.connect() as (reader, writer):
        for byte in post(b"abc", b"x-long: " + b"y" * 100):
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
        assert await read_response(reader) == (200, b"abc")


TOO_LARGE = {
    "url": b"GET /" + b"a" * 2000,
    "header": b"GET / HTTP/1.1\r\nx: " + b"a" * 2000,
    "header name": b"GET / HTTP/1.1\r\n" + b"a" * 2000,
    "blanks": b"GET / HTTP/1.1\r\nx:" + b" " * 2000,
    "empty lines": b"\r\n" * 1000,
    "whole": b"GET / HTTP/1.1\r\nhost: a\r\nx: " + b"a" * 2000 + b"\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\n" + b"a:b\r\n" * 101 + b"\r\n",
    "trailer": b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: "
    + b"a" * 600_000,  # its bound has one read of the socket above it
    "chunk extension": b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1;"
    + b"a" * 600_000,
}


@pytest.mark.parametrize("before", [b"", GET, post(b"x" * 3000)], ids=["first", "GET", "POST"])
@pytest.mark.parametrize("sent", TOO_LARGE.values(), ids=TOO_LARGE)
async def test_a_head_that_is_too_large_is_refused(before: bytes, sent: bytes) -> None:
    async with served(echo, patient(max_header=1024)) as edge:
        async with edge.connect() as (reader, writer):
            if before:
                writer.write(before)
                assert (await read_response(reader))[0] == 200
            writer.write(sent)
            assert refusal(await read_all(reader)) == (431, "resource_exhausted")
        await edge.all_gone()


async def test_a_pipelined_head_that_is_too_large_is_refused() -> None:
    async with served(echo, patient(max_header=1024)) as edge:
        large = b"GET / HTTP/1.1\r\nx: " + b"a" * 2000 + b"\r\n\r\n"
        async with edge.connect() as (reader, writer):
            writer.write(post(b"x" * 3000) + large)
            assert await read_all(reader) == b""  # the answer could be taken for the first's
        await edge.all_gone()


async def test_a_head_just_within_its_bounds_is_served() -> None:
    async with (
        served(echo, patient(max_header=1024)) as edge,
        edge.connect() as (reader, writer),
    ):
        lines = [b"x: " + b"a" * 900, *([b"a: b"] * 20)]
        for _ in range(3):
            writer.write(post(b"abc" * 1000, *lines))
            assert (await read_response(reader))[0] == 200


async def test_a_client_that_never_stops_sending_headers_reads_the_refusal() -> None:
    async with served(echo, patient()) as edge, edge.connect() as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\n")
        sending = asyncio.create_task(send_for_ever(writer, b"x: y\r\n" * 1000))
        try:
            head = await within(reader.readuntil(b"\r\n\r\n"))
        finally:
            sending.cancel()
            await asyncio.wait([sending])
        assert head.startswith(b"HTTP/1.1 431 ")
        writer.transport.abort()
        await edge.all_gone()


async def send_for_ever(writer: asyncio.StreamWriter, data: bytes) -> None:
    while True:
        writer.write(data)
        await writer.drain()


SLOW = [b"G", b"\r\n", b"GET / HTTP/1.1\r\nhost: a\r\n"]


@pytest.mark.parametrize("before", [b"", GET], ids=["first", "second"])
@pytest.mark.parametrize("sent", SLOW)
async def test_a_head_that_takes_too_long_is_refused(before: bytes, sent: bytes) -> None:
    async with served(echo, patient(header_timeout=SOON)) as edge:
        async with edge.connect() as (reader, writer):
            if before:
                writer.write(before)
                assert (await read_response(reader))[0] == 200
            writer.write(sent)
            assert refusal(await read_all(reader)) == (408, "deadline_exceeded")
        await edge.all_gone()


async def test_a_client_that_drips_has_no_more_time_than_a_silent_one() -> None:
    async with served(echo, patient(header_timeout=SOON)) as edge:
        async with edge.connect() as (reader, writer):
            writer.write(b"GET / HTTP/1.1\r\n")
            dripping = asyncio.create_task(drip(writer))
            try:
                assert refusal(await read_all(reader)) == (408, "deadline_exceeded")
            finally:
                dripping.cancel()
                await asyncio.wait([dripping])
        await edge.all_gone()


async def drip(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"a: b\r\n")
        await asyncio.sleep(SOON / 10)


async def test_a_silent_connection_is_closed() -> None:
    async with served(echo, patient(header_timeout=SOON)) as edge:
        assert await edge.exchange(b"") == b""
        await edge.all_gone()


async def test_an_idle_connection_is_not_bounded_by_the_next_heads_time() -> None:
    async with (
        served(echo, patient(header_timeout=SOON)) as edge,
        edge.connect() as (reader, writer),
    ):
        for pause in (SOON * 2, 0):
            writer.write(GET)
            assert (await read_response(reader))[0] == 200
            await asyncio.sleep(pause)


async def test_an_idle_connection_is_bounded_by_keep_alive() -> None:
    async with served(echo, patient(keep_alive=SOON)) as edge:
        async with edge.connect() as (reader, writer):
            writer.write(GET)
            assert (await read_response(reader))[0] == 200
            assert await read_all(reader) == b""
        await edge.all_gone()


async def test_a_call_may_take_longer_than_its_headers() -> None:
    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(SOON * 2)
        await answer(send, b"done")

    async with (
        served(slow, patient(header_timeout=SOON)) as edge,
        edge.connect() as (reader, writer),
    ):
        writer.write(GET)
        assert await read_response(reader) == (200, b"done")


async def test_one_connection_too_many_is_refused_and_the_others_are_not_touched() -> None:
    async with served(echo, patient(max_connections=2)) as edge:
        async with edge.connect() as (reader, writer), edge.connect() as (other, writes):
            for r, w in ((reader, writer), (other, writes)):
                w.write(GET)
                assert (await read_response(r))[0] == 200
            for _ in range(3):
                response = await edge.exchange(GET)
                assert refusal(response) == (503, "unavailable")
                assert b"retry-after: 1\r\n" in response
            for r, w in ((reader, writer), (other, writes)):
                w.write(GET)
                assert (await read_response(r))[0] == 200
        await edge.all_gone()
        async with edge.connect() as (reader, writer):
            writer.write(GET)
            assert (await read_response(reader))[0] == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"hello\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
        b"CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nx\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_refused(sent: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async with served(echo, patient()) as edge:
        assert refusal(await edge.exchange(sent)) == (400, "invalid_argument")
        await edge.all_gone()
    assert errors(caplog.records) == []


@pytest.mark.parametrize("upgrade", [b"h2c", b"websocket"])
async def test_a_request_to_leave_http_1_is_served_in_it(upgrade: bytes) -> None:
    """Java's HTTP client sends every first request so; uvicorn took its body for a request."""
    lines = (b"connection: Upgrade, HTTP2-Settings", b"upgrade: " + upgrade)
    async with served(echo, patient()) as edge, edge.connect() as (reader, writer):
        writer.write(post(b"abc" * 5, *lines) + post(b"second") + post(b"third", *lines))
        assert await read_response(reader) == (200, b"abc" * 5)
        assert await read_response(reader) == (200, b"second")
        assert await read_response(reader) == (200, b"third")
        head = [b"POST / HTTP/1.1", b"host: a", b"transfer-encoding: chunked", *lines, b"", b""]
        for piece in (b"\r\n".join(head), b"3\r\na", b"bc\r\n0\r\n", b"\r\n" + GET):
            writer.write(piece)
            await writer.drain()
        assert await read_response(reader) == (200, b"abc")
        assert await read_response(reader) == (200, b"")


async def test_a_trailer_is_no_header() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["more_body"]:
            pass
        await answer(send, b",".join(name for name, _ in scope["headers"]))

    async with served(app, patient()) as edge, edge.connect() as (reader, writer):
        head = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
        for _ in range(2):
            writer.write(head + b"1\r\na\r\n0\r\nx-forged: b\r\n\r\n")
            assert await read_response(reader) == (200, b"host,transfer-encoding")


async def test_too_many_requests_cannot_wait_on_one_connection() -> None:
    async with served(echo, patient()) as edge:
        async with edge.connect() as (reader, writer):
            writer.write(GET * 5000)
            await read_all(reader)
        await edge.all_gone()


async def test_a_client_that_waits_to_continue_is_told_to() -> None:
    async with served(echo, patient()) as edge, edge.connect() as (reader, writer):
        head, body = post(b"abc", b"expect: 100-continue").split(b"\r\n\r\n")
        writer.write(head + b"\r\n\r\n")
        assert await within(reader.readuntil(b"\r\n\r\n")) == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body)
        assert await read_response(reader) == (200, b"abc")
        writer.write(GET)
        assert (await read_response(reader))[0] == 200


async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer without a look at the body."""
    await answer(send, status=413)


async def test_a_client_that_was_not_told_to_continue_loses_the_connection() -> None:
    """It may send its body now or another request: they cannot be told apart."""
    async with served(refuse, patient()) as edge, edge.connect() as (reader, writer):
        head = post(b"abc", b"expect: 100-continue").removesuffix(b"abc")
        writer.write(head)
        assert (await read_response(reader))[0] == 413
        assert await read_all(reader) == b""


async def test_a_body_that_nobody_wanted_does_not_cost_the_connection() -> None:
    async with served(refuse, patient()) as edge, edge.connect() as (reader, writer):
        for _ in range(2):
            writer.write(post(b"x" * 10)[:-5])
            assert (await read_response(reader))[0] == 413
            writer.write(b"x" * 5)


async def test_a_body_that_nobody_wanted_cannot_take_for_ever() -> None:
    """uvicorn stopped its keep-alive timer at the next byte, and never started it again."""
    async with served(refuse, patient(header_timeout=SOON)) as edge:
        async with edge.connect() as (reader, writer):
            writer.write(post(b"x" * 1000)[:-500])
            assert (await read_response(reader))[0] == 413
            writer.write(b"x")
            assert await read_all(reader) == b""
        await edge.all_gone()


async def at_once(send: Send) -> None:
    await answer(send, b"x" * (32 << 20))


async def for_ever(send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while True:
        await send({"type": "http.response.body", "body": b"x" * 100_000, "more_body": True})
        await asyncio.sleep(0)  # to send waits for nothing once the client has gone


@pytest.mark.parametrize("respond", [at_once, for_ever])
@pytest.mark.parametrize("close", [b"connection: close", b"x: y"], ids=["close", "keep-alive"])
async def test_a_client_that_does_not_read_is_cut_off(
    respond: Callable[[Send], Awaitable[None]],
    close: bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """uvicorn would hold the answer for ever: to close waits for it to be read."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "http.request":
            pass
        responding: asyncio.Future[object] = asyncio.ensure_future(respond(send))
        gone: asyncio.Future[object] = asyncio.ensure_future(receive())
        await asyncio.wait([responding, gone], return_when=asyncio.FIRST_COMPLETED)
        responding.cancel()
        gone.cancel()
        await asyncio.wait([responding, gone])

    async with (
        served(app, patient(write_timeout=SOON)) as edge,
        edge.connect(receive_buffer=4096) as (_, writer),
    ):
        writer.write(post(b"", close))
        await edge.all_gone()
    assert errors(caplog.records) == []


async def test_a_client_that_reads_slowly_is_not_cut_off() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await at_once(send)

    async with (
        served(app, patient(write_timeout=SOON * 3)) as edge,
        edge.connect(receive_buffer=1 << 16) as (reader, writer),
    ):
        writer.write(GET)
        head = await within(reader.readuntil(b"\r\n\r\n"))
        assert head.startswith(b"HTTP/1.1 200 ")
        read = 0
        for pause in range(12):
            read += len(await within(reader.readexactly(1 << 20)))
            await asyncio.sleep(SOON / 2 if pause < 8 else 0)
        while read < 32 << 20:
            read += len(await within(reader.read(1 << 20)))
        writer.write(GET)
        await within(reader.readuntil(b"\r\n\r\n"))
