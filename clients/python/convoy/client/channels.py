"""A few connections to one mesh."""

from itertools import cycle

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


def closed() -> ConvoyError:
    """Say that the client was closed, before a call or during it."""
    return ConvoyError(Code.CANCELLED, "the client is closed", "CLIENT_CLOSED")


class Channels:
    """A pool of channels, used in turn.

    HTTP/2 bounds the streams of a connection (often 100), and what exceeds that waits unseen in
    the client; a balancer that knows connections only needs several to spread them.
    """

    def __init__(self, target: str, size: int) -> None:
        """Connect to ``target``, as HOST:PORT, by ``size`` channels; none is opened yet."""
        if size < 1:
            raise ValueError("channels is how many there are, at least 1")
        self._target = target
        self._size = size
        self._open: list[grpc.aio.Channel] = []
        self._turn = cycle(self._open)
        self._closed = False

    def next(self) -> grpc.aio.Channel:
        """Give the channel whose turn it is; raises ConvoyError CANCELLED when the pool is closed.

        The first call opens them all: a channel belongs to the event loop that it is opened on.
        """
        if self._closed:
            raise closed()
        if not self._open:
            self._open += [
                grpc.aio.insecure_channel(self._target, OPTIONS) for _ in range(self._size)
            ]
            self._turn = cycle(self._open)
        return next(self._turn)

    async def close(self) -> None:
        """Close every channel; calls under way end."""
        self._closed = True
        while self._open:
            await self._open.pop().close()
