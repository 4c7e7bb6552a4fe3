"""GenerationService and CaptioningService over a pipeline that says again what it was told."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from convoy import Code, ConvoyError
from convoy.v1 import captioning_pb2
from convoy.v1 import generation_pb2 as pb
from convoy_services.rpc.call import Call
from convoy_services.rpc.captioning import CaptioningServicer
from convoy_services.rpc.generation import GenerationServicer
from tests.unit.mesh.streamed import Streamed, until
from tests.unit.rpc.parrot import MESH

WORDS = "one two three four"


@pytest.fixture
def streamed() -> Iterator[Streamed]:
    streamed = Streamed.of(text=MESH)
    yield streamed
    for host in streamed.replicas.hosts.values():
        host.close()


@pytest.fixture
def generation(streamed: Streamed) -> GenerationServicer:
    return GenerationServicer(streamed.mesh)


def request(text: str = WORDS, **sampling: Any) -> pb.GenerateRequest:
    return pb.GenerateRequest(text=text, sampling=pb.SamplingParameters(**sampling))


async def refusal(generation: GenerationServicer, asked: Any) -> list[str]:
    """Give the fields that are named where a request is refused."""
    ways = {pb.GenerateRequest: generation.Generate, pb.ChatRequest: generation.Chat}
    with pytest.raises(ConvoyError) as caught:
        await ways[type(asked)](asked, Call())
    assert caught.value.code is Code.INVALID_ARGUMENT
    return [violation.field for violation in caught.value.violations]


async def test_a_text_is_answered_whole(generation: GenerationServicer) -> None:
    response = await generation.Generate(request(), Call())
    [completion] = response.completions
    assert completion.text == "one two three four "
    assert list(completion.token_ids) == [3, 3, 5, 4]
    assert completion.finish_reason == pb.FINISH_REASON_STOP
    assert (response.usage.prompt_tokens, response.usage.completion_tokens) == (7, 4)
    assert not completion.tokens


async def test_where_the_time_went_is_told(generation: GenerationServicer) -> None:
    timings = (await generation.Generate(request(), Call())).timings
    queue, first = timings.queue.ToTimedelta(), timings.time_to_first_token.ToTimedelta()
    assert queue.total_seconds() >= 1500e-6
    assert first.total_seconds() > 0
    assert timings.per_token.ToNanoseconds() > 0
    assert not (await generation.Generate(request("one"), Call())).timings.HasField("per_token")


async def test_a_text_is_streamed_with_usage_and_timings_last(
    generation: GenerationServicer,
) -> None:
    asked = pb.GenerateStreamRequest(text=WORDS)
    *pieces, last = [reply async for reply in generation.GenerateStream(asked, Call())]
    chunks = [chunk for reply in pieces for chunk in reply.chunks]
    assert "".join(chunk.text for chunk in chunks) == "one two three four "
    assert [chunk.finish_reason for chunk in chunks] == [0, 0, 0, 1]
    assert not any(reply.HasField("usage") for reply in pieces)
    assert last.usage.completion_tokens == 4
    assert last.timings.time_to_first_token.ToNanoseconds() > 0


async def test_a_slow_reader_gets_the_last_piece_too(generation: GenerationServicer) -> None:
    """What came while a piece was being sent was lost where the text had ended meanwhile."""
    asked = pb.GenerateStreamRequest(text=WORDS)
    call = Call()
    chunks = []
    async for reply in generation.GenerateStream(asked, call):
        chunks += reply.chunks
        [waiting] = call.requests
        await until(lambda: waiting.ended)  # noqa: B023 (it is waited for at once)
        for _ in range(5):  # the tasks that wait for it take their turns
            await asyncio.sleep(0)
    assert "".join(chunk.text for chunk in chunks) == "one two three four "
    assert chunks[-1].finish_reason == pb.FINISH_REASON_STOP


async def test_several_completions_have_seeds_that_follow_each_other(
    generation: GenerationServicer,
) -> None:
    response = await generation.Generate(request("x", n=3, seed=2**63 - 2), Call())
    seeds = [completion.text for completion in response.completions]
    assert seeds == [f"{2**63 - 2} x ", f"{2**63 - 1} x ", "0 x "]
    assert [completion.index for completion in response.completions] == [0, 1, 2]
    assert response.usage.completion_tokens == 6


async def test_the_limit_of_tokens_is_told(generation: GenerationServicer) -> None:
    response = await generation.Generate(request(max_tokens=2), Call())
    assert response.completions[0].finish_reason == pb.FINISH_REASON_LENGTH


async def test_how_likely_tokens_were_is_told_where_that_is_asked(
    generation: GenerationServicer,
) -> None:
    response = await generation.Generate(request("one two", logprobs=2), Call())
    tokens = response.completions[0].tokens
    assert [token.chosen.token for token in tokens] == [b"one", b"two"]
    assert [[one.token_id for one in token.likeliest] for token in tokens] == [[0, 1], [0, 1]]
    response = await generation.Generate(request("one two", logprobs=0), Call())
    assert [len(token.likeliest) for token in response.completions[0].tokens] == [0, 0]


async def test_token_ids_and_conversations_are_gone_on_with(
    generation: GenerationServicer,
) -> None:
    ids = pb.GenerateRequest(token_ids=pb.TokenIds(ids=[5, 6]))
    assert (await generation.Generate(ids, Call())).completions[0].text == "5 6 "
    messages = [pb.ChatMessage(role="user", content=text) for text in ("a b", "c d")]
    chat = await generation.Chat(pb.ChatRequest(messages=messages), Call())
    assert chat.completions[0].text == "c d "
    asked = pb.ChatStreamRequest(messages=messages)
    chunks = [
        c for reply in [r async for r in generation.ChatStream(asked, Call())] for c in reply.chunks
    ]
    assert "".join(chunk.text for chunk in chunks) == "c d "


@pytest.mark.parametrize(
    ("sampling", "fields"),
    [
        ({"max_tokens": 0}, ["max_tokens"]),
        ({"max_tokens": 2**31}, ["max_tokens"]),
        ({"temperature": 2.5}, ["temperature"]),
        ({"temperature": float("nan")}, ["temperature"]),
        ({"top_p": 0.0}, ["top_p"]),
        ({"min_p": -0.1, "repetition_penalty": 0.0}, ["min_p", "repetition_penalty"]),
        ({"seed": 2**63}, ["seed"]),
        ({"logprobs": 21}, ["logprobs"]),
        ({"n": 17}, ["n"]),
        ({"n": 0}, ["n"]),
        ({"stop": ["x"] * 17}, ["stop"]),
        ({"stop": ["x", ""]}, ["stop[1]"]),
        ({"stop_token_ids": range(65)}, ["stop_token_ids"]),
        ({"stop_token_ids": [2**32 - 1]}, ["stop_token_ids"]),
    ],
)
async def test_settings_that_there_cannot_be_are_named(
    generation: GenerationServicer, sampling: dict[str, Any], fields: list[str]
) -> None:
    named = await refusal(generation, request(**sampling))
    assert named == [f"sampling.{field}" for field in fields]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        (pb.GenerateRequest(), "text"),
        (pb.GenerateRequest(text=""), "text"),
        (pb.GenerateRequest(token_ids=pb.TokenIds()), "token_ids.ids"),
        (pb.ChatRequest(), "messages"),
        (pb.ChatRequest(messages=[pb.ChatMessage(content="x")]), "messages[0].role"),
        (pb.GenerateRequest(text="x", pipeline="captioning"), "pipeline"),
    ],
)
async def test_what_is_no_prompt_is_refused(
    generation: GenerationServicer, asked: Any, field: str
) -> None:
    assert await refusal(generation, asked) == [field]


async def test_what_a_stage_refuses_is_named_as_the_caller_does(
    generation: GenerationServicer,
) -> None:
    assert await refusal(generation, request("well refuse")) == ["text"]


@pytest.mark.parametrize(
    ("column", "field"),
    [
        ("contents[1]", "messages[1].content"),
        ("roles[0]", "messages[0].role"),
        ("contents", "messages"),
        ("max_tokens", "sampling.max_tokens"),
        ("stop_token_ids[2]", "sampling.stop_token_ids[2]"),
    ],
)
async def test_the_message_names_the_callers_fields_too(
    generation: GenerationServicer, column: str, field: str
) -> None:
    asked = pb.ChatRequest(messages=[pb.ChatMessage(role="user", content=f"refuse:{column}")])
    with pytest.raises(ConvoyError) as caught:
        await generation.Chat(asked, Call())
    assert caught.value.message == f"{field}: not this"


async def test_a_prompt_beyond_the_pipelines_limit_is_named(
    generation: GenerationServicer,
) -> None:
    assert await refusal(generation, request("x" * (16 << 20))) == ["text"]


async def test_every_setting_is_taken(generation: GenerationServicer) -> None:
    """Those of ids had another type than the pipeline's."""
    asked = request(
        max_tokens=5,
        temperature=0.5,
        top_p=0.9,
        top_k=3,
        min_p=0.1,
        seed=1,
        repetition_penalty=1.2,
        stop=["x"],
        stop_token_ids=[4],
        logprobs=1,
        n=2,
        ignore_eos=True,
    )
    assert len((await generation.Generate(asked, Call())).completions) == 2


