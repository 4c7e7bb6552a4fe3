"""OpenAI's own client, in a process and an environment of its own."""

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.gateway.edge.served import DEADLINE, until
from tests.unit.gateway.openai.fake import (
    ABSENT,
    BREAKS,
    CAPTIONER,
    EMBEDDER,
    FULL,
    HOLDS,
    WRITER,
    FakeMesh,
    gateway,
)

HERE = Path(__file__).parent
PYTHON = HERE.parents[3] / ".venv-clients" / "bin" / "python"

CHAT, COMPLETE = "chat.completions.create", "completions.create"
USAGE = {"prompt_tokens": 7, "completion_tokens": 4, "total_tokens": 11}
PNG = "data:image/png;base64," + base64.b64encode(b"12345").decode()


async def told(mesh: FakeMesh, *commands: dict[str, Any]) -> list[dict[str, Any]]:
    """What the client tells of each call."""
    if not PYTHON.exists():
        pytest.fail("the clients are not installed: `make test` installs them")
    async with gateway(mesh) as client:
        process = await asyncio.create_subprocess_exec(
            *(PYTHON, "-I", HERE / "openai_client.py", f"{client.base_url}/v1"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(DEADLINE):
                out, _ = await process.communicate(json.dumps(commands).encode())
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        await until(lambda: not mesh.streaming)
    assert process.returncode == 0
    return [json.loads(line) for line in out.splitlines()]


def chat(content: Any = "one two", model: str = WRITER, **more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": content}]
    return {"call": CHAT, "arguments": {"model": model, "messages": messages, **more}}


def complete(prompt: Any = "one two", model: str = WRITER, **more: Any) -> dict[str, Any]:
    return {"call": COMPLETE, "arguments": {"model": model, "prompt": prompt, **more}}


def usage(answer: dict[str, Any]) -> dict[str, int]:
    return {name: count for name, count in answer["usage"].items() if name in USAGE}


async def test_chats() -> None:
    streaming = {"stream": True, "stream_options": {"include_usage": True}}
    whole, streamed = await told(
        FakeMesh(),
        chat(n=2, logprobs=True, top_logprobs=1, seed=1, extra_body={"top_k": 5}),
        chat(n=2, logprobs=True, top_logprobs=1, **streaming),
    )
    answer = whole["answer"]
    assert usage(answer) == USAGE
    for choice in answer["choices"]:
        assert choice["message"]["content"] == "ONE TWO"
        assert choice["finish_reason"] == "stop"
        assert [token["token"] for token in choice["logprobs"]["content"]] == ["ONE", " TWO"]
        assert [len(token["top_logprobs"]) for token in choice["logprobs"]["content"]] == [1, 1]
    *chunks, last = streamed["chunks"]
    assert (last["choices"], usage(last)) == ([], USAGE)
    for index in range(2):
        choices = [c["choices"][0] for c in chunks if c["choices"][0]["index"] == index]
        assert choices[0]["delta"]["role"] == "assistant"
        assert "".join(choice["delta"]["content"] or "" for choice in choices) == "ONE TWO"
        assert [choice["finish_reason"] for choice in choices] == [None, None, None, "stop"]
        tokens = [t for c in choices if c["logprobs"] for t in c["logprobs"]["content"]]
        assert [token["logprob"] for token in tokens] == [0.0, -0.5]


async def test_completions() -> None:
    prompts = ["one two", "three"]
    whole, streamed, ids = await told(
        FakeMesh(),
        complete(prompts, n=2, logprobs=1),
        complete(prompts, n=2, logprobs=1, stream=True),
        complete([[1, 2], [3]], max_tokens=1),
    )
    texts = [(c["index"], c["text"]) for c in whole["answer"]["choices"]]
    assert texts == [(0, "ONE TWO"), (1, "ONE TWO"), (2, "THREE"), (3, "THREE")]
    assert whole["answer"]["choices"][1]["logprobs"]["text_offset"] == [0, 3]
    added = ["", "", "", ""]
    for chunk in streamed["chunks"]:
        (choice,) = chunk["choices"]
        added[choice["index"]] += choice["text"]
    assert added == ["ONE TWO", "ONE TWO", "THREE", "THREE"]
    assert [c["text"] for c in ids["answer"]["choices"]] == ["1", "3"]
    assert [c["finish_reason"] for c in ids["answer"]["choices"]] == ["length", "length"]


async def test_captions() -> None:
    parts = [{"type": "text", "text": "what"}, {"type": "image_url", "image_url": {"url": PNG}}]
    whole, streamed = await told(
        FakeMesh(), chat(parts, CAPTIONER), chat(parts, CAPTIONER, stream=True)
    )
    assert whole["answer"]["choices"][0]["message"]["content"] == "WHAT 5 BYTES"
    deltas = [chunk["choices"][0]["delta"]["content"] or "" for chunk in streamed["chunks"]]
    assert "".join(deltas) == "WHAT 5 BYTES"


async def test_errors_are_of_the_clients_classes() -> None:
    away = [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]
    expected = [
        (chat(temperature=3), "BadRequestError", 400, "temperature"),
        (chat(tools=[{"type": "function"}]), "BadRequestError", 400, "tools"),
        (chat(away, CAPTIONER), "BadRequestError", 400, "messages[0].content[0].image_url.url"),
        (chat(model=EMBEDDER), "BadRequestError", 400, "model"),
        (chat(model=ABSENT), "NotFoundError", 404, "model"),
        (chat(model=FULL), "RateLimitError", 429, None),
        (complete(echo=True), "BadRequestError", 400, "echo"),
        (complete(model=ABSENT), "NotFoundError", 404, "model"),
        (complete(model=FULL), "RateLimitError", 429, None),
    ]
    streamed = [
        {**command, "arguments": {**command["arguments"], "stream": True}}
        for command, *_ in expected
    ]
    answers = await told(FakeMesh(), *(command for command, *_ in expected), *streamed)
    found = [(e["error"]["class"], e["error"]["status"], e["error"]["param"]) for e in answers]
    assert found == [(kind, status, param) for _, kind, status, param in expected] * 2
    assert answers[4]["error"]["code"] == "model_not_found"
    assert "fetches nothing" in answers[2]["error"]["message"]


async def test_an_error_within_a_stream_is_raised() -> None:
    answers = await told(
        FakeMesh(),
        chat(model=BREAKS, stream=True),
        complete(model=BREAKS, stream=True),
        complete(["one", "two"], BREAKS, stream=True),
    )
    for answer in answers:
        assert answer["chunks"]
        error = answer["error"]
        assert (error["class"], error["code"]) == ("APIError", "engine_died")
        assert error["message"] == "the engine died"


async def test_a_stream_that_is_left_ends_in_the_mesh() -> None:
    chatting = chat(model=HOLDS, stream=True) | {"leave": 2}
    completing = complete(["one", "two"], HOLDS, stream=True) | {"leave": 2}
    answers = await told(FakeMesh(), chatting, completing)
    assert [len(answer["chunks"]) for answer in answers] == [2, 2]


async def test_models() -> None:
    listed, one, none = await told(
        FakeMesh(),
        {"call": "models.list", "arguments": {}},
        {"call": "models.retrieve", "arguments": {"model": WRITER}},
        {"call": "models.retrieve", "arguments": {"model": "echo"}},
    )
    assert [model["id"] for model in listed["answer"]["data"]] == [WRITER, CAPTIONER, EMBEDDER]
    assert one["answer"]["id"] == WRITER
    assert none["error"]["class"] == "NotFoundError"
