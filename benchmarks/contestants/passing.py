"""An ingress with a streaming handle call for each request, and its engine.

All else is the mesh's own: its Ray and Serve with their settings, HAProxy, the native gRPC server,
the engine. The ingress does no more than to pass on what comes, so nothing could be cheaper that
has a stream for each request.
"""

import asyncio
from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import numpy as np

from benchmarks.contestants.ticker import Ticker
from convoy import Batch, Datatype, Tensor
from convoy.v1 import generation_pb2 as pb
from convoy_services import ingress
from convoy_services.mesh.increment import Increment
from convoy_services.rpc.call import Call
from convoy_services.rpc.dispatch import Local


class Ticking:
    """Hosts the engine; what a step brings goes to each request by itself."""

    def __init__(self, period: float) -> None:
        self._stage = Ticker(period=period)
        self._numbers = count(1)
        self._news: dict[int, asyncio.Queue[pb.CompletionChunk]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    async def stream(self, tokens: int) -> AsyncIterator[bytes]:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._stage.open(self._emit)
        number = next(self._numbers)
        ids = np.array([number], np.uint64)
        news = self._news[number] = asyncio.Queue()
        wanted = {"max_tokens": Tensor.pack([tokens], Datatype.INT32)}
        self._stage.submit(ids, Batch(rows=1, columns=wanted))
        try:
            while True:
                chunk = await news.get()
                yield pb.GenerateStreamResponse(chunks=[chunk]).SerializeToString()
                if chunk.finish_reason:
                    return
        finally:
            del self._news[number]
            self._stage.cancel(ids)

    def _emit(self, increment: Increment) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._step, increment)

    def _step(self, increment: Increment) -> None:
        for place, number in enumerate(increment.ids.tolist()):
            if news := self._news.get(number):
                chunk = pb.CompletionChunk(
                    text=increment.value("text", place).decode(),
                    token_ids=increment.value("token_ids", place),
                    finish_reason=increment.value("finish_reason", place),
                )
                news.put_nowait(chunk)


class Passing:
    """Answers GenerateStream on the gRPC server of its replica, as the mesh's ingress does."""

    def __init__(self, engine: Any) -> None:
        # What Serve calls for the replica's server, rpc/native.py, looks here.
        ingress._dispatcher = Local([_Servicer(engine)])


class _Servicer:
    descriptor = pb.DESCRIPTOR.services_by_name["GenerationService"]

    def __init__(self, engine: Any) -> None:
        self._stream = engine.options(
            method_name="stream",
            stream=True,
            _by_reference=False,
            request_serialization="pickle",
            response_serialization="pickle",
        )

    async def GenerateStream(
        self, request: pb.GenerateStreamRequest, call: Call
    ) -> AsyncIterator[pb.GenerateStreamResponse]:
        async for message in self._stream.remote(request.sampling.max_tokens):
            yield pb.GenerateStreamResponse.FromString(message)
