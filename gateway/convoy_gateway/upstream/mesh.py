"""The mesh behind a gRPC port: unary calls share streams, each stream of replies is its own."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any

import grpc

from convoy import Code, ConvoyError
from convoy.client.channels import Channels
from convoy_gateway.upstream.call import Call
from convoy_gateway.upstream.failure import RETRY_AFTER, ending, expired, failure
from convoy_gateway.upstream.relay_stream import NotBegunError, RelayStream

GRACE = 0.25
"""Seconds past the deadline in which the mesh may say itself that it has passed, and where."""

LIFE = 300.0
"""Seconds that a stream is used: ingress replicas that came up meanwhile get their share then."""

END = 2.0
"""Seconds that streams have to end once the gateway has no more calls."""

STREAMS = 500
"""Streams of replies that share a connection; HTTP/2 queues unseen what exceeds its own bound."""


class Mesh:
    """An Upstream over a few connections. Nothing is connected before the first call."""

    def __init__(self, target: str, *, channels: int, streams: int) -> None:
        """Call the mesh at ``target``, as HOST:PORT.

        Unary calls go by ``channels`` connections; at most ``streams`` streams of replies, which
        would be in their way, by others.
        """
        self._channels = Channels(target, channels)
        self._streams: list[RelayStream | None] = [None] * channels
        self._ending: set[RelayStream] = set()
        self._most = streams
        self._apart = Channels(target, -(-streams // STREAMS))
        self._replies: set[Any] = set()
        self._aborted = False

    async def unary(self, method: str, request: bytes, call: Call) -> bytes:
        """Give the serialized reply; raises ConvoyError.

        A call that the mesh says it has not begun is sent again; any other is sent once.
        """
        try:
            async with asyncio.timeout_at(call.deadline + GRACE):
                while not self._aborted:
                    with suppress(NotBegunError):
                        return await self._stream().unary(method, request, call)
                    await asyncio.sleep(0)
        except TimeoutError:
            raise expired() from None
        raise ending()

    async def stream(self, method: str, request: bytes, call: Call) -> AsyncGenerator[bytes]:
        """Give the serialized replies as fast as they are taken; raises ConvoyError."""
        if len(self._replies) >= self._most:
            raise ConvoyError(
                Code.RESOURCE_EXHAUSTED,
                f"{self._most} streams are open, and no more are taken",
                "TOO_MANY_STREAMS",
                retry_after=RETRY_AFTER,
            )
        open_stream: Any = self._apart.next().unary_stream(method)
        replies = open_stream(
            request,
            timeout=max(call.deadline - asyncio.get_running_loop().time(), 0.0),
            metadata=tuple(call.metadata.items()),
        )
        self._replies.add(replies)
        try:
            async for reply in replies:
                yield reply
        except grpc.aio.AioRpcError as exc:
            raise failure(exc) from exc
        except asyncio.CancelledError:
            if self._aborted:
                raise ending() from None
            raise
        finally:
            self._replies.discard(replies)
            replies.cancel()
            if replies.done() and not replies.cancelled():
                trailers = await replies.trailing_metadata() or ()
                call.trailers.update((k, v) for k, v in trailers if isinstance(v, str))

    def abort(self) -> None:
        """End every call with UNAVAILABLE."""
        self._aborted = True
        for stream in (*filter(None, self._streams), *self._ending):
            stream.cancel()
        for replies in self._replies:
            replies.cancel()

    async def close(self) -> None:
        """End the streams, then the connections."""
        for stream in filter(None, self._streams):
            self._retire(stream)
        if self._ending:
            ended = [asyncio.ensure_future(stream.ended()) for stream in self._ending]
            await asyncio.wait(ended, timeout=END)
        await self._channels.close()
        await self._apart.close()

    def _stream(self) -> RelayStream:
        """Give the stream with the fewest calls; one that has ended or is old is replaced."""
        for n, stream in enumerate(self._streams):
            if stream and (not stream.usable or stream.age > LIFE):
                self._retire(stream)
                self._streams[n] = None
        open_calls = [stream.calls if stream else 0 for stream in self._streams]
        n = open_calls.index(min(open_calls))
        stream = self._streams[n]
        if stream is None:
            stream = self._streams[n] = RelayStream(self._channels.next())
        return stream

    def _retire(self, stream: RelayStream) -> None:
        """Let a stream finish its calls."""
        stream.leave()
        self._ending.add(stream)
        task = asyncio.ensure_future(stream.ended())
        task.add_done_callback(lambda _: self._ending.discard(stream))
