"""Calls that travel together to a mesh, over real sockets to a server of the test's own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import pytest

from convoy import Code, ConvoyError
from convoy.status import to_status
from convoy.v1 import relay_pb2 as pb
from convoy.v1 import relay_pb2_grpc
from convoy_gateway.upstream import Call
from convoy_gateway.upstream import mesh as mesh_module
from convoy_gateway.upstream.mesh import Mesh

TIMEOUT = 20.0
METHOD = "/test.Service/Echo"

Answer = Callable[["Stream", pb.RelayCall], Awaitable[None]]


class EndError(Exception):
    """Ends a stream with OK."""


class Stream:
    """The server's side of one stream."""

    def __init__(self, context: Any) -> None:
        self.messages: list[pb.RelayRequest] = []
        self._context = context

    async def reply(self, call_id: int, message: bytes, **trailers: str) -> None:
        reply = pb.RelayReply(id=call_id, message=message, end=True, trailers=trailers)
        await self._context.write(pb.RelayResponse(replies=[reply]))

    async def fail(self, call_id: int, error: ConvoyError) -> None:
        status = to_status(error).SerializeToString()
        reply = pb.RelayReply(id=call_id, status=status, end=True, trailers={"k": "v"})
        await self._context.write(pb.RelayResponse(replies=[reply]))

    async def leave(self) -> None:
        await self._context.write(pb.RelayResponse(leaving=True))


WATCH = "/convoy.v1.RelayService/RelayBatch"


class Fake(relay_pb2_grpc.RelayServiceServicer):
    """Has each call answered by the test's function; a function that raises ends the stream."""

    def __init__(self, answer: Answer) -> None:
        self.streams: list[Stream] = []
        self.ended: list[Stream] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.watching = 0
        self._answer = answer

    async def Relay(self, requests: AsyncIterator[pb.RelayRequest], context: Any) -> None:
        stream = Stream(context)
        self.streams.append(stream)
        async for request in requests:
            stream.messages.append(request)
            for call in request.calls:
                try:
                    await self._answer(stream, call)
                except EndError:
                    return
        self.ended.append(stream)
        await asyncio.gather(*self.tasks)

    async def RelayBatch(self, _: pb.RelayBatchRequest, context: Any) -> None:
        self.watching += 1
        await asyncio.sleep(TIMEOUT)

    @property
    def calls(self) -> list[pb.RelayCall]:
        return [c for s in self.streams for message in s.messages for c in message.calls]


async def echo(stream: Stream, call: pb.RelayCall) -> None:
    await stream.reply(call.id, call.start.request)


async def silence(stream: Stream, call: pb.RelayCall) -> None:
    pass


class Served:
    """A server with a fake behind it, and a mesh that calls it."""

    def __init__(self, answer: Answer, channels: int = 1) -> None:
        self.fake = Fake(answer)
        self._channels = channels

    async def __aenter__(self) -> "Served":
        self.port = await self.start(0)
        self.mesh = Mesh(f"127.0.0.1:{self.port}", channels=self._channels, streams=2)
        return self

    async def start(self, port: int) -> int:
        self._server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1)])
        relay_pb2_grpc.add_RelayServiceServicer_to_server(self.fake, self._server)
        bound = self._server.add_insecure_port(f"127.0.0.1:{port}")
        await self._server.start()
        return bound

    async def kill(self) -> None:
        await self._server.stop(None)

    async def __aexit__(self, *_: object) -> None:
        async with asyncio.timeout(TIMEOUT):
            await self.mesh.close()
            await self.kill()

    async def call(self, request: bytes = b"x", seconds: float = TIMEOUT, **more: Any) -> bytes:
        return await self.mesh.unary(METHOD, request, in_time(seconds, **more))


def in_time(seconds: float = TIMEOUT, **more: Any) -> Call:
    return Call(deadline=asyncio.get_running_loop().time() + seconds, **more)


async def until(happens: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT):
        while not happens():  # noqa: ASYNC110 (it happens in gRPC's own objects)
            await asyncio.sleep(0.005)


async def test_calls_that_wait_together_cross_in_one_message() -> None:
    async with Served(echo) as served:
        requests = [str(n).encode() for n in range(50)]
        answers = await asyncio.gather(*(served.call(request) for request in requests))
        assert answers == requests
        (stream,) = served.fake.streams
        assert [len(message.calls) for message in stream.messages] == [50]


