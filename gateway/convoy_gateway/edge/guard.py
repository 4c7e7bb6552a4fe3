"""The bounds of a connection: what it may send before a request is whole, and how slowly."""

import asyncio
import itertools
import json
from dataclasses import dataclass

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from convoy_gateway import metrics
from convoy_gateway.settings import Settings

HEADERS = 100
"""Headers that a request may have."""
PIPELINED = 100
"""Requests that may wait on one connection for the answer to an earlier one."""
LINGER = 1.0
"""Seconds that a refused client has to read why; it may still be sending."""
LINGERING = 128
"""Refused connections that may wait so at one time."""
TAKEN = 64 << 10
"""Bytes of its answer that a client must take within the write timeout, or all there are."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that the gateway gives before there is a request."""

    status: int
    code: str
    message: str
    headers: bytes = b""

    def wire(self) -> bytes:
        """Give it as it is sent, the last on its connection."""
        body = json.dumps({"code": self.code, "message": self.message}).encode()
        return b"%bcontent-type: application/json\r\ncontent-length: %d\r\n%b%b%b" % (
            STATUS_LINE[self.status],
            len(body),
            self.headers,
            b"connection: close\r\n\r\n",
            body,
        )


MALFORMED = Refusal(400, "invalid_argument", "this is not HTTP/1.1")
SLOW = Refusal(408, "deadline_exceeded", "the request's line and headers took too long")
LARGE = Refusal(431, "resource_exhausted", "the request's line and headers are too large")
MANY = Refusal(429, "resource_exhausted", "too many requests wait on this connection")
FULL = Refusal(503, "unavailable", "too many connections are open", b"retry-after: 1\r\n")


class Refused(Exception):
    """Stops the parser; what is wrong has been noted."""


