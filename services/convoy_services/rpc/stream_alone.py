"""A streaming stage that is called alone."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import numpy as np

from convoy import Batch, ConvoyError
from convoy_services.mesh.hop import StageRequest
from convoy_services.mesh.increment import Increment
from convoy_services.mesh.request import expired, new_ids
from convoy_services.mesh.streams import Streams


async def stream_alone(streams: Streams, request: StageRequest) -> AsyncIterator[Increment]:
    """Give what each step brings for the rows of a request, under the caller's own ids.

    Raises ConvoyError DEADLINE_EXCEEDED once no row has time left.
    """
    theirs = request.rows.ids
    ours = np.arange(len(theirs), dtype=np.uint64) + np.uint64(new_ids())
    news: asyncio.Queue[Increment] = asyncio.Queue()
    sinks = [_Sink(id, news) for id in theirs]
    rows = replace(request.rows, ids=ours)
    streams.begin(replace(request, rows=rows), sinks)
    left = len(theirs)
    try:
        async with asyncio.timeout_at(float(rows.deadlines.max())):
            while left:
                increment = await news.get()
                left -= int(increment.ended.sum())
                yield increment
    except TimeoutError as exc:
        raise expired() from exc
    finally:
        streams.cancel(ours)


class _Sink:
    def __init__(self, id: np.uint64, news: asyncio.Queue[Increment]) -> None:
        self._ids = np.array([id], np.uint64)
        self._news = news

    def add(self, increment: Increment, place: int) -> None:
        part = increment.take(np.array([place]))
        self._news.put_nowait(replace(part, ids=self._ids))

    def fail(self, error: ConvoyError) -> None:
        batch = Batch(rows=1, columns={}, failures={0: error})
        self._news.put_nowait(Increment(ids=self._ids, batch=batch, ended=np.ones(1, np.bool_)))