async def test_large_calls_share_no_message() -> None:
    async with Served(echo) as served:
        await asyncio.gather(*(served.call(bytes(1 << 20)) for _ in range(3)))
        (stream,) = served.fake.streams
        assert [len(message.calls) for message in stream.messages] == [1, 1, 1]


async def test_a_call_carries_its_method_its_time_and_its_metadata() -> None:
    async with Served(echo) as served:
        await served.call(b"x", 7.0, metadata={"convoy-tenant": "acme"})
        (call,) = served.fake.calls
        assert call.start.method == METHOD
        assert 0 < call.start.timeout.ToNanoseconds() <= 7e9
        assert dict(call.start.metadata) == {"convoy-tenant": "acme"}


async def test_an_error_keeps_everything_and_the_others_go_on() -> None:
    async def answer(stream: Stream, call: pb.RelayCall) -> None:
        if call.start.request == b"bad":
            error = ConvoyError(Code.RESOURCE_EXHAUSTED, "full", "QUEUE_FULL", "s", (), 2.5)
            await stream.fail(call.id, error)
        else:
            await stream.reply(call.id, b"good", timing="t")

    async with Served(answer) as served:
        bad, good = in_time(), in_time()
        results = await asyncio.gather(
            served.mesh.unary(METHOD, b"bad", bad),
            served.mesh.unary(METHOD, b"x", good),
            return_exceptions=True,
        )
    assert isinstance(results[0], ConvoyError)
    error = results[0]
    assert (error.code, error.reason, error.stage) == (
        Code.RESOURCE_EXHAUSTED,
        "QUEUE_FULL",
        "s",
    )
    assert error.retry_after == 2.5
    assert results[1] == b"good"
    assert (bad.trailers, good.trailers) == ({"k": "v"}, {"timing": "t"})


async def test_a_mesh_that_says_nothing_fails_the_call_at_its_deadline() -> None:
    async with Served(silence) as served:
        with pytest.raises(ConvoyError) as caught:
            await served.call(seconds=0.05)
        assert caught.value.code is Code.DEADLINE_EXCEEDED
        await until(lambda: served.fake.calls[-1].HasField("cancel"))


async def test_a_cancelled_call_is_cancelled_upstream() -> None:
    async with Served(silence) as served:
        task = asyncio.create_task(served.call())
        await until(lambda: len(served.fake.calls) == 1)
        task.cancel()
        await until(lambda: len(served.fake.calls) == 2)
        first, second = served.fake.calls
        assert (second.id, second.HasField("cancel")) == (first.id, True)
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_call_that_is_cancelled_before_it_leaves_never_does() -> None:
    gate = asyncio.Event()

    async def answer(stream: Stream, call: pb.RelayCall) -> None:
        await gate.wait()
        await stream.reply(call.id, b"")

    async with Served(answer) as served:
        first = asyncio.create_task(served.call(b"first"))
        await until(lambda: len(served.fake.calls) == 1)
        large = asyncio.create_task(served.call(bytes(32 << 20)))  # more than can be under way
        await until(lambda: not served.mesh._streams[0]._waiting)  # type: ignore[union-attr]
        never = asyncio.create_task(served.call(b"never"))
        await until(lambda: bool(served.mesh._streams[0]._waiting))  # type: ignore[union-attr]
        never.cancel()
        await asyncio.wait([never])
        gate.set()
        await asyncio.gather(first, large)
        assert [len(call.start.request) for call in served.fake.calls] == [5, 32 << 20]


async def test_calls_go_elsewhere_once_the_mesh_says_that_it_leaves() -> None:
    """A client that writes as its stream ends loses the status: it must close its side first."""
    gate = asyncio.Event()

    async def later(stream: Stream, call: pb.RelayCall) -> None:
        await gate.wait()
        await stream.reply(call.id, b"late")

    async def answer(stream: Stream, call: pb.RelayCall) -> None:
        if call.start.request == b"hold":
            served.fake.tasks.append(asyncio.create_task(later(stream, call)))
            await stream.leave()
        else:
            await stream.reply(call.id, b"elsewhere")

    async with Served(answer) as served:
        first = asyncio.create_task(served.call(b"hold"))
        await until(lambda: bool(served.fake.ended))
        assert await served.call() == b"elsewhere"
        gate.set()
        assert await first == b"late"
        assert served.fake.ended[0] is served.fake.streams[0]
        assert len(served.fake.streams) == 2


