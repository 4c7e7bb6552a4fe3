"""What a client asks of models that write."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, TypedDict, TypeVar, Unpack

from google.protobuf.message import Message

from convoy.client.caller import Caller, Metadata
from convoy.timing import Timing
from convoy.v1 import captioning_pb2, generation_pb2

M = TypeVar("M", bound=Message)

GENERATION = "/convoy.v1.GenerationService"
CAPTIONING = "/convoy.v1.CaptioningService"


class Options(TypedDict, total=False):
    """What every call takes: see ``Client``."""

    timeout: float | None
    priority: int | None
    metadata: Metadata | None
    timing: Timing | None


class Texts:
    """The methods of a client that answer with texts.

    ``sampling`` is how tokens are chosen, as ``{"max_tokens": 64, "temperature": 0.0, "n": 2}``:
    the fields of ``SamplingParameters``. ``pipeline`` is the pipeline that answers, where it is not
    the one that the service has by default.

    An answer has ``completions``, each with a ``text`` and a ``finish_reason``, ``usage`` and
    ``timings``. A stream gives messages with ``chunks``, each the next piece of one completion; the
    last has ``usage`` and ``timings``. Only until the first piece a stream is retried.
    """

    _caller: Caller

    async def generate(
        self,
        prompt: str | Sequence[int],
        *,
        sampling: Mapping[str, Any] | None = None,
        pipeline: str = "",
        **options: Unpack[Options],
    ) -> generation_pb2.GenerateResponse:
        """Go on with a text, or with token ids."""
        request = generation_pb2.GenerateRequest(
            **_prompt(prompt), sampling=_sampling(sampling), pipeline=pipeline
        )
        response = generation_pb2.GenerateResponse
        return await self._write(f"{GENERATION}/Generate", request, response, options)

    async def generate_stream(
        self,
        prompt: str | Sequence[int],
        *,
        sampling: Mapping[str, Any] | None = None,
        pipeline: str = "",
        **options: Unpack[Options],
    ) -> AsyncGenerator[generation_pb2.GenerateStreamResponse, None]:
        """Go on with a text, or with token ids, piece by piece."""
        request = generation_pb2.GenerateStreamRequest(
            **_prompt(prompt), sampling=_sampling(sampling), pipeline=pipeline
        )
        response = generation_pb2.GenerateStreamResponse
        pieces = self._pieces(f"{GENERATION}/GenerateStream", request, response, options)
        async with aclosing(pieces):
            async for piece in pieces:
                yield piece

    async def chat(
        self,
        messages: Sequence[Mapping[str, str]],
        *,
        sampling: Mapping[str, Any] | None = None,
        pipeline: str = "",
        **options: Unpack[Options],
    ) -> generation_pb2.ChatResponse:
        """Give the next turn of a conversation: ``[{"role": "user", "content": "Hello"}]``."""
        request = generation_pb2.ChatRequest(
            messages=messages, sampling=_sampling(sampling), pipeline=pipeline
        )
        response = generation_pb2.ChatResponse
        return await self._write(f"{GENERATION}/Chat", request, response, options)

    async def chat_stream(
        self,
        messages: Sequence[Mapping[str, str]],
        *,
        sampling: Mapping[str, Any] | None = None,
        pipeline: str = "",
        **options: Unpack[Options],
    ) -> AsyncGenerator[generation_pb2.ChatStreamResponse, None]:
        """Give the next turn of a conversation piece by piece."""
        request = generation_pb2.ChatStreamRequest(
            messages=messages, sampling=_sampling(sampling), pipeline=pipeline
        )
        response = generation_pb2.ChatStreamResponse
        pieces = self._pieces(f"{GENERATION}/ChatStream", request, response, options)
        async with aclosing(pieces):
            async for piece in pieces:
                yield piece

    async def caption(
        self,
        image: bytes,
        question: str = "",
        *,
        sampling: Mapping[str, Any] | None = None,
        pipeline: str = "",
        **options: Unpack[Options],
    ) -> captioning_pb2.CaptionResponse:
        """Tell what is on an image, the bytes of a file, or answer a question about it."""
        request = captioning_pb2.CaptionRequest(
            image=image, question=question, sampling=_sampling(sampling), pipeline=pipeline
        )
        response = captioning_pb2.CaptionResponse
        return await self._write(f"{CAPTIONING}/Caption", request, response, options)

    async def caption_stream(
        self,
        image: bytes,
        question: str = "",
        *,
        sampling: Mapping[str, Any] | None = None,
        pipeline: str = "",
        **options: Unpack[Options],
    ) -> AsyncGenerator[captioning_pb2.CaptionStreamResponse, None]:
        """Tell what is on an image piece by piece."""
        request = captioning_pb2.CaptionStreamRequest(
            image=image, question=question, sampling=_sampling(sampling), pipeline=pipeline
        )
        response = captioning_pb2.CaptionStreamResponse
        pieces = self._pieces(f"{CAPTIONING}/CaptionStream", request, response, options)
        async with aclosing(pieces):
            async for piece in pieces:
                yield piece

    async def _write(self, method: str, request: Message, response: type[M], options: Options) -> M:
        return await self._caller.unary(method, request, response, self._terms(options))

    def _pieces(
        self, method: str, request: Message, response: type[M], options: Options
    ) -> AsyncGenerator[M, None]:
        return self._caller.stream(method, request, response, self._terms(options))

    def _terms(self, options: Options) -> Any:
        if unknown := options.keys() - Options.__annotations__.keys():
            raise TypeError(f"unexpected keyword arguments: {', '.join(sorted(unknown))}")
        return self._caller.terms(
            options.get("timeout"),
            options.get("priority"),
            options.get("metadata"),
            options.get("timing"),
        )


def _sampling(sampling: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Let a text be one stop text: protobuf would take each of its letters for one."""
    if isinstance(sampling, Mapping) and isinstance(sampling.get("stop"), str):
        return {**sampling, "stop": [sampling["stop"]]}
    return sampling


def _prompt(prompt: str | Sequence[int]) -> dict[str, Any]:
    if isinstance(prompt, str):
        return {"text": prompt}
    return {"token_ids": generation_pb2.TokenIds(ids=prompt)}
