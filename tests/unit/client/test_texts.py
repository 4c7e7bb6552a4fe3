"""What the client asks of models that write, against a real socket."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from convoy import Client, Code, ConvoyError, SyncClient
from convoy.v1 import captioning_pb2, captioning_pb2_grpc, generation_pb2_grpc
from convoy.v1 import generation_pb2 as pb
from tests.unit.client.fake import QUICK, TIMEOUT, abort, serving

ASKED = {"max_tokens": 2, "stop": ["x"], "seed": 7}


class Repeats(generation_pb2_grpc.GenerationServiceServicer):  # type: ignore[misc]
    """Says what it was asked."""

    def __init__(self, *failures: ConvoyError) -> None:
        self.failures = list(failures)

    async def Generate(self, request: pb.GenerateRequest, context: Any) -> pb.GenerateResponse:
        return pb.GenerateResponse(completions=[pb.Completion(text=str(request))])

    async def GenerateStream(
        self, request: pb.GenerateStreamRequest, context: Any
    ) -> AsyncIterator[pb.GenerateStreamResponse]:
        if self.failures:
            await abort(context, self.failures.pop(0))
        yield pb.GenerateStreamResponse(chunks=[pb.CompletionChunk(text=str(request))])
        yield pb.GenerateStreamResponse(usage=pb.TokenUsage(prompt_tokens=3))

    async def Chat(self, request: pb.ChatRequest, context: Any) -> pb.ChatResponse:
        return pb.ChatResponse(completions=[pb.Completion(text=str(request))])

    async def ChatStream(
        self, request: pb.ChatStreamRequest, context: Any
    ) -> AsyncIterator[pb.ChatStreamResponse]:
        yield pb.ChatStreamResponse(chunks=[pb.CompletionChunk(text=str(request))])


class Looks(captioning_pb2_grpc.CaptioningServiceServicer):  # type: ignore[misc]
    """Says what it was asked."""

    async def Caption(
        self, request: captioning_pb2.CaptionRequest, context: Any
    ) -> captioning_pb2.CaptionResponse:
        return captioning_pb2.CaptionResponse(completions=[pb.Completion(text=str(request))])

    async def CaptionStream(
        self, request: captioning_pb2.CaptionStreamRequest, context: Any
    ) -> AsyncIterator[captioning_pb2.CaptionStreamResponse]:
        yield captioning_pb2.CaptionStreamResponse(chunks=[pb.CompletionChunk(text=str(request))])


async def test_prompts_are_sent_as_text_or_tokens() -> None:
    async with serving(generation=Repeats()) as target, Client(target, timeout=TIMEOUT) as client:
        response = await client.generate("Hello", sampling=ASKED, pipeline="mine")
        said = response.completions[0].text
        assert said == str(pb.GenerateRequest(text="Hello", sampling=ASKED, pipeline="mine"))
        response = await client.generate([1, 2])
        sent = pb.GenerateRequest(token_ids=pb.TokenIds(ids=[1, 2]))
        assert response.completions[0].text == str(sent)


async def test_pieces_come_as_they_are_and_the_last_counts() -> None:
    async with serving(generation=Repeats()) as target, Client(target, timeout=TIMEOUT) as client:
        pieces = [piece async for piece in client.generate_stream("Hello", sampling=ASKED)]
    assert pieces[0].chunks[0].text == str(pb.GenerateStreamRequest(text="Hello", sampling=ASKED))
    assert pieces[-1].usage.prompt_tokens == 3


async def test_a_stream_is_begun_again_where_nothing_came() -> None:
    repeats = Repeats(ConvoyError(Code.UNAVAILABLE, "not now"))
    async with (
        serving(generation=repeats) as target,
        Client(target, timeout=TIMEOUT, retry=QUICK) as client,
    ):
        pieces = [piece async for piece in client.generate_stream("Hello")]
    assert len(pieces) == 2


async def test_conversations_are_gone_on_with() -> None:
    messages = [{"role": "user", "content": "Hello"}]
    async with serving(generation=Repeats()) as target, Client(target, timeout=TIMEOUT) as client:
        response = await client.chat(messages, sampling=ASKED)
        assert response.completions[0].text == str(
            pb.ChatRequest(messages=messages, sampling=ASKED)
        )
        pieces = [piece async for piece in client.chat_stream(messages)]
        assert pieces[0].chunks[0].text == str(pb.ChatStreamRequest(messages=messages))


async def test_images_are_told_about() -> None:
    async with serving(captioning=Looks()) as target, Client(target, timeout=TIMEOUT) as client:
        response = await client.caption(b"GIF", "What?", sampling=ASKED)
        sent = captioning_pb2.CaptionRequest(image=b"GIF", question="What?", sampling=ASKED)
        assert response.completions[0].text == str(sent)
        pieces = [piece async for piece in client.caption_stream(b"GIF")]
        sent = captioning_pb2.CaptionStreamRequest(image=b"GIF")
        assert pieces[0].chunks[0].text == str(sent)


async def test_a_setting_that_there_is_not_is_refused_at_once() -> None:
    async with Client("localhost:1") as client:
        with pytest.raises(ValueError, match="temprature"):
            await client.generate("Hello", sampling={"temprature": 1})


ASKING: dict[str, tuple[Any, ...]] = {
    "generate": ("Hello",),
    "generate_stream": ("Hello",),
    "chat": ([{"role": "user"}],),
    "chat_stream": ([{"role": "user"}],),
    "caption": (b"GIF",),
    "caption_stream": (b"GIF",),
}


async def first(asked: Any) -> Any:
    return await (anext(asked) if hasattr(asked, "__anext__") else asked)


@pytest.mark.parametrize("method", ASKING)
async def test_arguments_that_there_are_not_are_refused_at_once(method: str) -> None:
    """They were passed over: max_tokens, which belongs to sampling, and a timeout misspelt."""
    async with Client("localhost:1") as client:
        with pytest.raises(TypeError, match="arguments: max_tokens, timout"):
            await first(getattr(client, method)(*ASKING[method], max_tokens=5, timout=1))


def test_programs_that_are_not_async_are_refused_them_too() -> None:
    with SyncClient("localhost:1") as client:
        with pytest.raises(TypeError, match="arguments: timout"):
            client.generate("Hello", timout=1)  # type: ignore[call-arg]
        with pytest.raises(TypeError, match="arguments: timout"):
            next(client.generate_stream("Hello", timout=1))  # type: ignore[call-arg]


@pytest.mark.parametrize("method", ASKING)
async def test_a_text_is_one_stop_text(method: str) -> None:
    """Each of its letters was one: protobuf takes any iterable for a list."""
    async with (
        serving(generation=Repeats(), captioning=Looks()) as target,
        Client(target, timeout=TIMEOUT) as client,
    ):
        ask = getattr(client, method)
        one = await first(ask(*ASKING[method], sampling={"stop": "end"}))
        assert one == await first(ask(*ASKING[method], sampling={"stop": ["end"]}))
    assert 'stop: "end"' in str(one).replace("\\", "")


async def test_programs_that_are_not_async_have_it_all_too() -> None:
    def ask(target: str) -> list[str]:
        with SyncClient(target, timeout=TIMEOUT) as client:
            said = [client.generate("a").completions[0].text]
            return said + [p.chunks[0].text for p in client.chat_stream([{"role": "user"}])]

    async with serving(generation=Repeats()) as target:
        said = await asyncio.to_thread(ask, target)
    assert len(said) == 2