async def test_an_open_call_is_answered_on_the_stream_that_leaves() -> None:
    async def answer(stream: Stream, call: pb.RelayCall) -> None:
        await stream.leave()
        await stream.reply(call.id, b"late")

    async with Served(answer) as served:
        assert await served.call() == b"late"


async def test_a_call_that_was_never_begun_is_sent_again() -> None:
    tries: list[bytes] = []

    async def answer(stream: Stream, call: pb.RelayCall) -> None:
        tries.append(call.start.request)
        if len(tries) == 1:
            raise EndError
        await stream.reply(call.id, b"done")

    async with Served(answer) as served:
        assert await served.call() == b"done"
    assert tries == [b"x", b"x"]


async def test_a_mesh_that_dies_fails_its_calls_and_is_found_again() -> None:
    async with Served(silence) as served:
        task = asyncio.create_task(served.call())
        await until(lambda: len(served.fake.calls) == 1)
        await served.kill()
        with pytest.raises(ConvoyError) as caught:
            await task
        assert (caught.value.code, caught.value.reason) == (
            Code.UNAVAILABLE,
            "UPSTREAM_UNAVAILABLE",
        )
        assert caught.value.retry_after
        served.fake._answer = echo
        await served.start(served.port)
        async with asyncio.timeout(TIMEOUT):
            while True:
                try:
                    assert await served.call() == b"x"
                    break
                except ConvoyError:
                    await asyncio.sleep(0.05)


async def test_no_mesh_is_told_at_once_and_without_its_address() -> None:
    async with Served(echo) as served:
        await served.kill()
        with pytest.raises(ConvoyError) as caught:
            await served.call()
    assert caught.value.code is Code.UNAVAILABLE
    assert "127.0.0.1" not in str(caught.value)


async def test_calls_spread_over_the_channels() -> None:
    async with Served(silence, channels=3) as served:
        tasks = [asyncio.create_task(served.call()) for _ in range(9)]
        await until(lambda: len(served.fake.calls) == 9)
        assert [sum(len(m.calls) for m in s.messages) for s in served.fake.streams] == [3, 3, 3]
        for task in tasks:
            task.cancel()


async def test_a_stream_is_used_for_a_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Served(echo) as served:
        await served.call()
        monkeypatch.setattr(mesh_module, "LIFE", 0.0)
        await served.call()
        await until(lambda: len(served.fake.ended) >= 1)
        assert len(served.fake.streams) == 2


async def test_closing_ends_the_streams() -> None:
    async with Served(echo) as served:
        await served.call()
        await served.mesh.close()
        await until(lambda: served.fake.ended == served.fake.streams)


async def test_streams_of_replies_are_bounded_and_not_in_the_way_of_calls() -> None:
    """Two thousand of them once kept every other caller from the mesh."""
    async with Served(echo) as served:
        open_streams = [served.mesh.stream(WATCH, b"", in_time()) for _ in range(2)]
        firsts = [asyncio.ensure_future(anext(stream)) for stream in open_streams]
        await until(lambda: served.fake.watching == 2)
        with pytest.raises(ConvoyError) as caught:
            await anext(served.mesh.stream(WATCH, b"", in_time()))
        assert (caught.value.code, caught.value.reason) == (
            Code.RESOURCE_EXHAUSTED,
            "TOO_MANY_STREAMS",
        )
        assert await served.call() == b"x"
        served.mesh.abort()
        for first in firsts:
            with pytest.raises(ConvoyError) as ended:
                await first
            assert ended.value.code is Code.UNAVAILABLE


async def test_aborting_ends_every_call_with_an_error() -> None:
    async with Served(silence) as served:
        task = asyncio.create_task(served.call())
        await until(lambda: len(served.fake.calls) == 1)
        served.mesh.abort()
        with pytest.raises(ConvoyError) as caught:
            await task
        assert caught.value.code is Code.UNAVAILABLE
        with pytest.raises(ConvoyError, match="ending"):
            await served.call()
