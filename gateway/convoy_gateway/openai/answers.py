"""What chats and completions answer, in OpenAI's shapes.

https://platform.openai.com/docs/api-reference/chat/object and …/completions/object
"""

import time
from typing import Any, Literal
from uuid import uuid4

from pydantic import BaseModel

from convoy.v1 import generation_pb2 as pb

Finish = Literal["stop", "length"]

FINISH: dict[int, Finish | None] = {
    pb.FINISH_REASON_UNSPECIFIED: None,
    pb.FINISH_REASON_STOP: "stop",
    pb.FINISH_REASON_LENGTH: "length",
}


class TokenCounts(BaseModel):
    """What the model read and wrote, in its own tokens."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class LikelyToken(BaseModel):
    """A token, and the natural logarithm of its probability."""

    token: str
    """Its text; of bytes that are no whole characters, each stands there as in ``\\xf0``."""
    logprob: float
    bytes: list[int]


class ChosenToken(LikelyToken):
    """A token of the text."""

    top_logprobs: list[LikelyToken]


class ChatLogprobs(BaseModel):
    """How likely the tokens were."""

    content: list[ChosenToken]
    refusal: None = None


class AssistantMessage(BaseModel):
    """What the model says."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None


class ChatChoice(BaseModel):
    """One of the answers."""

    index: int
    message: AssistantMessage
    logprobs: ChatLogprobs | None
    finish_reason: Finish | None


class ChatCompletion(BaseModel):
    """The next turn of a conversation."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[ChatChoice]
    usage: TokenCounts


class ChatChunkChoice(BaseModel):
    """What was added to one of the answers."""

    index: int
    delta: dict[str, str]
    logprobs: ChatLogprobs | None = None
    finish_reason: Finish | None = None


class ChatChunk(BaseModel):
    """A piece of the next turn."""

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    choices: list[ChatChunkChoice]
    usage: TokenCounts | None = None


class TextLogprobs(BaseModel):
    """How likely the tokens were: lists of one item a token."""

    tokens: list[str]
    token_logprobs: list[float]
    top_logprobs: list[dict[str, float]]
    text_offset: list[int]
    """Characters of the text before each token."""


class TextChoice(BaseModel):
    """One of the texts, or what was added to it."""

    index: int
    text: str
    logprobs: TextLogprobs | None = None
    finish_reason: Finish | None = None


class TextCompletion(BaseModel):
    """How prompts go on, or a piece of it."""

    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int
    model: str
    choices: list[TextChoice]
    usage: TokenCounts | None = None


def head(prefix: str, model: str) -> dict[str, Any]:
    """Give what all pieces of one answer begin with."""
    return {"id": f"{prefix}-{uuid4().hex}", "created": int(time.time()), "model": model}


def counted(*usages: pb.TokenUsage) -> TokenCounts:
    """Add up what calls read and wrote."""
    read = sum(usage.prompt_tokens for usage in usages)
    wrote = sum(usage.completion_tokens for usage in usages)
    return TokenCounts(prompt_tokens=read, completion_tokens=wrote, total_tokens=read + wrote)
