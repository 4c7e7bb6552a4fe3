"""EmbeddingService over a mesh whose vectors are the texts' own bytes."""

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest

from convoy import Code, ConvoyError
from convoy.v1 import embedding_pb2 as pb
from convoy_services.rpc.call import Call
from convoy_services.rpc.embedding import EmbeddingServicer
from tests.unit.mesh.hosted import Hosted
from tests.unit.mesh.virtual_time import simulate


@pytest.fixture
def text(tmp_path: Path) -> str:
    """The configuration: texts to vectors, and the real stage that normalises them."""
    (tmp_path / "config.json").write_text(json.dumps({"hidden_size": 4}))
    return f"""
stages:
  vectors: {{class: "tests.unit.mesh.stages:Vectors"}}
  normalize:
    class: "convoy_services.embedding:Normalize"
    settings: {{model: "{tmp_path}"}}
pipelines:
  embedding:
    steps:
      - {{stage: vectors, from: [text]}}
      - {{stage: normalize, from: [pooled, dimensions, normalize]}}
    outputs: [embedding]
"""


def embed(text: str, *requests: pb.EmbedRequest) -> list[pb.EmbedResponse]:
    """Embed in one batch."""

    async def scenario() -> list[pb.EmbedResponse]:
        servicer = EmbeddingServicer(Hosted.of(text).mesh)
        async with asyncio.timeout(60):
            return await asyncio.gather(*(servicer.Embed(r, Call()) for r in requests))

    return simulate(scenario())


def refused(text: str, request: pb.EmbedRequest) -> ConvoyError:
    with pytest.raises(ConvoyError) as caught:
        embed(text, request)
    return caught.value


def vector(given: str) -> list[float]:
    return [float(byte) - 100 for byte in given.encode()[:4].ljust(4, b"d")]


def unit(values: list[float]) -> list[float]:
    return list(np.array(values) / np.linalg.norm(values))


def test_texts_become_vectors_of_length_one_in_their_order(text: str) -> None:
    (response,) = embed(text, pb.EmbedRequest(texts=["abcz", "zyxw"]))
    assert response.dimensions == 4
    assert response.encoding == pb.EMBEDDING_ENCODING_FLOAT32
    for embedding, given in zip(response.embeddings, ["abcz", "zyxw"], strict=True):
        assert list(embedding.values) == pytest.approx(unit(vector(given)), abs=1e-6)


def test_vectors_stay_as_they_are_where_that_is_asked_for(text: str) -> None:
    (response,) = embed(text, pb.EmbedRequest(texts=["abcz"], normalize=False))
    assert list(response.embeddings[0].values) == vector("abcz")


@pytest.mark.parametrize("dimensions", [1, 2, 4])
def test_dimensions_are_cut_before_the_vector_is_normalised(text: str, dimensions: int) -> None:
    (response,) = embed(text, pb.EmbedRequest(texts=["abcz"], dimensions=dimensions))
    assert response.dimensions == dimensions
    expected = unit(vector("abcz")[:dimensions])
    assert list(response.embeddings[0].values) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("normalize", [True, False])
def test_int8_decodes_to_the_vector_by_its_scale(text: str, normalize: bool) -> None:
    given = ["abcz", "zzzz", "d"]  # the last is all zeros
    request = pb.EmbedRequest(texts=given, encoding=pb.EMBEDDING_ENCODING_INT8, normalize=normalize)
    (response,) = embed(text, request)
    assert response.encoding == pb.EMBEDDING_ENCODING_INT8
    for embedding, expected in zip(response.embeddings, map(vector, given), strict=True):
        decoded = np.frombuffer(embedding.data, np.int8) * embedding.scale
        wanted = unit(expected) if normalize and any(expected) else expected
        assert decoded.tolist() == pytest.approx(wanted, abs=embedding.scale * 0.51)
        assert not embedding.values


def test_binary_decodes_to_the_signs(text: str) -> None:
    request = pb.EmbedRequest(texts=["zaza", "aaaa"], encoding=pb.EMBEDDING_ENCODING_BINARY)
    (response,) = embed(text, request)
    assert response.dimensions == 4
    assert [embedding.data for embedding in response.embeddings] == [b"\xa0", b"\x00"]


