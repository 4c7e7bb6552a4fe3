"""Streams over real sockets: how they fail, and how they end when nobody listens."""

import asyncio
import gzip
import json

import pytest

from convoy_gateway import metrics
from tests.unit.gateway.edge.served import DEADLINE, until
from tests.unit.gateway.openai.fake import (
    BREAKS,
    HOLDS,
    WRITER,
    FakeMesh,
    chat,
    complete,
    events,
    gateway,
)

FORMS = [
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": "one two"}]}),
    ("/v1/completions", {"prompt": "one two"}),
    ("/v1/completions", {"prompt": ["one two", "three four", "five"]}),
]
"""Of requests."""


def counted(path: str, code: str) -> float:
    return metrics.REQUESTS.labels("openai", path, code)._value.get()


@pytest.mark.parametrize(("path", "request_"), FORMS)
async def test_an_error_after_the_first_piece_ends_the_stream(
    path: str, request_: dict[str, object]
) -> None:
    before = counted(path, "UNAVAILABLE")
    async with gateway(FakeMesh()) as client:
        answer = await client.post(path, json={"model": BREAKS, "stream": True, **request_})
    assert answer.status_code == 200
    *chunks, last = events(answer)
    assert last == {
        "error": {
            "message": "the engine died",
            "type": "service_unavailable_error",
            "param": None,
            "code": "engine_died",
            "stage": "generate",
        }
    }
    assert chunks
    assert "[DONE]" not in chunks
    assert counted(path, "UNAVAILABLE") == before + 1


@pytest.mark.parametrize(("path", "request_"), FORMS)
async def test_a_client_that_leaves_ends_the_calls(path: str, request_: dict[str, object]) -> None:
    mesh = FakeMesh()
    async with gateway(mesh) as client:
        body = {"model": HOLDS, "stream": True, **request_}
        async with client.stream("POST", path, json=body) as answer:
            async for line in answer.aiter_lines():
                if line and "ONE" in line:
                    break
            assert mesh.streaming
        await until(lambda: not mesh.streaming)


async def test_a_client_that_leaves_before_the_answer_ends_the_call() -> None:
    waiting = asyncio.Event()

    class Silent(FakeMesh):
        async def stream(self, method, request, call):  # type: ignore[no-untyped-def, override]
            self.streaming += 1
            waiting.set()
            try:
                await asyncio.sleep(DEADLINE)
                yield b""
            finally:
                self.streaming -= 1

    mesh = Silent()
    async with gateway(mesh) as client:
        asking = asyncio.create_task(chat(client, stream=True))
        async with asyncio.timeout(DEADLINE):
            await waiting.wait()
        asking.cancel()
        await until(lambda: not mesh.streaming)
        await asyncio.wait([asking])


async def test_pieces_come_as_they_are_written() -> None:
    """Neither compression nor anything else holds them up, though the client takes gzip."""
    async with gateway(FakeMesh()) as client:
        body = {"model": HOLDS, "prompt": "one two", "stream": True}
        headers = {"accept-encoding": "gzip"}
        async with client.stream("POST", "/v1/completions", json=body, headers=headers) as answer:
            lines = answer.aiter_lines()
            async with asyncio.timeout(DEADLINE):
                first = await anext(lines)
        assert json.loads(first.removeprefix("data: "))["choices"][0]["text"] == "ONE"
        assert "content-encoding" not in answer.headers
        assert answer.headers["cache-control"] == "no-cache"


async def test_what_nobody_foresaw_is_told_by_an_id_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(FakeMesh):
        async def stream(self, method, request, call):  # type: ignore[no-untyped-def, override]
            async for piece in super().stream(method, request, call):
                yield piece
                raise RuntimeError("secret")

    async with gateway(Broken()) as client:
        told = events(await chat(client, stream=True))[-1]["error"]
    assert (told["type"], told["code"]) == ("server_error", "internal")
    assert "secret" not in told["message"]
    assert "secret" in caplog.text


async def test_a_deadline_is_the_callers() -> None:
    mesh = FakeMesh()
    async with gateway(mesh) as client:
        now = asyncio.get_running_loop().time()
        client.headers["x-request-timeout"] = "5"
        await chat(client, stream=True)
        await complete(client)
    for call in mesh.calls:
        assert call.deadline - now == pytest.approx(5, abs=4)


async def test_a_request_may_be_compressed_but_no_larger_than_it_may_be() -> None:
    async with gateway(FakeMesh()) as client:
        body = json.dumps({"model": WRITER, "prompt": "one"}).encode()
        headers = {"content-encoding": "gzip"}
        small = await client.post("/v1/completions", content=gzip.compress(body), headers=headers)
        large = gzip.compress(body + b" " * (16 << 20))
        refused = await client.post("/v1/completions", content=large, headers=headers)
    assert small.status_code == 200
    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "body_too_large")
