"""Streams all the way: OpenAI's shape before, a gRPC server behind."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import httpx2 as httpx
import pytest

from convoy.status import to_status
from convoy.v1 import generation_pb2 as pb
from convoy.v1 import generation_pb2_grpc
from convoy_gateway.app import build
from convoy_gateway.upstream.mesh import Mesh
from tests.unit.gateway.edge.served import DEADLINE, served
from tests.unit.gateway.openai.fake import BREAKS, DIED, SETTINGS, chat, complete, events

STATUS = "grpc-status-details-bin"


class Generation(generation_pb2_grpc.GenerationServiceServicer):
    """Gives one piece; then fails, or waits until it is cancelled."""

    def __init__(self) -> None:
        self.cancelled = asyncio.Event()
        self.left = 0.0

    async def ChatStream(self, request: Any, context: Any) -> AsyncIterator[Any]:
        self.left = context.time_remaining()
        yield pb.ChatStreamResponse(chunks=[pb.CompletionChunk(text="one")])
        if request.pipeline == BREAKS:
            context.set_trailing_metadata(((STATUS, to_status(DIED).SerializeToString()),))
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the engine died")
        try:
            await asyncio.sleep(DEADLINE)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise

    async def GenerateStream(self, request: Any, context: Any) -> AsyncIterator[Any]:
        async for piece in self.ChatStream(request, context):
            yield pb.GenerateStreamResponse(chunks=piece.chunks)


@pytest.fixture
async def generation() -> AsyncIterator[tuple[Generation, httpx.AsyncClient]]:
    made = Generation()
    server = grpc.aio.server()
    generation_pb2_grpc.add_GenerationServiceServicer_to_server(made, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    mesh = Mesh(f"127.0.0.1:{port}", channels=1, streams=2)
    try:
        async with served(build(SETTINGS, mesh), SETTINGS) as gateway:
            base = f"http://127.0.0.1:{gateway.port}"
            async with httpx.AsyncClient(base_url=base, timeout=DEADLINE) as client:
                yield made, client
            await gateway.all_gone()
            async with asyncio.timeout(DEADLINE):
                await mesh.close()
                await server.stop(None)
    finally:
        await server.stop(None)


Served = tuple[Generation, httpx.AsyncClient]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions"])
async def test_a_client_that_leaves_cancels_the_call_in_the_mesh(
    generation: Served, path: str
) -> None:
    service, client = generation
    messages = [{"role": "user", "content": "a"}]
    body = {"model": "m", "stream": True, "messages": messages, "prompt": ["a"]}
    del body["prompt" if "chat" in path else "messages"]
    async with client.stream("POST", path, json=body) as answer:
        async for line in answer.aiter_lines():
            if "one" in line:
                break
    async with asyncio.timeout(DEADLINE):
        await service.cancelled.wait()


async def test_an_error_of_the_mesh_ends_the_stream(generation: Served) -> None:
    _, client = generation
    for answer in (
        await chat(client, model=BREAKS, stream=True),
        await complete(client, model=BREAKS, stream=True),
    ):
        told = events(answer)[-1]["error"]
        assert (told["code"], told["stage"]) == ("engine_died", "generate")


async def test_a_deadline_within_a_stream_ends_it(generation: Served) -> None:
    service, client = generation
    client.headers["x-request-timeout"] = "2"
    answers = await asyncio.gather(chat(client, stream=True), complete(client, stream=True))
    for answer in answers:
        told = events(answer)[-1]["error"]
        assert (told["type"], told["code"]) == ("timeout_error", "deadline_exceeded")
    assert service.left <= 2


async def test_one_stream_too_many_is_refused(generation: Served) -> None:
    _, client = generation
    answer = await complete(client, ["a", "b", "c"], stream=True)
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "too_many_streams")
