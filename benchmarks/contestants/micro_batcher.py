"""A grpcio.aio server with a micro-batcher, as one writes it by hand for one process.

While a batch is at work, what arrives waits; then all of it goes, up to a most. The three steps
run one after another in one thread.
"""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import numpy as np

from benchmarks.contestants.work import Work
from benchmarks.worker import Line
from convoy.v1 import embedding_pb2, embedding_pb2_grpc, pipeline_pb2, pipeline_pb2_grpc

MOST = 64
"""Rows in a batch."""


class MicroBatcher:
    def __init__(self, work: Work) -> None:
        self._steps = [work.step(number) for number in range(3)]
        self._pool = ThreadPoolExecutor(1) if any(work.heavy) else None
        self._waiting: list[tuple[Any, asyncio.Future[Any]]] = []
        self._arrived = asyncio.Event()

    async def submit(self, row: Any) -> Any:
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((row, done))
        self._arrived.set()
        return await done

    async def run(self) -> None:
        while True:
            await self._arrived.wait()
            batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            if not self._waiting:
                self._arrived.clear()
            rows = [row for row, _ in batch]
            if self._pool:
                rows = await asyncio.get_running_loop().run_in_executor(self._pool, self._all, rows)
            else:
                rows = self._all(rows)
                await asyncio.sleep(0)
            for (_, done), row in zip(batch, rows, strict=True):
                if not done.done():
                    done.set_result(row)

    def _all(self, rows: list[Any]) -> list[Any]:
        for step in self._steps:
            rows = step(rows)
        return rows


class Echo(pipeline_pb2_grpc.PipelineServiceServicer):
    def __init__(self, batcher: MicroBatcher) -> None:
        self._batcher = batcher

    async def Run(
        self, request: pipeline_pb2.RunRequest, context: grpc.aio.ServicerContext
    ) -> pipeline_pb2.RunResponse:
        data = await self._batcher.submit(request.batch.tensors[0].data)
        request.batch.tensors[0].data = data
        return pipeline_pb2.RunResponse(batch=request.batch)


class Embedding(embedding_pb2_grpc.EmbeddingServiceServicer):
    def __init__(self, batcher: MicroBatcher) -> None:
        self._batcher = batcher

    async def Embed(
        self, request: embedding_pb2.EmbedRequest, context: grpc.aio.ServicerContext
    ) -> embedding_pb2.EmbedResponse:
        vector: np.ndarray = await self._batcher.submit(request.texts[0])
        embedding = embedding_pb2.Embedding(values=vector.tolist())
        return embedding_pb2.EmbedResponse(embeddings=[embedding], dimensions=len(vector))


async def main() -> None:
    line = Line()
    work = Work(*sys.argv[1:])
    batcher = MicroBatcher(work)
    server = grpc.aio.server()
    if work.name == "echo":
        pipeline_pb2_grpc.add_PipelineServiceServicer_to_server(Echo(batcher), server)
    else:
        embedding_pb2_grpc.add_EmbeddingServiceServicer_to_server(Embedding(batcher), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    running = asyncio.create_task(batcher.run())
    line.say(protocol="grpc", address=f"127.0.0.1:{port}")
    await asyncio.to_thread(line.wait)
    running.cancel()
    await server.stop(0)


if __name__ == "__main__":
    try:
        import uvloop
    except ImportError:
        asyncio.run(main())
    else:
        uvloop.run(main())
