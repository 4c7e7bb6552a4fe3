"""A call of the mesh that generates: its whole answer, or piece by piece."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from convoy import ConvoyError
from convoy.v1 import captioning_pb2, generation_pb2
from convoy_gateway.openai.terms import translated
from convoy_gateway.upstream import Call, Upstream


@dataclass(frozen=True, slots=True)
class Method:
    """A method and its twin that streams; their requests have the same fields."""

    name: str
    """The full name of the first; that of the twin has ``Stream`` behind it."""
    messages: Any
    """The module that has their messages."""

    def message(self, kind: str) -> Any:
        """Give the message of a kind, as in ``StreamRequest``."""
        return getattr(self.messages, self.name.rpartition("/")[2] + kind)


CHAT = Method("/convoy.v1.GenerationService/Chat", generation_pb2)
GENERATE = Method("/convoy.v1.GenerationService/Generate", generation_pb2)
CAPTION = Method("/convoy.v1.CaptioningService/Caption", captioning_pb2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What one call asks; both ways raise ConvoyError in the caller's own terms."""

    method: Method
    fields: Mapping[str, Any]
    """Of the request, without ``pipeline``."""
    model: str
    """The pipeline."""
    parameter: Callable[[str], str]
    """OpenAI's name of a field."""

    async def whole(self, upstream: Upstream, call: Call) -> Any:
        """Give the answer: completions, usage and timings."""
        request = self._request("Request")
        try:
            raw = await upstream.unary(self.method.name, request, call)
        except ConvoyError as error:
            raise self._translated(error) from error
        return self.method.message("Response").FromString(raw)

    async def pieces(self, upstream: Upstream, call: Call) -> AsyncGenerator[Any]:
        """Give the pieces of the answer: chunks; the last has usage and timings, too."""
        request, read = self._request("StreamRequest"), self.method.message("StreamResponse")
        try:
            replies = upstream.stream(f"{self.method.name}Stream", request, call)
            async with aclosing(replies):
                async for raw in replies:
                    yield read.FromString(raw)
        except ConvoyError as error:
            raise self._translated(error) from error

    def _request(self, kind: str) -> bytes:
        request = self.method.message(kind)(**self.fields, pipeline=self.model)
        raw: bytes = request.SerializeToString()
        return raw

    def _translated(self, error: ConvoyError) -> ConvoyError:
        return translated(error, self.model, self.parameter)


async def wholes(asks: Sequence[Ask], upstream: Upstream, call: Call) -> list[Any]:
    """Give the answers of several calls, made at once; the first that fails ends the others."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(ask.whole(upstream, call)) for ask in asks]
    except* ConvoyError as errors:
        failed = errors.exceptions[0]
    else:
        return [task.result() for task in tasks]
    raise failed


async def merged(
    asks: Sequence[Ask], upstream: Upstream, call: Call
) -> AsyncGenerator[tuple[int, Any]]:
    """Give the pieces of several calls as they come, each with its call's number.

    The calls are made at once; the first that fails ends the others, and so does closing this.
    """
    came: asyncio.Queue[tuple[int, Any]] = asyncio.Queue(1)  # so a slow reader slows them all

    async def take(number: int, ask: Ask) -> None:
        try:
            async with aclosing(ask.pieces(upstream, call)) as pieces:
                async for piece in pieces:
                    await came.put((number, piece))
            await came.put((number, None))
        except Exception as error:  # it is raised where it is read
            await came.put((number, error))

    tasks = [asyncio.create_task(take(number, ask)) for number, ask in enumerate(asks)]
    try:
        running = len(tasks)
        while running:
            number, piece = await came.get()
            if isinstance(piece, Exception):
                raise piece
            if piece is None:
                running -= 1
            else:
                yield number, piece
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