async def test_a_setting_that_the_pipeline_does_not_take_is_refused(streamed: Streamed) -> None:
    asked = captioning_pb2.CaptionRequest(
        image=b"x", question="y", sampling=pb.SamplingParameters(temperature=1.0)
    )
    with pytest.raises(ConvoyError, match="does not take it"):
        await CaptioningServicer(streamed.mesh).Caption(asked, Call())


async def test_images_are_told_about(streamed: Streamed) -> None:
    captioning = CaptioningServicer(streamed.mesh)
    asked = captioning_pb2.CaptionRequest(image=b"x", question="what now")
    assert (await captioning.Caption(asked, Call())).completions[0].text == "what now "
    stream = captioning_pb2.CaptionStreamRequest(image=b"x", question="what now")
    *pieces, last = [reply async for reply in captioning.CaptionStream(stream, Call())]
    assert "".join(c.text for reply in pieces for c in reply.chunks) == "what now "
    assert last.usage.completion_tokens == 2
    with pytest.raises(ConvoyError, match="no image"):
        await captioning.Caption(captioning_pb2.CaptionRequest(), Call())


async def test_a_stream_that_is_left_lets_the_engine_go(
    streamed: Streamed, generation: GenerationServicer
) -> None:
    asked = pb.GenerateStreamRequest(text="word " * 100_000)
    asked.sampling.max_tokens = 100_000
    replies = generation.GenerateStream(asked, Call())
    await anext(replies)
    await replies.aclose()  # type: ignore[attr-defined]
    [host] = streamed.replicas.hosts.values()
    await until(lambda: not host._rows)
    assert not host._made[0]._rows  # type: ignore[attr-defined]


async def test_a_stream_ends_at_its_deadline(generation: GenerationServicer) -> None:
    asked = pb.GenerateStreamRequest(text="word " * 100_000)
    asked.sampling.max_tokens = 100_000
    call = Call(deadline=asyncio.get_running_loop().time() + 0.3)
    with pytest.raises(ConvoyError) as caught:
        async for _ in generation.GenerateStream(asked, call):
            pass
    assert caught.value.code is Code.DEADLINE_EXCEEDED
