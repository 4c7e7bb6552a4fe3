"""EmbeddingService with the real MiniLM weights."""

import asyncio

import grpc
import numpy as np
import pytest

from convoy import Code
from convoy.v1 import embedding_pb2 as pb
from convoy.v1 import embedding_pb2_grpc
from convoy_services.embedding.model import locate
from tests.mesh.calls import TIMEOUT, details

TEXTS = [
    "Parse a date out of a string.",
    "Convert text to a point in time.",
    "Remove a directory tree.",
    "Grüße aus Köln, 你好",
]


async def embed(channel: grpc.aio.Channel, request: pb.EmbedRequest) -> pb.EmbedResponse:
    stub = embedding_pb2_grpc.EmbeddingServiceStub(channel)
    response: pb.EmbedResponse = await stub.Embed(request, timeout=TIMEOUT)
    return response


def vectors(response: pb.EmbedResponse) -> np.ndarray:
    return np.array([embedding.values for embedding in response.embeddings])


async def test_embeddings_are_those_of_the_model_alone(channel: grpc.aio.Channel) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    path = locate("all-MiniLM-L6-v2")
    tokens = AutoTokenizer.from_pretrained(path)(TEXTS, padding=True, return_tensors="pt")
    with torch.inference_mode():
        hidden = AutoModel.from_pretrained(path)(**tokens).last_hidden_state
    mask = tokens["attention_mask"][:, :, None]
    pooled = ((hidden * mask).sum(1) / mask.sum(1)).numpy()
    expected = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
    response = await embed(channel, pb.EmbedRequest(texts=TEXTS))
    np.testing.assert_allclose(vectors(response), expected, atol=1e-4)
    assert response.tokens == tokens["attention_mask"].sum()


async def test_closer_meanings_have_closer_vectors(channel: grpc.aio.Channel) -> None:
    date, time, tree, _ = vectors(await embed(channel, pb.EmbedRequest(texts=TEXTS)))
    assert date @ time > date @ tree


async def test_alone_and_in_company_give_the_same(channel: grpc.aio.Channel) -> None:
    responses = await asyncio.gather(
        *(embed(channel, pb.EmbedRequest(texts=[text])) for text in TEXTS * 8)
    )
    together = vectors(await embed(channel, pb.EmbedRequest(texts=TEXTS)))
    for n, response in enumerate(responses):
        np.testing.assert_allclose(vectors(response)[0], together[n % len(TEXTS)], atol=1e-4)


async def test_dimensions_are_cut_before_normalising(channel: grpc.aio.Channel) -> None:
    raw = vectors(await embed(channel, pb.EmbedRequest(texts=TEXTS, normalize=False)))
    short = await embed(channel, pb.EmbedRequest(texts=TEXTS, dimensions=64))
    assert short.dimensions == 64
    expected = raw[:, :64] / np.linalg.norm(raw[:, :64], axis=1, keepdims=True)
    np.testing.assert_allclose(vectors(short), expected, atol=1e-5)


async def test_encodings_hold_the_same_vector(channel: grpc.aio.Channel) -> None:
    floats = vectors(await embed(channel, pb.EmbedRequest(texts=TEXTS)))
    int8 = await embed(channel, pb.EmbedRequest(texts=TEXTS, encoding=pb.EMBEDDING_ENCODING_INT8))
    for row, embedding in zip(floats, int8.embeddings, strict=True):
        unpacked = np.frombuffer(embedding.data, np.int8) * embedding.scale
        np.testing.assert_allclose(unpacked, row, atol=embedding.scale)
    binary = await embed(
        channel, pb.EmbedRequest(texts=TEXTS, encoding=pb.EMBEDDING_ENCODING_BINARY)
    )
    bits = np.array([list(e.data) for e in binary.embeddings], np.uint8)
    np.testing.assert_array_equal(np.unpackbits(bits, axis=1), floats > 0)


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.EmbedRequest(), "texts"),
        (pb.EmbedRequest(texts=["fine", ""]), "texts[1]"),
        (pb.EmbedRequest(texts=["fine"], dimensions=0), "dimensions"),
        (pb.EmbedRequest(texts=["fine", "fine"], dimensions=385), "dimensions"),
        (pb.EmbedRequest(texts=["fine"], encoding=77), "encoding"),
    ],
)
async def test_a_faulty_request_is_refused_by_field(
    channel: grpc.aio.Channel, request_: pb.EmbedRequest, field: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await embed(channel, request_)
    error = details(caught.value)
    assert (error.code, error.violations[0].field) == (Code.INVALID_ARGUMENT, field)
