"""A mesh that does what a test tells it, on a real socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NoReturn

import grpc

from convoy import Batch, ConvoyError, Tensor
from convoy.client.retry import Retry
from convoy.status import to_status
from convoy.v1 import (
    captioning_pb2_grpc,
    embedding_pb2_grpc,
    generation_pb2_grpc,
    pipeline_pb2_grpc,
)
from convoy.v1 import pipeline_pb2 as pb
from convoy.wire import read_batch, write_batch

TIMEOUT = 60.0
"""Seconds; a deadline, never an expectation."""

QUICK = Retry(first=0.01, longest=0.05)
CODES = {code.value[0]: code for code in grpc.StatusCode}

Pipelines = pipeline_pb2_grpc.PipelineServiceServicer
Embeddings = embedding_pb2_grpc.EmbeddingServiceServicer


@asynccontextmanager
async def serving(
    pipelines: object | None = None,
    embeddings: object | None = None,
    port: int = 0,
    generation: object | None = None,
    captioning: object | None = None,
) -> AsyncIterator[str]:
    """Serve; gives HOST:PORT."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    if pipelines is not None:
        pipeline_pb2_grpc.add_PipelineServiceServicer_to_server(pipelines, server)
    if embeddings is not None:
        embedding_pb2_grpc.add_EmbeddingServiceServicer_to_server(embeddings, server)
    if generation is not None:
        generation_pb2_grpc.add_GenerationServiceServicer_to_server(generation, server)
    if captioning is not None:
        captioning_pb2_grpc.add_CaptioningServiceServicer_to_server(captioning, server)
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(0)


async def abort(context: Any, error: ConvoyError) -> NoReturn:
    """End a call as the mesh does."""
    status = to_status(error).SerializeToString()
    context.set_trailing_metadata((("grpc-status-details-bin", status),))
    await context.abort(CODES[error.code], error.message)
    raise AssertionError("abort raises")


class Echo(Pipelines):  # type: ignore[misc]
    """Answers with the columns that it is given; fails as often as it is told before."""

    inputs = (
        pb.ColumnSpec(name="text", datatype="DATATYPE_BYTES"),
        pb.ColumnSpec(name="ids", datatype="DATATYPE_INT64", shape=[-1], optional=True),
        pb.ColumnSpec(name="vector", datatype="DATATYPE_FP32", shape=[2], optional=True),
    )

    def __init__(self, *failures: ConvoyError) -> None:
        self.failures = list(failures)
        self.calls: list[str] = []

    async def _begin(self, method: str, context: Any) -> None:
        self.calls.append(method)
        if self.failures and method != "Describe":
            await abort(context, self.failures.pop(0))

    async def Describe(self, request: pb.DescribeRequest, context: Any) -> pb.DescribeResponse:
        await self._begin("Describe", context)
        return pb.DescribeResponse(pipeline=request.pipeline, inputs=self.inputs)

    async def List(self, request: pb.ListRequest, context: Any) -> pb.ListResponse:
        await self._begin("List", context)
        return pb.ListResponse(pipelines=["echo"])

    async def Run(self, request: pb.RunRequest, context: Any) -> pb.RunResponse:
        await self._begin("Run", context)
        return pb.RunResponse(batch=request.batch)

    async def RunStream(
        self, request: pb.RunStreamRequest, context: Any
    ) -> AsyncIterator[pb.RunStreamResponse]:
        await self._begin("RunStream", context)
        batch = read_batch(request.batch)
        for row in range(batch.rows):
            yield part(row, batch.slice(row, row + 1))


class Waits(Pipelines):  # type: ignore[misc]
    """Never answers, and tells when a call has begun and when it was cancelled."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def List(self, request: pb.ListRequest, context: Any) -> pb.ListResponse:
        return await self._forever()

    async def RunStream(
        self, request: pb.RunStreamRequest, context: Any
    ) -> AsyncIterator[pb.RunStreamResponse]:
        yield part(0, texts("a"))
        await self._forever()

    async def _forever(self) -> Any:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise


def part(row: int, batch: Batch) -> pb.RunStreamResponse:
    response = pb.RunStreamResponse(first_row=row)
    write_batch(batch, response.batch)
    return response


def texts(*values: str) -> Batch:
    return Batch(rows=len(values), columns={"text": Tensor.texts(values)})
