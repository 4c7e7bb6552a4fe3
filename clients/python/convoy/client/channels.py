"""A few connections to one mesh."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import grpc

from convoy.code import Code
from convoy.errors import ConvoyError

OPTIONS = (
    # A channel of its own connection: without this all would share one, and its limit of streams.
    ("grpc.use_local_subchannel_pool", 1),
    # The client retries itself. gRPC's own retries have no bound where a server that is leaving
    # takes a connection and ends it at once: a call then takes a core and 400 MB a second
    # (gRPC 1.85).
    ("grpc.enable_retries", 0),
    # Results may be large; how large a request may be is the mesh's to say.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # A mesh that restarts is found again as fast as calls are retried; the default is up to 120 s.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
    # What accepts a connection and says nothing is given up as fast; the default is 20 s.
    ("grpc.min_reconnect_backoff_ms", 2000),
)


GOAWAY = "GOAWAY received"
"""What gRPC says of a call whose connection was told to go."""
LEAVES = 600.0
"""Seconds that other calls of such a connection have left."""


def closed() -> ConvoyError:
    """Say that the client was closed, before a call or during it."""
    return ConvoyError(Code.CANCELLED, "the client is closed", "CLIENT_CLOSED")


class Channels:
    """A pool of channels, used in turn.

    HTTP/2 bounds the streams of a connection (often 100), and what exceeds that waits unseen in
    the client; a balancer that knows connections only needs several to spread them.

    A channel on which a call fails because its connection was told to go is replaced: gRPC's core
    (1.85) may miss that it was, and fail every call until somebody else closes the connection.
    """

    def __init__(self, target: str, size: int) -> None:
        """Connect to ``target``, as HOST:PORT, by ``size`` channels; none is opened yet."""
        if size < 1:
            raise ValueError("channels is how many there are, at least 1")
        self._target = target
        self._size = size
        self._open: list[grpc.aio.Channel] = []
        self._leaving: dict[grpc.aio.Channel, asyncio.Task[None]] = {}
        self._turns = count()
        self._closed = False

    def next(self) -> grpc.aio.Channel:
        """Give the channel whose turn it is; raises ConvoyError CANCELLED when the pool is closed.

        The first call opens them all: a channel belongs to the event loop that it is opened on.
        """
        if self._closed:
            raise closed()
        if not self._open:
            self._open += [self._connect() for _ in range(self._size)]
        return self._open[next(self._turns) % self._size]

    @contextmanager
    def turn(self) -> Iterator[grpc.aio.Channel]:
        """Give the channel whose turn it is for one call, and see how it ends; raises as next."""
        channel = self.next()
        try:
            yield channel
        except grpc.aio.AioRpcError as exc:
            if GOAWAY in (exc.details() or "") and channel in self._open:
                self._open[self._open.index(channel)] = self._connect()
                leaving = asyncio.create_task(channel.close(LEAVES))
                self._leaving[channel] = leaving
                leaving.add_done_callback(lambda _: self._leaving.pop(channel, None))
            raise

    async def close(self) -> None:
        """Close every channel; calls under way end."""
        self._closed = True
        for leaving in self._leaving.values():
            leaving.cancel()
        channels = [*self._open, *self._leaving]
        self._open.clear()
        for channel in channels:
            await channel.close()

    def _connect(self) -> grpc.aio.Channel:
        return grpc.aio.insecure_channel(self._target, OPTIONS)
