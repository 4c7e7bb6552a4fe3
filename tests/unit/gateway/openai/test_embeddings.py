"""OpenAI's embeddings over EmbeddingService."""

import asyncio
import base64
import json

import numpy as np
import pytest

from convoy import Code, ConvoyError, Violation
from convoy.v1 import embedding_pb2 as pb
from convoy_gateway.edge.edge import Edge
from convoy_gateway.openai import errors
from convoy_gateway.openai.embeddings import EMBED, embed
from convoy_gateway.openai.messages import EmbeddingsRequest, EmbeddingsResponse
from convoy_gateway.settings import Settings
from convoy_gateway.upstream import Call


class Upstream:
    """Answers each text with its length and its number."""

    def __init__(self, error: ConvoyError | None = None, tokens: int | None = 7) -> None:
        self.requests: list[pb.EmbedRequest] = []
        self._error = error
        self._tokens = tokens

    async def unary(self, method: str, request: bytes, call: Call) -> bytes:
        assert method == EMBED
        if self._error:
            raise self._error
        asked = pb.EmbedRequest.FromString(request)
        self.requests.append(asked)
        vectors = [pb.Embedding(values=[len(text), n]) for n, text in enumerate(asked.texts)]
        response = pb.EmbedResponse(embeddings=vectors, dimensions=2, tokens=self._tokens)
        return response.SerializeToString()

    def stream(self, method: str, request: bytes, call: Call) -> None:  # type: ignore[override]
        raise AssertionError


async def answer(upstream: Upstream, **request: object) -> EmbeddingsResponse:
    body = json.dumps({"model": "embedding", **request}).encode()
    asked = Edge(Settings()).parse(body, EmbeddingsRequest)
    deadline = asyncio.get_running_loop().time() + 10
    return await embed(asked, upstream, Call(deadline=deadline))  # type: ignore[arg-type]


async def refused(upstream: Upstream, **request: object) -> ConvoyError:
    with pytest.raises(ConvoyError) as caught:
        await answer(upstream, **request)
    return caught.value


async def test_one_text_or_several() -> None:
    one, two = await answer(Upstream(), input="abc"), await answer(Upstream(), input=["a", "bc"])
    assert [d.embedding for d in one.data] == [[3.0, 0.0]]
    assert [(d.index, d.embedding) for d in two.data] == [(0, [1.0, 0.0]), (1, [2.0, 1.0])]
    assert one.usage
    assert (one.usage.prompt_tokens, one.usage.total_tokens, one.model) == (7, 7, "embedding")


async def test_base64_is_of_little_endian_floats() -> None:
    response = await answer(Upstream(), input="abc", encoding_format="base64")
    encoded = response.data[0].embedding
    assert isinstance(encoded, str)
    assert np.frombuffer(base64.b64decode(encoded), "<f4").tolist() == [3.0, 0.0]


async def test_the_model_is_the_pipeline_and_dimensions_go_on() -> None:
    upstream = Upstream()
    await answer(upstream, input="abc", model="small", dimensions=2)
    assert (upstream.requests[0].pipeline, upstream.requests[0].dimensions) == ("small", 2)


async def test_usage_is_absent_where_the_pipeline_does_not_tell() -> None:
    assert (await answer(Upstream(tokens=None), input="abc")).usage is None


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([1, 2], "token ids"),
        ([[1, 2], [3]], "token ids"),
        (["a", None], "number 1 is none"),
        (None, "take a text"),
        ({"a": 1}, "take a text"),
    ],
)
async def test_what_is_no_text_is_refused_clearly(given: object, told: str) -> None:
    error = await refused(Upstream(), input=given)
    assert (error.code, error.violations[0].field) == (Code.INVALID_ARGUMENT, "input")
    assert told in error.message


async def test_faults_are_named_as_the_caller_named_the_fields() -> None:
    faults = [Violation("texts[1]", "the text is empty"), Violation("dimensions", "too many")]
    error = ConvoyError(Code.INVALID_ARGUMENT, "texts[1]: …", "INVALID_REQUEST", "", faults)
    several = await refused(Upstream(error), input=["a", ""])
    assert [v.field for v in several.violations] == ["input[1]", "dimensions"]
    assert several.message.startswith("input[1]: the text is empty")
    alone = await refused(Upstream(error), input="")
    assert alone.violations[0].field == "input"


async def test_an_unknown_model_is_told_as_openai_tells_it() -> None:
    missing = ConvoyError(Code.NOT_FOUND, "there is no pipeline nope", "NO_SUCH_PIPELINE")
    error = await refused(Upstream(missing), input="a", model="nope")
    body = errors.body(error)["error"]
    assert (body["code"], body["param"], body["type"]) == (
        "model_not_found",
        "model",
        "not_found_error",
    )


@pytest.mark.parametrize("code", [code for code in Code if code is not Code.OK])
def test_every_code_has_a_type(code: Code) -> None:
    body = errors.body(ConvoyError(code, "m", stage="s"))["error"]
    assert body["type"].endswith("_error")
    assert (body["message"], body["code"], body["stage"]) == ("m", code.name.lower(), "s")
