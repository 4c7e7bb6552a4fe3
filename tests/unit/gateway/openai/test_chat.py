"""/v1/chat/completions."""

import base64
from typing import Any

import pytest

from convoy import Violation
from convoy.errors import invalid
from tests.unit.gateway.openai.fake import (
    ABSENT,
    CAPTIONER,
    EMBEDDER,
    FULL,
    WRITER,
    FakeMesh,
    chat,
    events,
    gateway,
    inside,
)

PNG = "data:image/png;base64," + base64.b64encode(b"12345").decode()


def image(url: str = PNG) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, "detail": "low"}}


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


async def refused(content: Any = "one", error: Any = None, **request: Any) -> dict[str, Any]:
    async with inside(FakeMesh(error)) as client:
        answer = await chat(client, content, **request)
    assert answer.status_code == 400
    told = answer.json()["error"]
    assert told["type"] == "invalid_request_error"
    return told


async def test_an_answer_has_openais_shape() -> None:
    async with gateway(FakeMesh()) as client:
        answer = await chat(client)
    assert answer.status_code == 200
    assert answer.headers["convoy-timing"] == "total;dur=1"
    told = answer.json()
    assert told.pop("id").startswith("chatcmpl-")
    assert told.pop("created") > 0
    message = {"role": "assistant", "content": "ONE TWO", "refusal": None}
    assert told == {
        "object": "chat.completion",
        "model": WRITER,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9},
    }


async def test_a_stream_begins_with_roles_and_ends_with_reasons() -> None:
    async with gateway(FakeMesh()) as client:
        *chunks, end = events(await chat(client, n=2, max_tokens=2, stream=True))
    assert end == "[DONE]"
    assert len({(chunk["id"], chunk["created"], chunk["object"]) for chunk in chunks}) == 1
    assert all(len(chunk["choices"]) == 1 and chunk["usage"] is None for chunk in chunks)
    told = [
        (choice["index"], choice["delta"], choice["finish_reason"])
        for chunk in chunks
        for choice in chunk["choices"]
    ]
    begin = {"role": "assistant", "content": ""}
    assert told == [
        (0, begin, None),
        (1, begin, None),
        (0, {"content": "ONE"}, None),
        (1, {"content": "ONE"}, None),
        (0, {"content": " TWO"}, None),
        (1, {"content": " TWO"}, None),
        (0, {}, "length"),
        (1, {}, "length"),
    ]


async def test_usage_is_a_last_chunk_where_it_is_asked_for() -> None:
    async with gateway(FakeMesh()) as client:
        told = events(await chat(client, stream=True, stream_options={"include_usage": True}))
    assert told[-2]["choices"] == []
    assert told[-2]["usage"] == {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}


async def test_every_parameter_goes_on() -> None:
    mesh = FakeMesh()
    given = {
        "max_tokens": 5,
        "temperature": 0.5,
        "top_p": 0.25,
        "top_k": 3,
        "min_p": 0.125,
        "seed": 2**63,
        "repetition_penalty": 1.5,
        "stop": ["a", "b"],
        "stop_token_ids": [4, 5],
        "n": 2,
        "ignore_eos": True,
    }
    async with gateway(mesh) as client:
        await chat(client, **given, logprobs=True, top_logprobs=2)
        await chat(client, max_completion_tokens=6, max_tokens=5, stop="a", top_k=-1, logprobs=True)
        await chat(client, temperature=None, n=None, logprobs=False, stop=None)
    (_, every), (_, other), (_, none) = mesh.asked
    told = {field.name: value for field, value in every.sampling.ListFields()}
    assert told == given | {"logprobs": 2}
    assert (other.sampling.max_tokens, list(other.sampling.stop)) == (6, ["a"])
    assert other.sampling.HasField("top_k")
    assert other.sampling.top_k == 0
    assert other.sampling.HasField("logprobs")
    assert not none.sampling.ListFields()
    assert every.pipeline == WRITER