class Guard(HttpToolsProtocol):
    """uvicorn's HTTP/1.1, bounded in bytes and in seconds; ``guarded`` makes it for settings.

    The parser tells of headers only when each is whole, and of nothing else that it skips
    (chunk extensions) or keeps (trailers). So what is bounded is the bytes that came since it
    last told of anything: at most ``max_header``, and one read of the socket above it.
    """

    settings: Settings
    max_header: int  # of the settings, but pydantic's attributes are slow
    lingering: set["Guard"]

    _untold = 0
    _in_head = False
    _in_body = False
    _deaf = False
    _refusal: Refusal | None = None
    _patience: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, or refuse it where there are too many."""
        super().connection_made(transport)
        if len(self.connections) - len(self.lingering) > self.settings.max_connections:
            self._refuse(FULL)
        else:
            self._wait(self.settings.header_timeout)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection, timers and all."""
        self.lingering.discard(self)
        self._unset_keepalive_if_required()
        self._stop_waiting()
        self._forget_unread()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, and look whether what is not whole yet is still within its bounds."""
        if self._deaf:
            return
        self._unset_keepalive_if_required()
        self._untold += len(data)
        try:
            while data:
                try:
                    self.parser.feed_data(data)
                    break
                except httptools.HttpParserUpgrade as upgrade:
                    data = data[upgrade.args[0] :]
                    self._stay()
        except httptools.HttpParserError:
            self._refuse(self._refusal or MALFORMED)
            return
        if self._untold > self.max_header:
            self._refuse(LARGE)
        elif self._patience is None and not self._in_body and (self._in_head or self._untold):
            self._wait(self.settings.header_timeout)

    def on_message_begin(self) -> None:
        """Begin a request."""
        if not self._in_body:
            self._in_head = True
            super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Start the request, if its head is within the bounds."""
        if self._in_body:
            return
        size = len(self.url) + sum(map(len, itertools.chain.from_iterable(self.headers)))
        if len(self.headers) > HEADERS or size > self.max_header:
            self._refusal = LARGE
        elif len(self.pipeline) >= PIPELINED:
            self._refusal = MANY
        if self._refusal is not None:
            raise Refused
        self._untold, self._in_head = 0, False
        if self._patience is not None:
            self._stop_waiting()
        if self._unread is not None and not self.flow.write_paused:
            self._forget_unread()  # it asks for more; what is left is looked at after the answer
        super().on_headers_complete()
        self._in_body = True
        self.headers = []  # trailers are kept apart: the app must not find them among its headers

    def on_body(self, body: bytes) -> None:
        """Pass a piece of the body on."""
        self._untold = 0
        self.expect_100_continue = False  # the client did not wait, or no longer does
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request's body."""
        if self.parser.should_upgrade():
            return  # the parser skips the body: see _stay
        self._untold, self._in_body = 0, False
        super().on_message_complete()
        if self._patience is not None:  # the rest of a body that was answered before its end
            self._stop_waiting()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def on_response_complete(self) -> None:
        """Keep an eye on what the client has not sent yet, and on what it has not read yet."""
        super().on_response_complete()
        self._watch_unread()
        if self._in_body and self.cycle.response_complete and not self.transport.is_closing():
            # uvicorn would wait for ever, for its keep-alive timer ends at the next byte.
            self._unset_keepalive_if_required()
            if self.expect_100_continue:
                self._linger()  # whether a body or a request comes next, only the client knows
            else:
                self._wait(self.settings.header_timeout)

    def pause_writing(self) -> None:
        """Make the app wait, and the client hurry."""
        super().pause_writing()
        self._watch_unread()

    def resume_writing(self) -> None:
        """Let the app go on."""
        super().resume_writing()
        self._forget_unread()

    def send_400_response(self, msg: str) -> None:
        """Refuse as everything else is refused."""
        self._refuse(MALFORMED)

    def _stay(self) -> None:
        """Read on in HTTP/1.1 after a request to leave it, as Java's client sends with a body.

        The parser has skipped that body: it is shown a request framed alike, and reads it then.
        """
        framing = (b"content-length", b"transfer-encoding")
        lines = (b"%b: %b\r\n" % header for header in self.scope["headers"] if header[0] in framing)
        self.parser.feed_data(b"POST / HTTP/1.1\r\n%b\r\n" % b"".join(lines))

    def _refuse(self, refusal: Refusal) -> None:
        """Answer and close; only close where the client would take it for another's answer."""
        self._deaf = True
        metrics.REFUSED.labels(refusal.status).inc()
        cycle = self.cycle
        running = cycle is not None and not cycle.response_complete
        answerable = not running or (self._in_body and not cycle.response_started)
        if running:
            cycle.disconnected = True
            cycle.message_event.set()
        if answerable and not self.pipeline:
            self.transport.write(refusal.wire())
            self._linger()
        else:
            self._close()

    def _linger(self) -> None:
        """Close, but read on a little: a close with bytes unread would destroy the answer."""
        self._deaf = True
        self._stop_waiting()
        if len(self.lingering) < LINGERING and self.transport.can_write_eof():
            self.lingering.add(self)
            self.flow.resume_reading()
            self.transport.write_eof()
            self._patience = self.loop.call_later(LINGER, self.transport.abort)
        else:
            self._close()

    def _close(self) -> None:
        self.transport.close()
        self._watch_unread()

    def _wait(self, seconds: float) -> None:
        self._patience = self.loop.call_later(seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _give_up(self) -> None:
        if self.flow.read_paused:  # it is we who do not read
            self._wait(self.settings.header_timeout)
        elif self._in_body or not (self._in_head or self._untold):
            self._close()
        else:
            self._refuse(SLOW)

    def _watch_unread(self) -> None:
        size = self.transport.get_write_buffer_size()
        if size and self._unread is None:
            timeout = self.settings.write_timeout
            self._unread = self.loop.call_later(timeout, self._look_at_unread, size)

    def _forget_unread(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _look_at_unread(self, before: int) -> None:
        self._unread = None
        if self.transport.get_write_buffer_size() > max(0, before - TAKEN):
            self.transport.abort()
        else:
            self._watch_unread()


def guarded(settings: Settings) -> type[HttpToolsProtocol]:
    """Give a protocol for uvicorn's ``Config(http=...)``; one for each server."""
    limits = {"settings": settings, "max_header": int(settings.max_header), "lingering": set()}
    return type("Guarded", (Guard,), limits)
