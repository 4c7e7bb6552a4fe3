"""One stream to the mesh, on which calls travel together."""

import asyncio
from typing import Any, Final

import grpc
from google.rpc.status_pb2 import Status

from convoy import Code, ConvoyError
from convoy.status import from_status
from convoy.v1 import relay_pb2 as pb
from convoy_gateway import metrics
from convoy_gateway.upstream.call import Call
from convoy_gateway.upstream.failure import ending, failure, unavailable

RELAY = "/convoy.v1.RelayService/Relay"

MOST_BYTES = 1 << 20
"""Of the calls that share a message, unless one alone is larger."""


class NotBegunError(Exception):
    """The stream ended before the mesh had begun a call: it may be sent on another."""


class RelayStream:
    """Sends whatever calls wait as one message, and the next ones while that is being sent.

    Two tasks, one that writes and one that reads, live until the stream has ended.
    """

    def __init__(self, channel: grpc.aio.Channel) -> None:
        """Open the stream; what is wrong with it is told to its calls."""
        relay: Any = channel.stream_stream(
            RELAY, pb.RelayRequest.SerializeToString, pb.RelayResponse.FromString
        )
        self._stream = relay()
        self._loop = asyncio.get_running_loop()
        self._made: Final = self._loop.time()
        self._ids = 0
        self._open: dict[int, asyncio.Future[pb.RelayReply]] = {}
        self._waiting: dict[int, pb.RelayCall] = {}
        self._wake = asyncio.Event()
        self._leaving = False
        self._reader = asyncio.create_task(self._read())
        self._writer = asyncio.create_task(self._write())

    @property
    def calls(self) -> int:
        """How many have no answer yet."""
        return len(self._open)

    @property
    def age(self) -> float:
        """The seconds since it was opened."""
        return self._loop.time() - self._made

    @property
    def usable(self) -> bool:
        """Whether calls may begin on it."""
        return not self._leaving

    def leave(self) -> None:
        """Begin no more calls; the stream ends when those that have begun are answered."""
        self._leaving = True
        self._wake.set()

    async def unary(self, method: str, request: bytes, call: Call) -> bytes:
        """Give the reply of a call; raises ConvoyError, or NotBegunError.

        Cancelling the task cancels the call, also where it has not left yet.
        """
        self._ids += 1
        number = self._ids
        reply: asyncio.Future[pb.RelayReply] = self._loop.create_future()
        self._open[number] = reply
        start = pb.RelayStart(method=method, request=request, metadata=call.metadata)
        start.timeout.FromNanoseconds(max(round((call.deadline - self._loop.time()) * 1e9), 0))
        self._waiting[number] = pb.RelayCall(id=number, start=start)
        self._wake.set()
        try:
            answer = await reply
        except asyncio.CancelledError:
            self._cancel(number)
            raise
        finally:
            del self._open[number]
        call.trailers.update(answer.trailers)
        if answer.WhichOneof("result") == "status":
            raise from_status(Status.FromString(answer.status))
        return answer.message

    async def ended(self) -> None:
        """Wait until it has ended."""
        await asyncio.wait([self._reader, self._writer])

    def cancel(self) -> None:
        """End it at once, and its calls with UNAVAILABLE."""
        self._stream.cancel()

    def _cancel(self, number: int) -> None:
        """Take a call back that has not left, or have the mesh end it."""
        if not self._waiting.pop(number, None):
            self._waiting[-number] = pb.RelayCall(id=number, cancel=pb.RelayCancel())
            self._wake.set()

    async def _write(self) -> None:
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._waiting:
                    await self._stream.write(pb.RelayRequest(calls=self._together()))
                if self._leaving:
                    await self._stream.done_writing()
                    return
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return  # the reader hears why

    def _together(self) -> list[pb.RelayCall]:
        """Take the calls of the next message."""
        calls, size = [], 0
        while self._waiting and size < MOST_BYTES:
            call = self._waiting.pop(next(iter(self._waiting)))
            calls.append(call)
            size += len(call.start.request)
        metrics.TOGETHER.observe(len(calls))
        return calls

    async def _read(self) -> None:
        error: Exception = ending()
        try:
            while (response := await self._stream.read()) is not grpc.aio.EOF:
                if response.leaving:
                    self.leave()
                for reply in response.replies:
                    self._settle(reply)
            error = NotBegunError()
        except grpc.aio.AioRpcError as exc:
            error = _broken(exc)
        except asyncio.CancelledError:
            if not self._stream.cancelled():
                raise
        finally:
            self._leaving = True
            self._writer.cancel()
            for waiting in self._open.values():
                if not waiting.done():
                    waiting.set_exception(error)

    def _settle(self, reply: pb.RelayReply) -> None:
        waiting = self._open.get(reply.id)
        if waiting and not waiting.done():
            waiting.set_result(reply)


def _broken(error: grpc.aio.AioRpcError) -> ConvoyError:
    """Say why calls have no answer: their own errors come as replies, so it is the mesh itself."""
    found = failure(error)
    if found.code is Code.UNAVAILABLE:
        return found
    return unavailable("the connection to the mesh broke")
