"""An ASGI app behind uvicorn and the guard, on a real socket in the test's own event loop."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from convoy_gateway.edge.guard import guarded
from convoy_gateway.settings import Settings

T = TypeVar("T")

DEADLINE = 20.0


@dataclass(frozen=True, slots=True)
class Served:
    """A server, and where it is."""

    server: uvicorn.Server
    port: int

    @contextlib.asynccontextmanager
    async def connect(
        self, receive_buffer: int | None = None
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        sock = socket.create_connection(("127.0.0.1", self.port))
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        # A limit this low stops the reader from taking what the test does not read.
        reader, writer = await asyncio.open_connection(sock=sock, limit=receive_buffer or 1 << 16)
        try:
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def exchange(self, data: bytes) -> bytes:
        """Send it, and give all that comes until the server closes."""
        async with self.connect() as (reader, writer):
            writer.write(data)
            return await read_all(reader)

    async def all_gone(self) -> None:
        """Wait until the server holds neither a connection nor a request's task."""
        state = self.server.server_state
        await until(lambda: not state.connections and not state.tasks)


@contextlib.asynccontextmanager
async def served(app: ASGIApp, settings: Settings) -> AsyncIterator[Served]:
    """Serve the app; what it left running by the end fails."""
    config = uvicorn.Config(
        app,
        http=guarded(settings),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_keep_alive=settings.keep_alive,  # type: ignore[arg-type]
        timeout_graceful_shutdown=5,
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        await server.startup(sockets=[listener])
        try:
            yield Served(server, listener.getsockname()[1])
        finally:
            async with asyncio.timeout(DEADLINE):
                await server.shutdown(sockets=[listener])
    await until(lambda: asyncio.all_tasks() == {asyncio.current_task()})


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not holds():  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)


async def within(awaitable: Awaitable[T]) -> T:
    async with asyncio.timeout(DEADLINE):
        return await awaitable


async def read_all(reader: asyncio.StreamReader) -> bytes:
    """Read until the server closes, or breaks off."""
    data = b""
    with contextlib.suppress(ConnectionError):
        while piece := await within(reader.read(1 << 16)):
            data += piece
    return data


async def read_response(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Read one answer that has a Content-Length."""
    head = await within(reader.readuntil(b"\r\n\r\n"))
    length = next(
        int(line.split(b":")[1])
        for line in head.lower().split(b"\r\n")
        if line.startswith(b"content-length:")
    )
    return int(head.split(b" ", 2)[1]), await within(reader.readexactly(length))


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the body that came."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message.get("body", b"")
        more = message.get("more_body", False)
    await answer(send, body)


async def answer(send: Send, body: bytes = b"", status: int = 200) -> None:
    headers = [(b"content-length", str(len(body)).encode())]
    start: Message = {"type": "http.response.start", "status": status, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": body})


def errors(records: list[logging.LogRecord]) -> list[str]:
    """Give what was logged as an error."""
    return [record.getMessage() for record in records if record.levelno >= logging.ERROR]
