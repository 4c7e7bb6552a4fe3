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

MOST_OPEN = 4096
"""Calls of one stream that may be open; with more, no further message is read."""


class Relay:
    """Answers RelayService in whatever process has a dispatcher."""

    descriptor = pb.DESCRIPTOR.services_by_name["RelayService"]

    def __init__(self, dispatcher: Dispatcher) -> None:
        """Relay calls to ``dispatcher``."""
        self._dispatcher = dispatcher
        self._streams: set[_Stream] = set()
        self._draining = False

    def drain(self) -> None:
        """Take no more calls; streams end when those that have begun are answered."""
        self._draining = True
        for stream in self._streams:
            stream.stop_reading()

    async def Relay(self, requests: AsyncIterator[bytes], call: Call) -> AsyncIterator[bytes]:
        """Answer the calls of one stream as each completes."""
        stream = _Stream(self._dispatcher, requests)
        self._streams.add(stream)
        if self._draining:
            stream.stop_reading()
        try:
            async for response in stream.responses():
                yield response
        finally:
            self._streams.discard(stream)
            stream.cancel()


class _Stream:
    """One stream: a task that reads it, a task for each call, and a queue of replies."""

    def __init__(self, dispatcher: Dispatcher, requests: AsyncIterator[bytes]) -> None:
        self._dispatcher = dispatcher
        self._replies: asyncio.Queue[pb.RelayReply | None] = asyncio.Queue()
        self._calls: dict[int, asyncio.Task[None]] = {}
        self._open = asyncio.Semaphore(MOST_OPEN)
        self._error: ConvoyError | None = None
        self._reader = asyncio.create_task(self._read(requests))
        self._reader.add_done_callback(self._wake_if_idle)

    def stop_reading(self) -> None:
        self._reader.cancel()

    def cancel(self) -> None:
        self._reader.cancel()
        for task in self._calls.values():
            task.cancel()

    async def responses(self) -> AsyncIterator[bytes]:
        """Give what is ready as one message, until nothing more can come."""
        while True:
            replies = [await self._replies.get()]
            while not self._replies.empty():
                replies.append(self._replies.get_nowait())
            ready = [reply for reply in replies if reply is not None]
            if ready:
                yield pb.RelayResponse(replies=ready).SerializeToString()
            if self._reader.done() and not self._calls and self._replies.empty():
                break
        if self._error:
            raise self._error

    async def _read(self, requests: AsyncIterator[bytes]) -> None:
        async for raw in requests:
            try:
                message = pb.RelayRequest.FromString(raw)
            except DecodeError:
                self._error = invalid("", "the bytes are no RelayRequest")
                return
            for call in message.calls:
                task = self._calls.get(call.id)
                if call.HasField("cancel"):
                    if task:
                        task.cancel()
                elif task or not call.HasField("start"):
                    wrong = "there is a call of this id" if task else "a call starts or cancels"
                    self._error = invalid(f"calls[{call.id}]", wrong)
                    return
                else:
                    await self._open.acquire()
                    task = asyncio.create_task(self._answer(call.id, call.start))
                    self._calls[call.id] = task
                    task.add_done_callback(partial(self._finish, call.id))

    async def _answer(self, call_id: int, start: pb.RelayStart) -> None:
        deadline = None
        if start.HasField("timeout"):
            seconds = start.timeout.ToNanoseconds() / 1e9
            deadline = asyncio.get_running_loop().time() + seconds
        call = Call(deadline=deadline, metadata=dict(start.metadata))
        try:
            if not is_streaming(start.method):
                message = await self._dispatcher.unary(start.method, start.request, call)
                self._replies.put_nowait(pb.RelayReply(id=call_id, message=message, end=True))
                return
            async for message in self._dispatcher.stream(start.method, start.request, call):
                self._replies.put_nowait(pb.RelayReply(id=call_id, message=message))
            self._replies.put_nowait(pb.RelayReply(id=call_id, end=True))
        except ConvoyError as error:
            self._end(call_id, error)
        except Exception as exc:  # without a reply the client would wait, or send it again
            self._end(call_id, fault(start.method, exc))

    def _end(self, call_id: int, error: ConvoyError) -> None:
        status = to_status(error).SerializeToString()
        self._replies.put_nowait(pb.RelayReply(id=call_id, status=status, end=True))

    def _finish(self, call_id: int, _: object) -> None:
        del self._calls[call_id]
        self._open.release()
        self._wake_if_idle()

    def _wake_if_idle(self, _: object = None) -> None:
        if self._reader.done() and not self._calls:
            self._replies.put_nowait(None)
