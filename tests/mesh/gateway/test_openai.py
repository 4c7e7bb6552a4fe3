"""OpenAI's own client against the session's mesh."""

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

from tests.mesh.gateway.conftest import PYTHON
from tests.mesh.gateway.process import Gateway
from tests.mesh.test_captioning import PICTURES

DRIVER = Path(__file__).parents[2] / "unit" / "gateway" / "openai" / "openai_client.py"
WITHIN = 100.0
"""Seconds; a deadline, never an expectation."""

CHAT, COMPLETE = "chat.completions.create", "completions.create"
STREAM = {"stream": True, "stream_options": {"include_usage": True}}
IMAGE = "data:image/png;base64," + base64.b64encode(PICTURES[0]).decode()


def told(edge: Gateway, *commands: dict[str, Any]) -> list[dict[str, Any]]:
    """Give what the client tells of each call."""
    done = subprocess.run(
        [PYTHON, "-I", DRIVER, f"{edge.base}/v1"],
        input=json.dumps(commands),
        capture_output=True,
        text=True,
        timeout=WITHIN,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def chat(content: Any = "Hello", model: str = "generation", **more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": content}]
    sampling = {"temperature": 0, "max_tokens": 8, "extra_body": {"ignore_eos": True}}
    return {
        "call": CHAT,
        "arguments": {"model": model, "messages": messages, **sampling, **more},
    }


def complete(prompt: Any = "Hello", **more: Any) -> dict[str, Any]:
    sampling = {"temperature": 0, "max_tokens": 8, "extra_body": {"ignore_eos": True}}
    return {
        "call": COMPLETE,
        "arguments": {"model": "generation", "prompt": prompt, **sampling, **more},
    }


def test_chats_are_the_same_whole_and_streamed(edge: Gateway) -> None:
    asked = {"n": 2, "temperature": 1, "seed": 4, "logprobs": True, "top_logprobs": 2}
    whole, streamed = told(edge, chat(**asked), chat(**asked, **STREAM))
    answer = whole["answer"]
    texts = [choice["message"]["content"] for choice in answer["choices"]]
    assert len(set(texts)) == 2
    assert answer["usage"]["completion_tokens"] == 16
    for choice in answer["choices"]:
        assert choice["finish_reason"] == "length"
        assert [len(token["top_logprobs"]) for token in choice["logprobs"]["content"]] == [2] * 8
    *chunks, last = streamed["chunks"]
    assert last["usage"]["completion_tokens"] == 16
    added = ["", ""]
    for chunk in chunks:
        for choice in chunk["choices"]:
            added[choice["index"]] += choice["delta"]["content"] or ""
    assert added == texts


def test_completions_take_texts_and_tokens(edge: Gateway) -> None:
    whole, streamed, ids = told(
        edge,
        complete(["Hello", "Return"]),
        complete(["Hello", "Return"], **STREAM),
        complete([5, 6]),
    )
    texts = [choice["text"] for choice in whole["answer"]["choices"]]
    added = ["", ""]
    for chunk in streamed["chunks"]:
        for choice in chunk["choices"]:
            added[choice["index"]] += choice["text"]
    assert added == texts
    assert ids["answer"]["usage"]["prompt_tokens"] == 2


def test_a_stop_ends_the_text(edge: Gateway) -> None:
    [whole] = told(edge, complete(max_tokens=30))
    text = whole["answer"]["choices"][0]["text"]
    [stopped] = told(edge, complete(max_tokens=30, stop=[text[8:11]]))
    choice = stopped["answer"]["choices"][0]
    assert choice["text"] == text[: text.index(text[8:11])]
    assert choice["finish_reason"] == "stop"


def test_images_are_told_about(edge: Gateway) -> None:
    parts = [{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": IMAGE}}]
    whole, streamed = told(edge, chat(parts, "captioning"), chat(parts, "captioning", stream=True))
    text = whole["answer"]["choices"][0]["message"]["content"]
    assert text
    deltas = [chunk["choices"][0]["delta"]["content"] or "" for chunk in streamed["chunks"]]
    assert "".join(deltas) == text


def test_errors_are_of_the_clients_classes(edge: Gateway) -> None:
    fields = [
        (chat(temperature=3), "BadRequestError", "temperature"),
        (chat(max_tokens=10_000), "BadRequestError", "max_tokens"),
        (chat(model="embedding"), "BadRequestError", "model"),
        (chat(model="nobody"), "NotFoundError", "model"),
        (complete(""), "BadRequestError", "prompt"),
        (complete([999_999]), "BadRequestError", "prompt[0]"),
    ]
    answers = told(edge, *(command for command, *_ in fields))
    found = [(answer["error"]["class"], answer["error"]["param"]) for answer in answers]
    assert found == [(kind, param) for _, kind, param in fields]


def test_a_stream_that_is_left_ends(edge: Gateway) -> None:
    left, after = told(edge, chat(max_tokens=400, stream=True) | {"leave": 3}, chat())
    assert len(left["chunks"]) == 3
    assert after["answer"]["choices"][0]["message"]["content"]


def test_models_that_write_are_listed(edge: Gateway) -> None:
    [listed] = told(edge, {"call": "models.list", "arguments": {}})
    names = {model["id"] for model in listed["answer"]["data"]}
    assert {"generation", "captioning", "embedding"} <= names
