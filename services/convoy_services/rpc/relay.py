"""Many calls on one stream."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

from google.protobuf.message import DecodeError

from convoy import ConvoyError
from convoy.errors import invalid
from convoy.status import to_status
from convoy.v1 import relay_pb2 as pb
from convoy_services.mesh.fault import fault
from convoy_services.rpc.call import Call
from convoy_services.rpc.dispatch import Dispatcher
from convoy_services.rpc.services import is_streaming
from convoy_services.rpc.stream import Stream, Streams

PATIENCE = 1.0
"""Seconds in which a client can close a stream that is about to end. (One that is writing when its
stream ends loses the status in gRPC's core, and cannot tell which of its calls were begun.)"""


class Relay:
    """Answers RelayService in whatever process has a dispatcher."""

    descriptor = pb.DESCRIPTOR.services_by_name["RelayService"]

    def __init__(self, dispatcher: Dispatcher) -> None:
        """Relay calls to ``dispatcher``."""
        self._dispatcher = dispatcher
        self._streams = Streams(patience=PATIENCE)
        self._batches = Streams()

    def drain(self) -> None:
        """Take no more calls; streams end when those that have begun are answered."""
        self._streams.drain()

    async def Relay(self, requests: AsyncIterator[bytes], call: Call) -> AsyncIterator[bytes]:
        """Answer the calls of one stream as each completes."""
        async for replies in self._streams.run(requests, _Calls(self._dispatcher).take):
            yield pb.RelayResponse(replies=replies, leaving=not replies).SerializeToString()

    async def RelayBatch(self, requests: AsyncIterator[bytes], call: Call) -> AsyncIterator[bytes]:
        """Answer the calls of one message, whose bytes are those of a RelayRequest, too."""
        async for replies in self._batches.run(requests, _Calls(self._dispatcher).take):
            yield pb.RelayBatchResponse(replies=replies).SerializeToString()


class _Calls:
    """The open calls of one stream, by their ids."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._open: dict[int, asyncio.Task[None]] = {}

    async def take(self, raw: bytes, stream: Stream[pb.RelayReply]) -> None:
        """Begin and cancel the calls of one message; raises ConvoyError where it is none."""
        try:
            message = pb.RelayRequest.FromString(raw)
        except DecodeError as exc:
            raise invalid("", "the bytes are no RelayRequest") from exc
        for call in message.calls:
            task = self._open.get(call.id)
            if call.HasField("cancel"):
                if task:
                    task.cancel()
            elif task or not call.HasField("start"):
                wrong = "there is a call of this id" if task else "a call starts or cancels"
                raise invalid(f"calls[{call.id}]", wrong)
            else:
                task = await stream.begin(self._answer, stream, call.id, call.start)
                self._open[call.id] = task
                task.add_done_callback(partial(self._forget, call.id))

    async def _answer(
        self, stream: Stream[pb.RelayReply], call_id: int, start: pb.RelayStart
    ) -> None:
        deadline = None
        if start.HasField("timeout"):
            seconds = start.timeout.ToNanoseconds() / 1e9
            deadline = asyncio.get_running_loop().time() + seconds
        call = Call(deadline=deadline, metadata=dict(start.metadata))
        try:
            if not is_streaming(start.method):
                message = await self._dispatcher.unary(start.method, start.request, call)
                end = pb.RelayReply(id=call_id, message=message, end=True, trailers=call.trailers)
                await stream.reply(end)
                return
            async for message in self._dispatcher.stream(start.method, start.request, call):
                await stream.reply(pb.RelayReply(id=call_id, message=message))
            await stream.reply(pb.RelayReply(id=call_id, end=True, trailers=call.trailers))
        except ConvoyError as error:
            await stream.reply(_failed(call_id, error, call))
        except Exception as exc:  # without a reply the client would wait, or send it again
            await stream.reply(_failed(call_id, fault(start.method, exc), call))

    def _forget(self, call_id: int, _: object) -> None:
        del self._open[call_id]


def _failed(call_id: int, error: ConvoyError, call: Call) -> pb.RelayReply:
    status = to_status(error).SerializeToString()
    return pb.RelayReply(id=call_id, status=status, end=True, trailers=call.trailers)
