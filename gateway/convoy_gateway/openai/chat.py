"""/v1/chat/completions over GenerationService, and CaptioningService where there is an image."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing

from pydantic import Field

from convoy.errors import invalid
from convoy.v1 import generation_pb2 as pb
from convoy_gateway.openai import logprobs
from convoy_gateway.openai.answers import (
    FINISH,
    AssistantMessage,
    ChatChoice,
    ChatChunk,
    ChatChunkChoice,
    ChatCompletion,
    ChatLogprobs,
    counted,
    head,
)
from convoy_gateway.openai.ask import CAPTION, CHAT, Ask
from convoy_gateway.openai.conversation import Message, about_image, conversation, images
from convoy_gateway.openai.sampling import UINT32, SamplingRequest
from convoy_gateway.openai.unsupported import refuse
from convoy_gateway.upstream import Call, Upstream


class ChatCompletionRequest(SamplingRequest):
    """A conversation to go on with, or an image to tell about."""

    messages: list[Message] = Field(min_length=1)
    """The turns so far. A message with an image stands alone, with the question as its text."""
    max_completion_tokens: int | None = Field(None, ge=1, le=UINT32)
    """The same as ``max_tokens``, and stronger."""
    logprobs: bool | None = None
    top_logprobs: int | None = Field(None, ge=0, le=20)
    """Takes ``logprobs`` beside it."""

    def ask(self) -> Ask:
        """Give the call; raises ConvoyError for what it cannot carry."""
        refuse(self.model_extra or {})
        if self.top_logprobs is not None and not self.logprobs:
            raise invalid("top_logprobs", "take it with logprobs alone, which is true then")
        sampling = self.sampling(
            max_tokens=self.max_completion_tokens or self.max_tokens,
            logprobs=(self.top_logprobs or 0) if self.logprobs else None,
        )
        if not any(images(self.messages)):
            fields = {"messages": conversation(self.messages), "sampling": sampling}
            return Ask(method=CHAT, fields=fields, model=self.model, parameter=self.parameter)
        image, question, path = about_image(self.messages)
        names = {"image": path, "question": "messages[0].content"}
        return Ask(
            method=CAPTION,
            fields={"image": image, "question": question, "sampling": sampling},
            model=self.model,
            parameter=lambda field: names.get(field) or self.parameter(field),
        )

    def parameter(self, path: str) -> str:
        """Give OpenAI's name of a field."""
        if path == "sampling.max_tokens" and self.max_completion_tokens:
            return "max_completion_tokens"
        return "top_logprobs" if path == "sampling.logprobs" else super().parameter(path)


async def answer(request: ChatCompletionRequest, upstream: Upstream, call: Call) -> ChatCompletion:
    """Give the whole next turn; raises ConvoyError in the request's own terms."""
    response = await request.ask().whole(upstream, call)
    return ChatCompletion(
        **head("chatcmpl", request.model),
        choices=[
            ChatChoice(
                index=completion.index,
                message=AssistantMessage(content=completion.text),
                logprobs=_logprobs(request, completion.tokens),
                finish_reason=FINISH[completion.finish_reason],
            )
            for completion in response.completions
        ],
        usage=counted(response.usage),
    )


async def chunks(
    request: ChatCompletionRequest, upstream: Upstream, call: Call
) -> AsyncGenerator[ChatChunk]:
    """Give the next turn piece by piece, each of one choice; raises ConvoyError as ``answer``."""
    of = head("chatcmpl", request.model)
    begun = False
    usage = pb.TokenUsage()
    async with aclosing(request.ask().pieces(upstream, call)) as pieces:
        async for piece in pieces:
            if not begun:
                begun = True
                for index in range(request.n or 1):
                    begin = {"role": "assistant", "content": ""}
                    yield ChatChunk(**of, choices=[ChatChunkChoice(index=index, delta=begin)])
            for chunk in piece.chunks:
                if chunk.text or chunk.tokens or chunk.finish_reason:
                    yield ChatChunk(**of, choices=[_added(request, chunk)])
            usage.MergeFrom(piece.usage)
    if request.with_usage:
        yield ChatChunk(**of, choices=[], usage=counted(usage))


def _added(request: ChatCompletionRequest, chunk: pb.CompletionChunk) -> ChatChunkChoice:
    return ChatChunkChoice(
        index=chunk.index,
        delta={"content": chunk.text} if chunk.text or chunk.tokens else {},
        logprobs=_logprobs(request, chunk.tokens) if chunk.tokens else None,
        finish_reason=FINISH[chunk.finish_reason],
    )


def _logprobs(
    request: ChatCompletionRequest, tokens: Iterable[pb.GeneratedToken]
) -> ChatLogprobs | None:
    return logprobs.of_chat(tokens) if request.logprobs else None
