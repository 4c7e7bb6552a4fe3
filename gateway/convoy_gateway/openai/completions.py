"""/v1/completions over GenerationService."""

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from typing import Annotated, Any

from pydantic import AfterValidator, Field, WithJsonSchema

from convoy.v1 import generation_pb2 as pb
from convoy_gateway.openai.answers import FINISH, TextChoice, TextCompletion, counted, head
from convoy_gateway.openai.ask import GENERATE, Ask, merged, wholes
from convoy_gateway.openai.logprobs import TextTokens
from convoy_gateway.openai.sampling import UINT32, SamplingRequest
from convoy_gateway.openai.unsupported import NEUTRAL, PASSED_OVER, refuse
from convoy_gateway.upstream import Call, Upstream

MOST = 64
"""Prompts of one request: each is a call of its own."""

TEXT = {"type": "string"}
TOKENS = {
    "type": "array",
    "items": {"type": "integer", "minimum": 0, "maximum": UINT32},
    "minItems": 1,
}
PROMPT = {
    "anyOf": [
        TEXT,
        TOKENS,
        *({"type": "array", "items": of, "minItems": 1, "maxItems": MOST} for of in (TEXT, TOKENS)),
    ]
}

FIELD = re.compile(r"(?:prompt|text|token_ids(?:\.ids)?)(\[\d+\])?")
"""How the mesh names a prompt, and maybe one token of it."""


def _prompt(value: object) -> object:
    """Check prompts here: of a union, pydantic would name each type as a field."""
    if isinstance(value, str):
        return value
    if not isinstance(value, list) or not value:
        raise ValueError("take a text, token ids, or a list of either")
    if _is_tokens(value) or all(isinstance(each, str) for each in value):
        several = len(value) if isinstance(value[0], str) else 1
    elif all(_is_tokens(each) for each in value):
        several = len(value)
    else:
        raise ValueError("take texts alone or token ids alone, from 0 to 4294967295, none empty")
    if several > MOST:
        raise ValueError(f"there are {several} prompts; take {MOST} at most")
    return value


def _is_tokens(value: object) -> bool:
    if not isinstance(value, list) or not value:
        return False
    return all(type(each) is int and 0 <= each <= UINT32 for each in value)


class CompletionRequest(SamplingRequest):
    """Prompts to go on with."""

    prompt: Annotated[Any, AfterValidator(_prompt), WithJsonSchema(PROMPT)]
    """Each has ``n`` choices of its own."""
    logprobs: int | None = Field(None, ge=0, le=20)

    @property
    def alone(self) -> bool:
        """Whether the prompt is no list of prompts."""
        return isinstance(self.prompt, str) or isinstance(self.prompt[0], int)

    def asks(self) -> list[Ask]:
        """Give a call for each prompt; raises ConvoyError for what they cannot carry."""
        neutral = {**NEUTRAL, "best_of": (self.n or 1,)}
        refuse(self.model_extra or {}, PASSED_OVER, neutral)
        sampling = self.sampling(logprobs=self.logprobs)
        prompts = [self.prompt] if self.alone else self.prompt
        return [
            Ask(
                method=GENERATE,
                fields={**_field(prompt), "sampling": sampling},
                model=self.model,
                parameter=partial(self._named, number),
            )
            for number, prompt in enumerate(prompts)
        ]

    def _named(self, number: int, path: str) -> str:
        found = FIELD.fullmatch(path)
        if not found:
            return self.parameter(path)
        return ("prompt" if self.alone else f"prompt[{number}]") + (found[1] or "")


def _field(prompt: str | list[int]) -> dict[str, Any]:
    if isinstance(prompt, str):
        return {"text": prompt}
    return {"token_ids": pb.TokenIds(ids=prompt)}


async def answer(request: CompletionRequest, upstream: Upstream, call: Call) -> TextCompletion:
    """Give whole texts, by prompt and then by choice; raises ConvoyError in the caller's terms."""
    responses = await wholes(request.asks(), upstream, call)
    return TextCompletion(
        **head("cmpl", request.model),
        choices=[
            _Choice(request, number, completion.index).write(completion)
            for number, response in enumerate(responses)
            for completion in response.completions
        ],
        usage=counted(*(response.usage for response in responses)),
    )


async def chunks(
    request: CompletionRequest, upstream: Upstream, call: Call
) -> AsyncGenerator[TextCompletion]:
    """Give the texts piece by piece, each of one choice; raises ConvoyError as ``answer``."""
    of = head("cmpl", request.model)
    choices: dict[tuple[int, int], _Choice] = {}
    usages: list[pb.TokenUsage] = []  # the last piece of each prompt has one
    async with aclosing(merged(request.asks(), upstream, call)) as pieces:
        async for number, piece in pieces:
            for chunk in piece.chunks:
                if chunk.text or chunk.tokens or chunk.finish_reason:
                    key = number, chunk.index
                    choice = choices.get(key) or choices.setdefault(key, _Choice(request, *key))
                    yield TextCompletion(**of, choices=[choice.write(chunk)])
            if piece.HasField("usage"):
                usages.append(piece.usage)
    if request.with_usage:
        yield TextCompletion(**of, choices=[], usage=counted(*usages))


class _Choice:
    """Writes one choice, whole or piece by piece."""

    def __init__(self, request: CompletionRequest, prompt: int, index: int) -> None:
        self._index = prompt * (request.n or 1) + index
        self._tokens = None if request.logprobs is None else TextTokens()

    def write(self, part: pb.Completion | pb.CompletionChunk) -> TextChoice:
        return TextChoice(
            index=self._index,
            text=part.text,
            logprobs=self._tokens.write(part.tokens) if self._tokens else None,
            finish_reason=FINISH[part.finish_reason],
        )
