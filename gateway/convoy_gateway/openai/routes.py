"""The routes of OpenAI's API."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel

from convoy_gateway.edge.edge import Edge
from convoy_gateway.edge.timing import timed
from convoy_gateway.oip.openapi import inline
from convoy_gateway.openai import chat, completions, embeddings
from convoy_gateway.openai import models as pipelines
from convoy_gateway.openai.answers import ChatCompletion, TextCompletion
from convoy_gateway.openai.chat import ChatCompletionRequest
from convoy_gateway.openai.completions import CompletionRequest
from convoy_gateway.openai.events import streamed
from convoy_gateway.openai.messages import (
    EmbeddingsRequest,
    EmbeddingsResponse,
    ErrorResponse,
    Model,
    Models,
)
from convoy_gateway.upstream import Call, Upstream

ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorResponse}
    for status in (400, 404, 405, 408, 413, 415, 429, 499, 500, 501, 503, 504)
}

STREAMED: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {}}}}

Name = Annotated[str, Path(max_length=128)]


def router(upstream: Upstream, edge: Edge) -> APIRouter:
    """Answer by calls of ``upstream``."""
    routes = APIRouter(prefix="/v1", tags=["OpenAI"], responses=ERRORS)

    @routes.get("/models")
    async def list_models(request: Request) -> Models:
        """List the pipelines that embed or write."""
        return await pipelines.models(upstream, edge.call(request.headers))

    @routes.get("/models/{model}")
    async def get_model(model: Name, request: Request) -> Model:
        """Tell of one pipeline that embeds or writes."""
        return await pipelines.model(model, upstream, edge.call(request.headers))

    @routes.post(
        "/embeddings", response_model=EmbeddingsResponse, openapi_extra=_takes(EmbeddingsRequest)
    )
    async def create_embeddings(request: Request) -> Response:
        """Embed one text or several."""
        call = edge.call(request.headers)
        wanted = edge.parse(await edge.body(request), EmbeddingsRequest)
        return _whole(await embeddings.embed(wanted, upstream, call), call)

    @routes.post(
        "/chat/completions",
        response_model=ChatCompletion,
        responses=STREAMED,
        openapi_extra=_takes(ChatCompletionRequest),
    )
    async def create_chat_completion(request: Request) -> Response:
        """Give the next turn of a conversation, or tell about an image."""
        call = edge.call(request.headers)
        wanted = edge.parse(await edge.body(request), ChatCompletionRequest)
        if wanted.stream:
            return await streamed(chat.chunks(wanted, upstream, call))
        return _whole(await chat.answer(wanted, upstream, call), call)

    @routes.post(
        "/completions",
        response_model=TextCompletion,
        responses=STREAMED,
        openapi_extra=_takes(CompletionRequest),
    )
    async def create_completion(request: Request) -> Response:
        """Go on with one prompt or several."""
        call = edge.call(request.headers)
        wanted = edge.parse(await edge.body(request), CompletionRequest)
        if wanted.stream:
            return await streamed(completions.chunks(wanted, upstream, call))
        return _whole(await completions.answer(wanted, upstream, call), call)

    return routes


def _whole(answer: BaseModel, call: Call) -> Response:
    return Response(answer.model_dump_json(), 200, timed(call), "application/json")


def _takes(model: type[BaseModel]) -> dict[str, Any]:
    """Describe the body, which is read by ``edge`` and not by FastAPI."""
    content = {"application/json": {"schema": inline(model)}}
    return {"requestBody": {"required": True, "content": content}}
