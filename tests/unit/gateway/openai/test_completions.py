"""/v1/completions."""

from typing import Any

import pytest

from convoy.errors import invalid
from convoy.v1 import generation_pb2 as pb
from convoy_gateway.openai.logprobs import TextTokens
from tests.unit.gateway.openai.fake import (
    ABSENT,
    FULL,
    WRITER,
    FakeMesh,
    complete,
    events,
    gateway,
    inside,
)


async def refused(prompt: Any = "one", error: Any = None, **request: Any) -> dict[str, Any]:
    async with inside(FakeMesh(error)) as client:
        answer = await complete(client, prompt, **request)
    assert answer.status_code == 400
    told = answer.json()["error"]
    assert told["type"] == "invalid_request_error"
    return told


async def test_an_answer_has_openais_shape() -> None:
    async with gateway(FakeMesh()) as client:
        answer = await complete(client, max_tokens=2)
    assert answer.headers["convoy-timing"] == "total;dur=1"
    told = answer.json()
    assert told.pop("id").startswith("cmpl-")
    assert told.pop("created") > 0
    assert told == {
        "object": "text_completion",
        "model": WRITER,
        "choices": [{"index": 0, "text": "ONE TWO", "logprobs": None, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9},
    }


@pytest.mark.parametrize(
    ("prompt", "texts"),
    [
        ("a b", ["A B"]),
        (["a b", "c", "d"], ["A B", "C", "D"]),
        ([1, 2], ["1 2"]),
        ([[1, 2], [3]], ["1 2", "3"]),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_each_prompt_has_choices_of_its_own(
    prompt: Any, texts: list[str], stream: bool
) -> None:
    mesh = FakeMesh()
    async with gateway(mesh) as client:
        options = {"include_usage": True}
        answer = await complete(client, prompt, n=2, stream=stream, stream_options=options)
    told = [""] * len(texts) * 2
    ends = [""] * len(told)
    whole = events(answer)[:-1] if stream else [answer.json()]
    for choice in (choice for chunk in whole for choice in chunk["choices"]):
        told[choice["index"]] += choice["text"]
        ends[choice["index"]] += choice["finish_reason"] or ""
    assert told == [text for text in texts for _ in range(2)]
    assert ends == ["stop"] * len(told)
    assert len(mesh.asked) == len(texts)
    wrote = 2 * sum(len(text.split()) for text in texts)
    read = 7 * len(texts)
    counted = {"prompt_tokens": read, "completion_tokens": wrote, "total_tokens": read + wrote}
    assert whole[-1]["usage"] == counted


@pytest.mark.parametrize("stream", [False, True])
async def test_logprobs_are_in_lists_with_offsets(stream: bool) -> None:
    async with gateway(FakeMesh()) as client:
        answer = await complete(client, "one two three", logprobs=2, stream=stream)
    told: dict[str, list[Any]] = {}
    for chunk in events(answer)[:-1] if stream else [answer.json()]:
        for name, values in (chunk["choices"][0]["logprobs"] or {}).items():
            told.setdefault(name, []).extend(values)
    assert told == {
        "tokens": ["ONE", " TWO", " THREE"],
        "token_logprobs": [0.0, -0.5, -1.0],
        "top_logprobs": [
            {"ONE": 0.0, "\\xf01": -9999.0},
            {" TWO": -0.5, "\\xf01": -9999.0},
            {" THREE": -1.0, "\\xf01": -9999.0},
        ],
        "text_offset": [0, 3, 7],
    }


def test_offsets_count_characters_that_several_tokens_make() -> None:
    halves = "aé!".encode()
    tokens = [
        pb.GeneratedToken(chosen=pb.TokenLogprob(token=halves[n : n + 1]))
        for n in range(len(halves))
    ]
    writer = TextTokens()
    told = [*writer.write(tokens[:2]).text_offset, *writer.write(tokens[2:]).text_offset]
    assert told == [0, 1, 1, 2]


async def test_logprobs_of_the_chosen_alone() -> None:
    mesh = FakeMesh()
    async with inside(mesh) as client:
        answer = await complete(client, "one", logprobs=0)
    assert answer.json()["choices"][0]["logprobs"]["top_logprobs"] == [{"ONE": 0.0}]
    ((_, asked),) = mesh.asked
    assert asked.sampling.HasField("logprobs")


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"prompt": None}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": [[]]}, "prompt"),
        ({"prompt": ["a", 1]}, "prompt"),
        ({"prompt": [1, True]}, "prompt"),
        ({"prompt": [1, 2**32]}, "prompt"),
        ({"prompt": [-1]}, "prompt"),
        ({"prompt": ["a"] * 65}, "prompt"),
        ({"logprobs": 21}, "logprobs"),
        ({"logprobs": True}, "logprobs"),
        ({"best_of": 2}, "best_of"),
        ({"echo": True}, "echo"),
        ({"echo": 0}, "echo"),
        ({"frequency_penalty": False}, "frequency_penalty"),
        ({"best_of": True}, "best_of"),
        ({"suffix": "end"}, "suffix"),
        ({"max_completion_tokens": 3}, "max_completion_tokens"),
    ],
)
async def test_what_does_not_fit_is_refused_by_name(given: dict[str, Any], param: str) -> None:
    assert (await refused(**given))["param"] == param


async def test_what_asks_for_nothing_is_passed_over() -> None:
    async with inside(FakeMesh()) as client:
        given = {"n": 2, "best_of": 2, "echo": False, "suffix": "", "user": "me"}
        given |= {"frequency_penalty": 0.0, "presence_penalty": 0, "logit_bias": None}
        assert (await complete(client, **given)).status_code == 200


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ({"echo": True}, "send false"),
        ({"response_format": {"type": "json_object"}}, 'send {"type": "text"}'),
    ],
)
async def test_what_may_be_sent_instead_is_told_in_json(given: dict[str, Any], hint: str) -> None:
    """It was Python: False, and {'type': 'text'}."""
    assert (await refused(**given))["message"].endswith(hint)


@pytest.mark.parametrize(
    ("prompt", "field", "param"),
    [
        ("a", "text", "prompt"),
        ([1, 2], "token_ids.ids[1]", "prompt[1]"),
        ([1, 2], "token_ids", "prompt"),
        ([[1, 2]], "token_ids.ids[1]", "prompt[0][1]"),
        (["a"], "text", "prompt[0]"),
        ("a", "prompt", "prompt"),
        ("a", "sampling.top_p", "top_p"),
        ("a", "sampling.logprobs", "logprobs"),
        ("a", "pipeline", "model"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_faults_are_named_as_the_caller_named_the_fields(
    prompt: Any, field: str, param: str, stream: bool
) -> None:
    assert (await refused(prompt, invalid(field, "wrong"), stream=stream))["param"] == param


@pytest.mark.parametrize("prompt", ["a", ["a", "b", "c"]])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("model", "status"), [(ABSENT, 404), (FULL, 429)])
async def test_an_error_before_the_first_piece_is_an_answer_of_its_own(
    model: str, status: int, prompt: Any, stream: bool
) -> None:
    async with gateway(FakeMesh()) as client:
        answer = await complete(client, prompt, model=model, stream=stream)
    assert answer.status_code == status
    assert answer.json()["error"]["type"] in {"not_found_error", "rate_limit_error"}