def test_binary_of_some_dimensions_has_their_bits(text: str) -> None:
    request = pb.EmbedRequest(texts=["zzzz"], encoding=pb.EMBEDDING_ENCODING_BINARY, dimensions=3)
    (response,) = embed(text, request)
    assert response.embeddings[0].data == b"\xe0"


def test_calls_with_and_without_parameters_share_a_batch(text: str) -> None:
    """A column of a parameter and one of its default once did not join: all calls failed."""
    whole, short, raw = embed(
        text,
        pb.EmbedRequest(texts=["abcz"]),
        pb.EmbedRequest(texts=["abcz"], dimensions=2),
        pb.EmbedRequest(texts=["abcz"], normalize=False),
    )
    assert list(whole.embeddings[0].values) == pytest.approx(unit(vector("abcz")), abs=1e-6)
    assert list(short.embeddings[0].values) == pytest.approx(unit(vector("ab")[:2]), abs=1e-6)
    assert list(raw.embeddings[0].values) == vector("abcz")


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        (pb.EmbedRequest(), ["texts"]),
        (pb.EmbedRequest(texts=["a", "", "b", ""]), ["texts[1]", "texts[3]"]),
        (pb.EmbedRequest(texts=["a"], dimensions=0), ["dimensions"]),
        (pb.EmbedRequest(texts=["a"], encoding=99), ["encoding"]),  # type: ignore[arg-type]
        (pb.EmbedRequest(texts=[""], dimensions=0), ["texts[0]", "dimensions"]),
        (pb.EmbedRequest(texts=["a", "b"], dimensions=5), ["dimensions"]),
        (pb.EmbedRequest(texts=["a"], dimensions=2**32 - 1), ["dimensions"]),
    ],
)
def test_every_faulty_field_is_named(
    text: str, request_: pb.EmbedRequest, fields: list[str]
) -> None:
    error = refused(text, request_)
    assert error.code is Code.INVALID_ARGUMENT
    assert [v.field for v in error.violations] == fields


def test_a_parameter_that_the_pipeline_does_not_take_is_refused(text: str) -> None:
    """It once stayed in the batch as a column that the other calls of the batch had not."""
    without = text.replace("[pooled, dimensions, normalize]", "[pooled]")
    error = refused(without, pb.EmbedRequest(texts=["a"], dimensions=2, normalize=False))
    assert [v.field for v in error.violations] == ["dimensions", "normalize"]
    assert embed(without, pb.EmbedRequest(texts=["a"]))[0].dimensions == 4


def test_texts_that_fail_on_their_way_are_named(text: str) -> None:
    error = refused(text, pb.EmbedRequest(texts=["good", "bad", "good", "bad"]))
    assert (error.code, error.reason, error.stage) == (
        Code.INVALID_ARGUMENT,
        "BAD_TEXT",
        "vectors",
    )
    assert [v.field for v in error.violations] == ["texts[1]", "texts[3]"]


def test_a_text_that_fails_leaves_other_calls_alone(text: str) -> None:
    async def scenario() -> list[object]:
        servicer = EmbeddingServicer(Hosted.of(text).mesh)
        requests = [pb.EmbedRequest(texts=[t]) for t in ("good", "bad", "fine")]
        return await asyncio.gather(
            *(servicer.Embed(r, Call()) for r in requests), return_exceptions=True
        )

    good, bad, fine = simulate(scenario())
    assert isinstance(good, pb.EmbedResponse)
    assert isinstance(bad, ConvoyError)
    assert isinstance(fine, pb.EmbedResponse)


def test_a_call_may_name_its_pipeline(text: str) -> None:
    other = "  raw: {steps: [{stage: vectors, from: [text], to: {pooled: e}}], outputs: "
    (response,) = embed(
        text + other + "{embedding: e}}\n", pb.EmbedRequest(texts=["abcz"], pipeline="raw")
    )
    assert list(response.embeddings[0].values) == vector("abcz")
    assert not response.HasField("tokens")


def test_a_pipeline_that_does_not_embed_is_refused(text: str) -> None:
    other = "  raw: {steps: [{stage: vectors, from: [text]}], outputs: [pooled]}\n"
    error = refused(text + other, pb.EmbedRequest(texts=["abcz"], pipeline="raw"))
    assert (error.code, error.violations[0].field) == (Code.INVALID_ARGUMENT, "pipeline")
    assert refused(text, pb.EmbedRequest(texts=["a"], pipeline="no")).code is Code.NOT_FOUND
