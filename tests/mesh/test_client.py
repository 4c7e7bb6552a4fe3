"""The Python client against a real mesh."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest

from convoy import Client, Code, ConvoyError, SyncClient
from convoy_services.local.mesh import LocalMesh
from tests.mesh.calls import TIMEOUT


@pytest.fixture
async def client(mesh: LocalMesh) -> AsyncIterator[Client]:
    async with Client(mesh.target, timeout=TIMEOUT) as client:
        yield client


async def test_texts_become_vectors_of_length_one(client: Client) -> None:
    vectors = await client.embed(["parse a date", "read the time", "remove a directory"])
    assert (vectors.shape, vectors.dtype) == ((3, 384), np.float32)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]


async def test_a_pipeline_gives_what_the_typed_call_gives(client: Client) -> None:
    texts = ["parse a date", "grüße"]
    result = await client.run("embedding", {"text": texts}, outputs=["embedding"])
    assert list(result.columns) == ["embedding"]
    np.testing.assert_allclose(result["embedding"].numpy(), await client.embed(texts), atol=1e-5)


async def test_concurrent_calls_get_their_own_answers(client: Client) -> None:
    async def ask(n: int) -> None:
        result = await client.run("echo", {"data": [str(n)] * (n % 3 + 1)}, priority=n % 3)
        assert result["data"].strings() == [str(n)] * (n % 3 + 1)

    await asyncio.gather(*map(ask, range(500)))


async def test_a_row_that_fails_does_so_alone(client: Client) -> None:
    result = await client.run("fussy", {"data": ["good", "bad", "good"]})
    assert list(result.failures) == [1]
    assert (result.failures[1].code, result.failures[1].stage) == (Code.INTERNAL, "fussy")
    with pytest.raises(ConvoyError, match="1 of 3 rows failed"):
        result.raise_for_failures()


async def test_a_stream_gives_every_row_once(client: Client) -> None:
    rows = [str(n) for n in range(1000)]
    parts = {row: part async for row, part in client.stream("echo", {"data": rows})}
    assert len(parts) > 1
    assert [text for row in sorted(parts) for text in parts[row]["data"].strings()] == rows


async def test_a_refusal_names_the_field(client: Client) -> None:
    with pytest.raises(ConvoyError) as caught:
        await client.embed(["fine", ""])
    error = caught.value
    assert (error.code, error.violations[0].field) == (Code.INVALID_ARGUMENT, "texts[1]")


async def test_an_array_of_another_type_is_refused_by_the_mesh(client: Client) -> None:
    with pytest.raises(ConvoyError, match=r"the datatype is INT64, not BYTES"):
        await client.run("echo", {"data": np.arange(3)})


async def test_an_unknown_pipeline_is_not_found(client: Client) -> None:
    with pytest.raises(ConvoyError, match="echo") as caught:
        await client.run("ecko", {"data": ["x"]})
    assert (caught.value.code, caught.value.reason) == (Code.NOT_FOUND, "PIPELINE_NOT_FOUND")


async def test_a_call_ends_at_its_deadline(client: Client) -> None:
    with pytest.raises(ConvoyError) as caught:
        await client.run("fussy", {"data": ["sleep 2"]}, timeout=0.3)
    assert caught.value.code is Code.DEADLINE_EXCEEDED


async def test_pipelines_are_listed_and_described(client: Client) -> None:
    assert "embedding" in await client.pipelines()
    described = await client.describe("embedding")
    assert [spec.name for spec in described.outputs] == ["embedding", "tokens"]


def test_callers_that_are_not_async_have_the_same(mesh: LocalMesh) -> None:
    with SyncClient(mesh.target, timeout=TIMEOUT) as client:
        assert client.embed(["parse a date"], dimensions=8).shape == (1, 8)
        parts = client.stream("echo", {"data": ["a", "b"]})
        assert sum(part.rows for _, part in parts) == 2
