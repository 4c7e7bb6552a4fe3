"""Answers as server-sent events, as OpenAI has them.

https://platform.openai.com/docs/api-reference/chat-streaming
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from fastapi import Response
from pydantic import BaseModel
from pydantic_core import to_json
from starlette.types import Receive, Scope, Send

from convoy import ConvoyError
from convoy_gateway.fault import fault
from convoy_gateway.openai import errors
from convoy_gateway.outcome import outcome

DONE = b"[DONE]"

HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}
"""Proxies in front pass events on as they come; nginx knows the second alone."""

Chunks = AsyncGenerator[BaseModel]


async def streamed(chunks: Chunks) -> Response:
    """Make an answer of chunks. What fails before the first is raised, as ConvoyError."""
    return _Events(await anext(chunks), chunks)


class _Events(Response):
    """Sends each chunk as it comes; an error among them ends it, with no ``[DONE]``."""

    media_type = "text/event-stream"

    def __init__(self, first: BaseModel, rest: Chunks) -> None:
        self.status_code, self.background = 200, None
        self.init_headers(HEADERS)
        self._first, self._rest = first, rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; a client that leaves cancels this, which closes the chunks: edge/leaving.py."""
        async with aclosing(self._rest) as rest:
            start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
            await send(start)
            await _send(send, self._first.model_dump_json().encode())
            last = DONE
            try:
                async for chunk in rest:
                    await _send(send, chunk.model_dump_json().encode())
            except Exception as exc:
                error = exc if isinstance(exc, ConvoyError) else fault(exc)
                outcome().code = error.code.name
                last = to_json(errors.body(error))
            await _send(send, last, more=False)


async def _send(send: Send, data: bytes, *, more: bool = True) -> None:
    event = b"data: %b\n\n" % data
    await send({"type": "http.response.body", "body": event, "more_body": more})
