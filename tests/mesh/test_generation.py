"""GenerationService with a tiny model of the real format, over real sockets."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from convoy import Client, Code, ConvoyError
from convoy.v1 import generation_pb2 as pb
from convoy.v1 import generation_pb2_grpc, stage_pb2
from convoy_services.local.mesh import LocalMesh

TIMEOUT = 60.0
GREEDY = {"temperature": 0.0, "ignore_eos": True}
CHAT = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is a date?"}]


@pytest.fixture
async def client(mesh: LocalMesh) -> AsyncIterator[Client]:
    async with Client(mesh.target, timeout=TIMEOUT) as client:
        yield client


@pytest.fixture(scope="session")
def model(models: Path) -> Any:
    torch.set_num_threads(1)  # several would wait for each other on a busy machine
    model = AutoModelForCausalLM.from_pretrained(models / "causal")
    model.generation_config.eos_token_id = None  # it goes on, as the mesh is asked to
    return model


@pytest.fixture(scope="session")
def tokenizer(models: Path) -> Any:
    return AutoTokenizer.from_pretrained(models / "causal")


def alone(model: Any, ids: list[int], tokens: int) -> list[int]:
    """Give what the model writes with nobody else around."""
    with torch.inference_mode():
        whole = model.generate(
            torch.tensor([ids]),
            attention_mask=torch.ones(1, len(ids), dtype=torch.long),
            max_new_tokens=tokens,
            do_sample=False,
            pad_token_id=0,
        )
    return list(whole[0, len(ids) :].tolist())


def completion(response: Any) -> pb.Completion:
    [only] = response.completions
    return only


async def test_64_prompts_together_are_gone_on_with_as_each_alone(
    client: Client, model: Any
) -> None:
    chance = random.Random(3)
    prompts = [
        [chance.randrange(3, 2000) for _ in range(chance.randrange(1, 100))] for _ in range(64)
    ]
    lengths = [chance.randrange(1, 13) for _ in prompts]
    responses = await asyncio.gather(
        *(
            client.generate(ids, sampling={**GREEDY, "max_tokens": tokens})
            for ids, tokens in zip(prompts, lengths, strict=True)
        )
    )
    for ids, tokens, response in zip(prompts, lengths, responses, strict=True):
        assert list(completion(response).token_ids) == alone(model, ids, tokens)
        assert response.usage.prompt_tokens == len(ids)


async def test_the_text_is_what_the_tokens_are(client: Client, tokenizer: Any) -> None:
    response = await client.generate("Return the", sampling={**GREEDY, "max_tokens": 40})
    ids = list(completion(response).token_ids)
    assert completion(response).text == tokenizer.decode(ids, skip_special_tokens=True)
    assert completion(response).finish_reason == pb.FINISH_REASON_LENGTH
    assert response.usage.completion_tokens == 40


async def test_a_stream_gives_the_same_text_piece_by_piece(client: Client) -> None:
    asked = {**GREEDY, "max_tokens": 40}
    whole = await client.generate("Return the", sampling=asked)
    *pieces, last = [piece async for piece in client.generate_stream("Return the", sampling=asked)]
    chunks = [chunk for piece in pieces for chunk in piece.chunks]
    assert "".join(chunk.text for chunk in chunks) == completion(whole).text
    assert [id for chunk in chunks for id in chunk.token_ids] == completion(whole).token_ids
    assert chunks[-1].finish_reason == pb.FINISH_REASON_LENGTH
    assert len(pieces) > 10
    assert last.usage == whole.usage
    assert last.timings.time_to_first_token.ToNanoseconds() > 0


async def test_a_conversation_takes_the_models_own_template(
    client: Client, tokenizer: Any, model: Any
) -> None:
    ids = tokenizer.apply_chat_template(CHAT, add_generation_prompt=True)["input_ids"]
    response = await client.chat(CHAT, sampling={**GREEDY, "max_tokens": 12})
    assert response.usage.prompt_tokens == len(ids)
    assert list(completion(response).token_ids) == alone(model, ids, 12)
    pieces = [
        piece async for piece in client.chat_stream(CHAT, sampling={**GREEDY, "max_tokens": 12})
    ]
    text = "".join(chunk.text for piece in pieces for chunk in piece.chunks)
    assert text == completion(response).text


async def test_a_seed_repeats_alone_and_in_company(client: Client) -> None:
    asked = {"temperature": 1.0, "top_p": 0.9, "seed": 11, "max_tokens": 16, "ignore_eos": True}
    first = await client.generate("One", sampling=asked)
    company = [
        client.generate("One", sampling={**asked, "seed": seed}) for seed in (11, *range(20, 35))
    ]
    same, *others = await asyncio.gather(*company)
    assert same.completions == first.completions
    assert all(other.completions != first.completions for other in others)


async def test_several_completions_differ_and_repeat(client: Client) -> None:
    asked = {"temperature": 1.0, "seed": 5, "n": 4, "max_tokens": 8, "ignore_eos": True}
    first, second = [await client.generate("One", sampling=asked) for _ in range(2)]
    texts = [one.text for one in first.completions]
    assert len(set(texts)) == 4
    assert texts == [one.text for one in second.completions]
    pieces = [piece async for piece in client.generate_stream("One", sampling=asked)]
    streamed = [""] * 4
    for piece in pieces:
        for chunk in piece.chunks:
            streamed[chunk.index] += chunk.text
    assert streamed == texts


async def test_a_stop_ends_the_text_before_it(client: Client) -> None:
    asked = {**GREEDY, "max_tokens": 40}
    text = completion(await client.generate("Return the", sampling=asked)).text
    stop = text[10:14]
    asked["stop"] = [stop]
    stopped = completion(await client.generate("Return the", sampling=asked))
    assert stopped.text == text[: text.index(stop)]
    assert stopped.finish_reason == pb.FINISH_REASON_STOP
    pieces = [piece async for piece in client.generate_stream("Return the", sampling=asked)]
    assert "".join(c.text for piece in pieces for c in piece.chunks) == stopped.text


async def test_a_stop_token_ends_the_text_before_it(client: Client) -> None:
    asked = {**GREEDY, "max_tokens": 40}
    whole = completion(await client.generate("Return the", sampling=asked))
    asked["stop_token_ids"] = [whole.token_ids[5]]
    stopped = completion(await client.generate("Return the", sampling=asked))
    assert whole.text.startswith(stopped.text)
    assert len(stopped.token_ids) <= 6
    assert stopped.finish_reason == pb.FINISH_REASON_STOP


async def test_logprobs_are_the_models_own(client: Client, model: Any) -> None:
    prompt = [5, 6, 7]
    asked = {"temperature": 0.7, "seed": 1, "logprobs": 3, "max_tokens": 4, "ignore_eos": True}
    response = await client.generate(prompt, sampling=asked)
    ids = list(completion(response).token_ids)
    with torch.inference_mode():
        scores = model(torch.tensor([prompt + ids])).logits[0].log_softmax(-1)
    for n, token in enumerate(completion(response).tokens):
        own = scores[len(prompt) - 1 + n]
        assert token.chosen.token_id == ids[n]
        assert token.chosen.logprob == pytest.approx(float(own[ids[n]]), abs=1e-4)
        assert [one.token_id for one in token.likeliest] == own.topk(3).indices.tolist()


async def test_a_prompt_stage_beside_the_engine_does_the_same(client: Client) -> None:
    pipelines = ("generation", "generation_ahead")
    prompts = ["Return the", "One", [5, 6, 7]] * 4
    asked = {**GREEDY, "max_tokens": 8}
    there, here = [
        await asyncio.gather(
            client.chat(CHAT, sampling=asked, pipeline=pipeline),
            *(client.generate(one, sampling=asked, pipeline=pipeline) for one in prompts),
        )
        for pipeline in pipelines
    ]
    for one, other in zip(there, here, strict=True):
        assert completion(one).text == completion(other).text
        assert completion(one).token_ids == completion(other).token_ids
        assert one.usage == other.usage
    with pytest.raises(ConvoyError) as caught:
        await client.generate("word " * 2000, pipeline="generation_ahead")
    assert [violation.field for violation in caught.value.violations] == ["text"]
    with pytest.raises(ConvoyError) as caught:
        await client.unary(
            "/convoy.v1.PreprocessService/Preprocess",
            stage_pb2.PreprocessRequest(stage="ahead"),
            stage_pb2.PreprocessResponse,
        )
    assert caught.value.reason == "STAGE_STREAMS"


REFUSED = [
    ({"text": "x", "sampling": {"max_tokens": 5000}}, ["sampling.max_tokens"]),
    ({"token_ids": {"ids": [999_999]}}, ["token_ids.ids[0]"]),
    ({"text": "x", "sampling": {"temperature": -1}}, ["sampling.temperature"]),
    ({"text": "word " * 2000}, ["text"]),
]


@pytest.mark.parametrize(("request_", "fields"), REFUSED)
async def test_what_is_wrong_is_named(
    channel: grpc.aio.Channel, mesh: LocalMesh, request_: dict[str, Any], fields: list[str]
) -> None:
    async with Client(mesh.target, timeout=TIMEOUT) as client:
        with pytest.raises(ConvoyError) as caught:
            await client.unary(
                "/convoy.v1.GenerationService/Generate",
                pb.GenerateRequest(**request_),
                pb.GenerateResponse,
            )
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert [violation.field for violation in caught.value.violations] == fields


async def test_a_stream_that_is_left_frees_its_room(
    channel: grpc.aio.Channel, client: Client
) -> None:
    """32 streams of 500 tokens take all of the cache; more would wait until those end."""
    stub = generation_pb2_grpc.GenerationServiceStub(channel)
    asked = pb.GenerateStreamRequest(text="On", sampling={**GREEDY, "max_tokens": 500})
    calls = [stub.GenerateStream(asked, timeout=TIMEOUT) for _ in range(32)]
    await asyncio.gather(*(call.read() for call in calls))
    for call in calls:
        call.cancel()
    response = await client.generate("On", sampling={**GREEDY, "max_tokens": 500})
    assert response.usage.completion_tokens == 500


async def test_a_stream_ends_at_its_deadline(client: Client) -> None:
    asked = {**GREEDY, "max_tokens": 500}

    async def outcome() -> Code | None:
        try:
            async for _ in client.generate_stream("On", sampling=asked, timeout=0.3):
                pass
        except ConvoyError as error:
            return error.code
        return None

    outcomes = await asyncio.gather(*(outcome() for _ in range(32)))
    assert set(outcomes) == {Code.DEADLINE_EXCEEDED}


async def test_over_the_room_requests_wait_and_then_are_refused(client: Client) -> None:
    """The cache has room for 32 of them, and 64 may wait."""
    asked = {**GREEDY, "max_tokens": 500}

    async def one() -> Code | None:
        try:
            await client.generate("On", sampling=asked, timeout=2)
        except ConvoyError as error:
            return error.code
        return None

    codes = await asyncio.gather(*(one() for _ in range(110)))
    assert Code.RESOURCE_EXHAUSTED in codes
    assert set(codes) <= {Code.RESOURCE_EXHAUSTED, Code.DEADLINE_EXCEEDED, None}


async def test_any_pipeline_client_can_run_it(client: Client) -> None:
    columns = {"prompt": ["Return the", "One"], "temperature": [0.0, 0.0], "max_tokens": [6, 3]}
    result = await client.run("generation", columns, outputs=["text", "token_ids"])
    assert [len(ids) for ids in result["token_ids"].tolist()] == [6, 3]
    parts = [part async for part in client.stream("generation", columns, outputs=["text"])]
    texts = ["", ""]
    for row, part in parts:
        texts[row] += part["text"].strings()[0]
    assert texts == result["text"].strings()