async def test_turns_go_on_and_texts_are_joined() -> None:
    mesh = FakeMesh()
    turns = [
        {"role": "developer", "content": "be kind", "name": "me"},
        {"role": "user", "content": [text("one"), text("two")]},
        {"role": "assistant", "content": "three", "tool_calls": None, "refusal": None},
        {"role": "user", "content": "four"},
    ]
    async with gateway(mesh) as client:
        await chat(client, messages=turns)
    ((name, asked),) = mesh.asked
    assert name == "Chat"
    assert [(m.role, m.content) for m in asked.messages] == [
        ("system", "be kind"),
        ("user", "one\ntwo"),
        ("assistant", "three"),
        ("user", "four"),
    ]


@pytest.mark.parametrize("stream", [False, True])
async def test_logprobs_are_of_every_token(stream: bool) -> None:
    async with gateway(FakeMesh()) as client:
        answer = await chat(client, logprobs=True, top_logprobs=2, stream=stream)
    if stream:
        choices = [choice for chunk in events(answer)[:-1] for choice in chunk["choices"]]
        told = [one for c in choices if c["logprobs"] for one in c["logprobs"]["content"]]
    else:
        told = answer.json()["choices"][0]["logprobs"]["content"]
    first, second = told
    chosen = {"token": " TWO", "logprob": -0.5, "bytes": list(b" TWO")}
    half = {"token": "\\xf01", "logprob": -9999.0, "bytes": [0xF0, ord("1")]}
    assert first["token"] == "ONE"
    assert second == {**chosen, "top_logprobs": [chosen, half]}


async def test_what_changes_nothing_is_passed_over() -> None:
    passed = {
        "user": "me",
        "metadata": {"a": "b"},
        "store": True,
        "service_tier": "auto",
        "tools": [],
        "tool_choice": "auto",
        "response_format": {"type": "text"},
        "frequency_penalty": 0.0,
        "presence_penalty": 0,
        "logit_bias": {},
        "audio": None,
        "whatever": None,
    }
    async with gateway(FakeMesh()) as client:
        assert (await chat(client, **passed)).status_code == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tools", [{"type": "function"}]),
        ("functions", [{}]),
        ("tool_choice", "required"),
        ("response_format", {"type": "json_object"}),
        ("logit_bias", {"1": 2}),
        ("frequency_penalty", 0.5),
        ("presence_penalty", -1),
        ("modalities", ["text", "audio"]),
        ("audio", {"voice": "a"}),
        ("reasoning_effort", "low"),
        ("temprature", 1),
        ("x" * 100, 1),
    ],
)
async def test_what_would_change_the_answer_is_refused_by_name(name: str, value: object) -> None:
    told = await refused(**{name: value})
    assert told["param"] == name[:64]
    assert "not supported" in told["message"]


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"temperature": 2.5}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"n": 17}, "n"),
        ({"stop": ["a"] * 17}, "stop"),
        ({"stop": [1]}, "stop[0]"),
        ({"stop": 1}, "stop"),
        ({"seed": -1}, "seed"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
        ({"max_completion_tokens": 0}, "max_completion_tokens"),
        ({"stop_token_ids": [-1]}, "stop_token_ids[0]"),
        ({"stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "tool", "content": "a"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": None}]}, "messages[0].content"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
            "messages[0].content[0].text",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "file"}]}]},
            "messages[0].content[0].type",
        ),
        (
            {"messages": [{"role": "assistant", "content": "a", "tool_calls": [{"id": "b"}]}]},
            "messages[0].tool_calls",
        ),
    ],
)
async def test_what_does_not_fit_is_refused_by_name(given: dict[str, Any], param: str) -> None:
    assert (await refused(**given))["param"] == param


