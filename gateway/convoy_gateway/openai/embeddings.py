"""/v1/embeddings over EmbeddingService."""

import base64
from functools import partial

import numpy as np

from convoy import ConvoyError
from convoy.v1 import embedding_pb2 as pb
from convoy_gateway.openai.messages import (
    EmbeddingObject,
    EmbeddingsRequest,
    EmbeddingsResponse,
    Usage,
)
from convoy_gateway.openai.terms import translated
from convoy_gateway.upstream import Call, Upstream

EMBED = "/convoy.v1.EmbeddingService/Embed"

FIELDS = {"texts": "input", "pipeline": "model"}
"""OpenAI's names of the mesh's fields, where they differ."""


async def embed(request: EmbeddingsRequest, upstream: Upstream, call: Call) -> EmbeddingsResponse:
    """Embed texts; raises ConvoyError in the request's own terms."""
    upstream_request = pb.EmbedRequest(
        texts=[request.input] if isinstance(request.input, str) else request.input,
        dimensions=request.dimensions,
        pipeline=request.model,
    )
    try:
        raw = await upstream.unary(EMBED, upstream_request.SerializeToString(), call)
    except ConvoyError as error:
        named = partial(_field, alone=isinstance(request.input, str))
        raise translated(error, request.model, named) from error
    response = pb.EmbedResponse.FromString(raw)
    write = _base64 if request.encoding_format == "base64" else _floats
    tokens = response.tokens if response.HasField("tokens") else None
    return EmbeddingsResponse(
        data=[
            EmbeddingObject(index=n, embedding=write(embedding))
            for n, embedding in enumerate(response.embeddings)
        ],
        model=request.model,
        usage=None if tokens is None else Usage(prompt_tokens=tokens, total_tokens=tokens),
    )


def _floats(embedding: pb.Embedding) -> list[float]:
    return list(embedding.values)


def _base64(embedding: pb.Embedding) -> str:
    return base64.b64encode(np.array(embedding.values, "<f4").tobytes()).decode()


def _field(path: str, *, alone: bool) -> str:
    name, bracket, rest = path.partition("[")
    name = FIELDS.get(name, name)
    return name if alone else name + bracket + rest
