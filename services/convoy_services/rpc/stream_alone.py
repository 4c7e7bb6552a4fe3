"""A streaming stage that is called alone."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import numpy as np

from convoy import Batch, ConvoyError
from convoy_services.mesh.hop import StageRequest
from convoy_services.mesh.increment import Ids, Increment
from convoy_services.mesh.request import expired, new_ids
from convoy_services.mesh.streams import Streams


async def stream_alone(streams: Streams, request: StageRequest) -> AsyncIterator[Increment]:
    """Give what each step brings for the rows of a request, under the caller's own ids.

    A row fails when its deadline passes; raises ConvoyError DEADLINE_EXCEEDED where all did.
    """
    theirs, deadlines = request.rows.ids, request.rows.deadlines
    ours = np.arange(len(theirs), dtype=np.uint64) + np.uint64(new_ids())
    news: asyncio.Queue[tuple[int, Increment]] = asyncio.Queue()
    sinks = [_Sink(row, id, news) for row, id in enumerate(theirs)]
    streams.begin(replace(request, rows=replace(request.rows, ids=ours)), sinks)
    left = np.ones(len(theirs), np.bool_)
    try:
        while left.any():
            try:
                async with asyncio.timeout_at(float(deadlines[left].min())):
                    row, increment = await news.get()
            except TimeoutError:
                late = left & (deadlines <= asyncio.get_running_loop().time())
                if late.all():
                    raise expired() from None
                streams.cancel(ours[late])
                left &= ~late
                yield _failed(theirs[late], expired())
                continue
            if left[row]:
                left[row] = not increment.ended[0]
                yield increment
    finally:
        streams.cancel(ours)


def _failed(ids: Ids, error: ConvoyError) -> Increment:
    failures = dict.fromkeys(range(len(ids)), error)
    batch = Batch(rows=len(ids), columns={}, failures=failures)
    return Increment(ids=ids, batch=batch, ended=np.ones(len(ids), np.bool_))


class _Sink:
    def __init__(self, row: int, id: np.uint64, news: asyncio.Queue[tuple[int, Increment]]) -> None:
        self._row = row
        self._ids = np.array([id], np.uint64)
        self._news = news

    def add(self, increment: Increment, place: int) -> None:
        part = increment.take(np.array([place]))
        self._news.put_nowait((self._row, replace(part, ids=self._ids)))

    def fail(self, error: ConvoyError) -> None:
        self._news.put_nowait((self._row, _failed(self._ids, error)))