@pytest.mark.parametrize(
    ("field", "param"),
    [
        ("sampling.temperature", "temperature"),
        ("sampling.stop[1]", "stop[1]"),
        ("sampling.logprobs", "top_logprobs"),
        ("sampling.max_tokens", "max_tokens"),
        ("messages[2].role", "messages[2].role"),
        ("messages", "messages"),
        ("pipeline", "model"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_faults_are_named_as_the_caller_named_the_fields(
    field: str, param: str, stream: bool
) -> None:
    error = invalid(field, "wrong", Violation("sampling.seed", "too"), reason="WRONG")
    told = await refused("one", error, stop=["a", "b"], stream=stream)
    assert [v["field"] for v in told["violations"]] == [param, "seed"]
    assert (told["param"], told["code"]) == (param, "wrong")
    assert told["message"].startswith(f"{param}: wrong")


async def test_a_fault_of_the_limit_is_told_of_the_name_that_was_sent() -> None:
    error = invalid("sampling.max_tokens", "too many")
    assert (await refused("one", error, max_completion_tokens=9))[
        "param"
    ] == "max_completion_tokens"
    assert (await refused("one", invalid("sampling.stop[0]", "empty"), stop=""))["param"] == "stop"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("model", "status", "kind", "code"),
    [
        (ABSENT, 404, "not_found_error", "model_not_found"),
        (FULL, 429, "rate_limit_error", "queue_full"),
        (EMBEDDER, 400, "invalid_request_error", "invalid_request"),
    ],
)
async def test_an_error_before_the_first_piece_is_an_answer_of_its_own(
    model: str, status: int, kind: str, code: str, stream: bool
) -> None:
    async with gateway(FakeMesh()) as client:
        answer = await chat(client, model=model, stream=stream)
    told = answer.json()["error"]
    assert (answer.status_code, told["type"], told["code"]) == (status, kind, code)
    assert ("retry-after" in answer.headers) == (status == 429)


@pytest.mark.parametrize("stream", [False, True])
async def test_an_image_is_captioned(stream: bool) -> None:
    mesh = FakeMesh()
    parts = [text("what is"), image(), text("this")]
    async with gateway(mesh) as client:
        answer = await chat(client, parts, model=CAPTIONER, stream=stream, seed=3)
    ((name, asked),) = mesh.asked
    assert name == ("CaptionStream" if stream else "Caption")
    assert (asked.image, asked.question) == (b"12345", "what is\nthis")
    assert (asked.sampling.seed, asked.pipeline) == (3, CAPTIONER)
    if stream:
        deltas = [c["choices"][0]["delta"].get("content", "") for c in events(answer)[:-1]]
        assert "".join(deltas) == "WHAT IS THIS 5 BYTES"
    else:
        assert answer.json()["choices"][0]["message"]["content"] == "WHAT IS THIS 5 BYTES"


@pytest.mark.parametrize(
    ("part", "param", "told"),
    [
        (image("https://example.com/a.png"), ".image_url.url", "fetches nothing"),
        (image("file:///etc/passwd"), ".image_url.url", "data URL"),
        (image("data:text/plain;base64,QQ=="), ".image_url.url", "data URL"),
        (image("data:image/png;base64,QQ"), ".image_url.url", "no base64"),
        (image("data:image/png;base64,Q Q="), ".image_url.url", "no base64"),
        (image("data:image/png;base64,é"), ".image_url.url", "no base64"),
        ({"type": "image_url"}, ".image_url", "url"),
        ({"type": "image_url", "image_url": {}}, ".image_url.url", "required"),
    ],
)
async def test_an_image_that_is_none_is_refused(
    part: dict[str, Any], param: str, told: str
) -> None:
    error = await refused([text("what"), part])
    assert error["param"] == f"messages[0].content[1]{param}"
    assert told in error["message"]


@pytest.mark.parametrize(
    ("turns", "param"),
    [
        ([("user", [image(), image()])], "messages[0].content[1]"),
        ([("user", [image()]), ("user", [image()])], "messages[1].content[0]"),
        ([("system", "a"), ("user", [image()])], "messages[0]"),
        ([("user", [image()]), ("assistant", "a"), ("user", "b")], "messages[1]"),
        ([("assistant", [image()])], "messages[0]"),
    ],
)
async def test_a_chat_about_an_image_is_one_message(turns: list[Any], param: str) -> None:
    messages = [{"role": role, "content": content} for role, content in turns]
    assert (await refused(messages=messages))["param"] == param


@pytest.mark.parametrize(
    ("field", "param"),
    [
        ("image", "messages[0].content[1].image_url.url"),
        ("question", "messages[0].content"),
        ("sampling.top_k", "top_k"),
        ("pipeline", "model"),
    ],
)
async def test_faults_of_a_caption_are_named_where_they_are(field: str, param: str) -> None:
    told = await refused([text("what"), image()], invalid(field, "wrong"))
    assert told["param"] == param
