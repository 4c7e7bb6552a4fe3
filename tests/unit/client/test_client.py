"""The client against a real socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import grpc
import numpy as np
import pytest

from convoy import Client, Code, ConvoyError, Tensor, Violation
from convoy.client.retry import Retry
from convoy.v1 import embedding_pb2
from convoy.v1 import pipeline_pb2 as pb
from tests.unit.client.fake import (
    QUICK,
    TIMEOUT,
    Echo,
    Embeddings,
    Pipelines,
    Waits,
    abort,
    part,
    serving,
    texts,
)

BUSY = ConvoyError(Code.UNAVAILABLE, "not now")


# Values


async def test_lists_take_the_declared_types() -> None:
    async with serving(Echo()) as target, Client(target, timeout=TIMEOUT) as client:
        result = await client.run("echo", {"text": ["ä", b"\xff"], "ids": [[1, 2], []]})
    assert result["text"].numpy().tolist() == ["ä".encode(), b"\xff"]
    assert [row.tolist() for row in result["ids"].numpy()] == [[1, 2], []]
    assert result["ids"].numpy()[0].dtype == np.int64


async def test_arrays_tell_their_type_themselves() -> None:
    echo = Echo()
    array = np.arange(6, dtype=np.float32).reshape(3, 2)
    async with serving(echo) as target, Client(target, timeout=TIMEOUT) as client:
        result = await client.run("echo", {"vector": array, "id": Tensor.texts(["a", "b", "c"])})
    np.testing.assert_array_equal(result["vector"].numpy(), array)
    assert result["vector"].numpy().dtype == np.float32
    assert echo.calls == ["Run"]


async def test_a_pipeline_is_described_once() -> None:
    echo = Echo()
    async with serving(echo) as target, Client(target, timeout=TIMEOUT) as client:
        for _ in range(3):
            await client.run("echo", {"text": ["a"]})
    assert echo.calls == ["Describe", "Run", "Run", "Run"]


async def test_a_pipeline_that_refuses_its_input_is_described_again() -> None:
    echo = Echo(ConvoyError(Code.INVALID_ARGUMENT, "the column is INT64 now"))
    async with serving(echo) as target, Client(target, timeout=TIMEOUT) as client:
        with pytest.raises(ConvoyError, match="INT64 now"):
            await client.run("echo", {"text": ["a"]})
        await client.run("echo", {"text": ["a"]})
    assert echo.calls == ["Describe", "Run", "Describe", "Run"]


async def test_rows_that_failed_are_told_or_raised() -> None:
    class Fussy(Echo):
        async def Run(self, request: pb.RunRequest, context: Any) -> pb.RunResponse:
            response = pb.RunResponse(batch=request.batch)
            failed = response.batch.failures.add(row=1)
            failed.failure.code, failed.failure.message, failed.failure.stage = 13, "no", "encode"
            return response

    async with serving(Fussy()) as target, Client(target, timeout=TIMEOUT) as client:
        result = await client.run("fussy", texts("a", "b"))
    assert result.failures[1].stage == "encode"
    with pytest.raises(ConvoyError, match="1 of 2 rows failed; row 1: no") as caught:
        result.raise_for_failures()
    assert caught.value.violations == (Violation("rows[1]", "no"),)


async def test_embeddings_are_an_array() -> None:
    class Embed(Embeddings):  # type: ignore[misc]
        async def Embed(
            self, request: embedding_pb2.EmbedRequest, context: Any
        ) -> embedding_pb2.EmbedResponse:
            assert request.HasField("normalize")
            assert not request.normalize
            size = request.dimensions
            vectors = [embedding_pb2.Embedding(values=[len(t)] * size) for t in request.texts]
            return embedding_pb2.EmbedResponse(embeddings=vectors, dimensions=size)

    async with serving(embeddings=Embed()) as target, Client(target, timeout=TIMEOUT) as client:
        vectors = await client.embed(["a", "abc"], dimensions=4, normalize=False)
    assert vectors.dtype == np.float32
    np.testing.assert_array_equal(vectors, [[1] * 4, [3] * 4])


async def test_one_text_where_texts_are_due_is_refused() -> None:
    async with Client("127.0.0.1:1") as client:
        with pytest.raises(ConvoyError) as caught:
            await client.embed("parse a date")
    assert caught.value.violations[0].field == "texts"


async def test_pipelines_are_listed_and_described() -> None:
    async with serving(Echo()) as target, Client(target, timeout=TIMEOUT) as client:
        assert await client.pipelines() == ["echo"]
        described = await client.describe("echo")
    assert [spec.name for spec in described.inputs] == ["text", "ids", "vector"]


async def test_any_method_can_be_called_by_its_name() -> None:
    async with serving(Echo()) as target, Client(target, timeout=TIMEOUT) as client:
        reply = await client.unary(
            "/convoy.v1.PipelineService/List", pb.ListRequest(), pb.ListResponse
        )
    assert reply == pb.ListResponse(pipelines=["echo"])


# What a call carries


class Tells(Pipelines):  # type: ignore[misc]
    """Answers with the deadline, the metadata and the peer that it sees."""

    def __init__(self) -> None:
        self.remaining: list[float] = []
        self.metadata: list[dict[str, str]] = []
        self.peers: set[str] = set()

    async def List(self, request: pb.ListRequest, context: Any) -> pb.ListResponse:
        self.remaining.append(context.time_remaining())
        self.metadata.append(dict(context.invocation_metadata()))
        self.peers.add(context.peer())
        return pb.ListResponse()


async def test_a_call_has_a_deadline_its_own_or_the_clients() -> None:
    tells = Tells()
    async with serving(tells) as target, Client(target, timeout=20) as client:
        await client.pipelines()
        await client.pipelines(timeout=5)
    assert 15 < tells.remaining[0] < 21  # gRPC rounds up what it sends
    assert 0 < tells.remaining[1] < 6


@pytest.mark.parametrize("timeout", [0, -1, float("inf"), float("nan")])
async def test_a_timeout_that_is_none_is_refused(timeout: float) -> None:
    with pytest.raises(ValueError, match="every call has a deadline"):
        Client("127.0.0.1:1", timeout=timeout)
    async with Client("127.0.0.1:1") as client:
        with pytest.raises(ValueError, match="every call has a deadline"):
            await client.pipelines(timeout=timeout)


async def test_metadata_of_client_and_call_and_the_priority_are_sent() -> None:
    tells = Tells()
    async with (
        serving(tells) as target,
        Client(target, timeout=TIMEOUT, metadata={"Convoy-Tenant": "acme", "a": "1"}) as client,
    ):
        request = ("/convoy.v1.PipelineService/List", pb.ListRequest(), pb.ListResponse)
        await client.unary(*request, priority=2, metadata={"a": "2"})
    sent = tells.metadata[0]
    assert (sent["convoy-tenant"], sent["a"], sent["convoy-priority"]) == ("acme", "2", "2")


@pytest.mark.parametrize("channels", [1, 3])
async def test_each_channel_has_a_connection_of_its_own(channels: int) -> None:
    tells = Tells()
    async with (
        serving(tells) as target,
        Client(target, timeout=TIMEOUT, channels=channels) as client,
    ):
        await asyncio.gather(*(client.pipelines() for _ in range(12)))
    assert len(tells.peers) == channels


# Errors, retries, deadlines


async def test_an_error_comes_with_its_details() -> None:
    violations = [Violation("texts[3]", "empty")]
    told = ConvoyError(Code.INVALID_ARGUMENT, "no", "BAD", "encode", violations, 1.5, {})
    async with serving(Echo(told)) as target, Client(target, timeout=TIMEOUT) as client:
        with pytest.raises(ConvoyError) as caught:
            await client.pipelines()
    assert caught.value.args == (
        Code.INVALID_ARGUMENT,
        "no",
        "BAD",
        "encode",
        [*told.violations],
        1.5,
        {},
    )


async def test_an_error_without_details_has_its_code() -> None:
    async with serving(Echo()) as target, Client(target, timeout=TIMEOUT) as client:
        with pytest.raises(ConvoyError) as caught:
            await client.unary("/convoy.v1.No/Such", pb.ListRequest(), pb.ListResponse)
    assert (caught.value.code, caught.value.reason) == (Code.UNIMPLEMENTED, "UNIMPLEMENTED")


async def test_a_call_that_finds_the_mesh_busy_is_tried_again() -> None:
    echo = Echo(BUSY, ConvoyError(Code.RESOURCE_EXHAUSTED, "full", retry_after=0.01))
    async with serving(echo) as target, Client(target, timeout=TIMEOUT, retry=QUICK) as client:
        result = await client.run("echo", texts("a"))
    assert result["text"].strings() == ["a"]
    assert echo.calls == ["Run"] * 3


async def test_a_mesh_that_starts_later_is_found() -> None:
    async with serving(Echo()) as target:
        port = int(target.rsplit(":", 1)[1])
    retry = Retry(first=0.05, longest=0.1, burst=1000)
    async with Client(target, timeout=TIMEOUT, retry=retry) as client:
        waiting = asyncio.create_task(client.pipelines())
        with pytest.raises(ConvoyError) as caught:
            await client.pipelines(timeout=0.3)
        assert caught.value.code in (Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED)
        async with serving(Echo(), port=port):
            assert await waiting == ["echo"]


async def test_a_client_without_retries_sends_once() -> None:
    echo = Echo(BUSY)
    async with serving(echo) as target, Client(target, retry=Retry(burst=0)) as client:
        with pytest.raises(ConvoyError, match="not now"):
            await client.pipelines(timeout=TIMEOUT)
    assert echo.calls == ["List"]


async def test_all_calls_of_a_client_share_the_budget() -> None:
    echo = Echo(*[BUSY] * 1000)
    retry = Retry(first=0.001, longest=0.001, burst=5)
    async with serving(echo) as target, Client(target, timeout=TIMEOUT, retry=retry) as client:
        calls = (client.pipelines() for _ in range(50))
        results = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(result, ConvoyError) for result in results)
    assert len(echo.calls) == 55


async def test_a_call_ends_at_its_deadline() -> None:
    waits = Waits()
    async with serving(waits) as target, Client(target) as client:
        with pytest.raises(ConvoyError) as caught:
            await client.pipelines(timeout=0.3)
        assert caught.value.code is Code.DEADLINE_EXCEEDED
        async with asyncio.timeout(TIMEOUT):
            await waits.cancelled.wait()


async def test_cancelling_the_task_cancels_the_call() -> None:
    waits = Waits()
    async with (
        serving(waits) as target,
        Client(target, timeout=TIMEOUT) as client,
        asyncio.timeout(TIMEOUT),
    ):
        task = asyncio.create_task(client.pipelines())
        await waits.begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await waits.cancelled.wait()


async def test_closing_the_client_ends_its_calls_with_an_error() -> None:
    """grpc raises CancelledError in them, as if their tasks had been cancelled."""
    waits = Waits()
    async with serving(waits) as target, asyncio.timeout(TIMEOUT):
        async with Client(target) as client:
            task = asyncio.create_task(client.pipelines())
            await waits.begun.wait()
        with pytest.raises(ConvoyError) as caught:
            await task
        assert (caught.value.code, caught.value.reason) == (Code.CANCELLED, "CLIENT_CLOSED")
        with pytest.raises(ConvoyError, match="the client is closed"):
            await client.pipelines()


# Streams


async def test_a_stream_gives_parts() -> None:
    async with serving(Echo()) as target, Client(target, timeout=TIMEOUT) as client:
        parts = client.stream("echo", {"text": ["a", "b", "c"]})
        got = {row: batch["text"].strings() async for row, batch in parts}
    assert got == {0: ["a"], 1: ["b"], 2: ["c"]}


async def test_a_stream_is_tried_again_before_its_first_part() -> None:
    echo = Echo(BUSY)
    async with serving(echo) as target, Client(target, timeout=TIMEOUT, retry=QUICK) as client:
        got = [row async for row, _ in client.stream("echo", texts("a", "b"))]
    assert (got, echo.calls) == ([0, 1], ["RunStream"] * 2)


async def test_a_stream_is_not_tried_again_after_a_part() -> None:
    class Breaks(Pipelines):  # type: ignore[misc]
        calls = 0

        async def RunStream(
            self, request: pb.RunStreamRequest, context: Any
        ) -> AsyncIterator[pb.RunStreamResponse]:
            self.calls += 1
            yield part(0, texts("a"))
            await abort(context, BUSY)

    breaks = Breaks()
    async with serving(breaks) as target, Client(target, timeout=TIMEOUT, retry=QUICK) as client:
        parts = client.stream("echo", texts("a", "b"))
        assert (await anext(parts))[0] == 0
        with pytest.raises(ConvoyError, match="not now"):
            await anext(parts)
    assert breaks.calls == 1


async def test_the_deadline_of_a_stream_is_that_of_the_whole() -> None:
    async with serving(Waits()) as target, Client(target) as client:
        parts = client.stream("echo", texts("a"), timeout=0.5)
        await anext(parts)
        with pytest.raises(ConvoyError) as caught:
            await anext(parts)
    assert caught.value.code is Code.DEADLINE_EXCEEDED


async def test_leaving_a_stream_cancels_it() -> None:
    waits = Waits()
    async with (
        serving(waits) as target,
        Client(target, timeout=TIMEOUT) as client,
        asyncio.timeout(TIMEOUT),
    ):
        async with aclosing(client.stream("echo", texts("a"))) as parts:
            async for _ in parts:
                break
        await waits.cancelled.wait()


async def test_an_empty_stream_has_no_parts() -> None:
    class Nothing(Pipelines):  # type: ignore[misc]
        async def RunStream(
            self, request: pb.RunStreamRequest, context: grpc.aio.ServicerContext
        ) -> AsyncIterator[pb.RunStreamResponse]:
            for row in range(0):
                yield part(row, texts())

    async with serving(Nothing()) as target, Client(target, timeout=TIMEOUT) as client:
        assert [item async for item in client.stream("echo", texts("a"))] == []
