"""What became of a request, whoever answers it; and the middleware that counts it."""

import asyncio
import time
from contextvars import ContextVar
from dataclasses import dataclass

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from convoy_gateway import metrics

CODES = {
    400: "INVALID_ARGUMENT",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    415: "UNIMPLEMENTED",
    501: "UNIMPLEMENTED",
}
"""Of answers by those who know no codes."""

ENDING = JSONResponse(
    {"code": "unavailable", "error": "the gateway is ending", "message": "the gateway is ending"},
    503,
    {"retry-after": "1", "connection": "close"},
)


@dataclass(slots=True)
class Outcome:
    """Filled in by those who answer; each value is one of few, for they are Prometheus's labels."""

    dialect: str = "http"
    method: str = ""
    """The method's full name or the route's template; empty where there is none."""
    code: str = "OK"
    """gRPC's name of it."""


_current: ContextVar[Outcome] = ContextVar("outcome")


def outcome() -> Outcome:
    """Give the outcome of the request that is being answered."""
    return _current.get()


class Counted:
    """Counts requests, and measures how long they take."""

    def __init__(self, app: ASGIApp) -> None:
        """Count what ``app`` answers."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        found = Outcome()
        _current.set(found)
        began = time.perf_counter()
        metrics.OPEN.inc()
        status = 0

        async def counted_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, counted_send)
            if status >= 400 and found.code == "OK":
                found.code = CODES.get(status, "UNKNOWN")
        except asyncio.CancelledError:  # nobody else cancels: the process ends
            found.code = "UNAVAILABLE"
            if not status:
                await ENDING(scope, receive, send)
        finally:
            metrics.OPEN.dec()
            metrics.SECONDS.labels(found.dialect).observe(time.perf_counter() - began)
            metrics.REQUESTS.labels(found.dialect, found.method, found.code).inc()
