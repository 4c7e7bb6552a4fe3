"""A mesh, as a Python program calls it."""

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from typing import Any, Self, TypeVar

import numpy as np
from google.protobuf.message import Message
from numpy.typing import NDArray

from convoy.batch import Batch
from convoy.client.caller import Caller, Metadata, Terms
from convoy.client.channels import Channels
from convoy.client.inputs import several, tells_its_type, to_batch
from convoy.client.retry import Retrier, Retry
from convoy.client.texts import Texts
from convoy.code import Code
from convoy.errors import ConvoyError
from convoy.timing import Timing
from convoy.v1 import embedding_pb2, pipeline_pb2
from convoy.wire import read_batch, write_batch

M = TypeVar("M", bound=Message)

PIPELINES = "/convoy.v1.PipelineService"
EMBED = "/convoy.v1.EmbeddingService/Embed"


class Client(Texts):
    """Calls a mesh: ``async with Client("localhost:9000") as client: ...``.

    Every method raises ConvoyError, with the code, reason and details that the mesh gave, or that
    gRPC gave in its place; and ValueError for a timeout that is none. All take

    * ``timeout``: seconds that the call may take, retries included; else the client's own;
    * ``priority``: 0 background, 1 normal (what a call without one is), 2 urgent;
    * ``metadata``: more to send, as ``{"convoy-tenant": "acme"}``;
    * ``timing``: a ``convoy.Timing``, filled in with where the time went.

    Cancelling a task cancels its call. A client belongs to the event loop of its first call.
    """

    def __init__(
        self,
        target: str,
        *,
        timeout: float = 30.0,
        metadata: Metadata | None = None,
        channels: int = 4,
        retry: Retry | None = None,
    ) -> None:
        """Call the mesh at ``target``, as HOST:PORT, by a pool of ``channels`` connections.

        Nothing is connected before the first call. ``metadata`` goes with every call.
        """
        self._channels = Channels(target, channels)
        self._caller = Caller(
            channels=self._channels,
            retrier=Retrier(retry or Retry()),
            timeout=timeout,
            metadata=metadata or {},
        )
        self._described: dict[str, pipeline_pb2.DescribeResponse] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections; calls under way raise ConvoyError CANCELLED."""
        await self._channels.close()

    async def run(
        self,
        pipeline: str,
        columns: Mapping[str, Any] | Batch,
        *,
        outputs: Sequence[str] = (),
        timeout: float | None = None,
        priority: int | None = None,
        metadata: Metadata | None = None,
        timing: Timing | None = None,
    ) -> Batch:
        """Run rows through a pipeline: ``{"text": ["a", "b"]}`` is two rows of one column.

        A column is a numpy array, whose first dimension is the rows and whose dtype is the
        datatype; or a list, for whose type the mesh is asked, once for each pipeline; or a
        Tensor. ``outputs`` are the columns wanted, all of them when empty.

        Read a column of the result by ``result[name].numpy()``. Rows that failed are in
        ``result.failures``; ``result.raise_for_failures()`` raises when there are any.
        """
        terms = self._caller.terms(timeout, priority, metadata, timing)
        with self._forgetting(pipeline):
            request = pipeline_pb2.RunRequest(
                pipeline=pipeline, outputs=several("outputs", outputs)
            )
            write_batch(await self._inputs(pipeline, columns, terms), request.batch)
            response = await self._caller.unary(
                f"{PIPELINES}/Run", request, pipeline_pb2.RunResponse, terms
            )
        return read_batch(response.batch, "response.batch")

    async def stream(
        self,
        pipeline: str,
        columns: Mapping[str, Any] | Batch,
        *,
        outputs: Sequence[str] = (),
        timeout: float | None = None,
        priority: int | None = None,
        metadata: Metadata | None = None,
        timing: Timing | None = None,
    ) -> AsyncGenerator[tuple[int, Batch], None]:
        """Run rows as ``run`` does, and give each part as soon as it is there, in no fixed order.

        A part is the index in the request of its first row, and its results. The time runs from
        the first step of the iteration to the last. Only until the first part it is retried.
        """
        terms = self._caller.terms(timeout, priority, metadata, timing)
        with self._forgetting(pipeline):
            request = pipeline_pb2.RunStreamRequest(
                pipeline=pipeline, outputs=several("outputs", outputs)
            )
            write_batch(await self._inputs(pipeline, columns, terms), request.batch)
            replies = self._caller.stream(
                f"{PIPELINES}/RunStream", request, pipeline_pb2.RunStreamResponse, terms
            )
            async with aclosing(replies):
                async for reply in replies:
                    yield reply.first_row, read_batch(reply.batch, "response.batch")

    async def embed(
        self,
        texts: Sequence[str],
        *,
        dimensions: int | None = None,
        normalize: bool | None = None,
        timeout: float | None = None,
        priority: int | None = None,
        metadata: Metadata | None = None,
        timing: Timing | None = None,
    ) -> NDArray[np.float32]:
        """Embed texts: float32 [texts, dimensions], by default all dimensions, of length one.

        It fails whole when one text does; the violations name each faulty one (``texts[3]``).
        """
        request = embedding_pb2.EmbedRequest(texts=several("texts", texts), dimensions=dimensions)
        if normalize is not None:
            request.normalize = normalize
        response = await self.unary(
            EMBED,
            request,
            embedding_pb2.EmbedResponse,
            timeout=timeout,
            priority=priority,
            metadata=metadata,
            timing=timing,
        )
        vectors = np.empty((len(response.embeddings), response.dimensions), np.float32)
        for row, embedding in enumerate(response.embeddings):
            vectors[row] = embedding.values
        return vectors

    async def pipelines(self, *, timeout: float | None = None) -> list[str]:
        """Name the pipelines of the mesh, sorted."""
        response = await self.unary(
            f"{PIPELINES}/List",
            pipeline_pb2.ListRequest(),
            pipeline_pb2.ListResponse,
            timeout=timeout,
        )
        return list(response.pipelines)

    async def describe(
        self, pipeline: str, *, timeout: float | None = None
    ) -> pipeline_pb2.DescribeResponse:
        """Tell a pipeline's columns, steps and limits, as they are now."""
        return await self._describe(pipeline, self._caller.terms(timeout, None, None))

    async def unary(
        self,
        method: str,
        request: Message,
        response: type[M],
        *,
        timeout: float | None = None,
        priority: int | None = None,
        metadata: Metadata | None = None,
        timing: Timing | None = None,
    ) -> M:
        """Call any unary method of the mesh by its full name, as generated stubs would.

        ``await client.unary("/convoy.v1.EmbeddingService/Embed", EmbedRequest(…), EmbedResponse)``

        Raises ValueError where the name does not begin with a slash.
        """
        if not method.startswith("/"):
            raise ValueError(f"{method!r} is no full name of a method: /package.Service/Method")
        terms = self._caller.terms(timeout, priority, metadata, timing)
        return await self._caller.unary(method, request, response, terms)

    async def _describe(self, pipeline: str, terms: Terms) -> pipeline_pb2.DescribeResponse:
        request = pipeline_pb2.DescribeRequest(pipeline=pipeline)
        described = await self._caller.unary(
            f"{PIPELINES}/Describe", request, pipeline_pb2.DescribeResponse, terms
        )
        self._described[pipeline] = described
        return described

    async def _inputs(
        self, pipeline: str, columns: Mapping[str, Any] | Batch, terms: Terms
    ) -> Batch:
        if isinstance(columns, Batch):
            return columns
        if all(map(tells_its_type, columns.values())):
            return to_batch(columns, ())
        described = self._described.get(pipeline) or await self._describe(pipeline, terms)
        return to_batch(columns, described.inputs)

    @contextmanager
    def _forgetting(self, pipeline: str) -> Iterator[None]:
        """Ask again for the columns of a pipeline that refused some: it may have been updated."""
        try:
            yield
        except ConvoyError as error:
            if error.code is Code.INVALID_ARGUMENT:
                self._described.pop(pipeline, None)
            raise
