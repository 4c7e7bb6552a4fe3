"""What chats and completions have in common: how the next token is chosen, and streaming."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from convoy.v1 import generation_pb2 as pb

UINT32 = 2**32 - 1
UINT64 = 2**64 - 1

STOP = {
    "anyOf": [
        {"type": "string"},
        {"type": "array", "items": {"type": "string"}, "maxItems": 16},
        {"type": "null"},
    ]
}


def _list(value: object) -> object:
    """Make a list of one text; of a union, pydantic would name each type as a field."""
    return [value] if isinstance(value, str) else value


Token = Annotated[int, Field(ge=0, le=UINT32)]
Stop = Annotated[list[str], Field(max_length=16)]


class StreamOptions(BaseModel):
    """What a stream tells beside the text."""

    model_config = ConfigDict(extra="ignore", strict=True)

    include_usage: bool | None = None
    """Count the tokens in a last chunk, which has no choices."""


class SamplingRequest(BaseModel):
    """A request to a pipeline that generates; what is absent or null is as the pipeline has it.

    Parameters that are not among these are kept for ``unsupported.refuse``.
    """

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)

    model: str = Field(min_length=1, max_length=128)
    """A pipeline that generates."""
    max_tokens: int | None = Field(None, ge=1, le=UINT32)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    n: int | None = Field(None, ge=1, le=16)
    seed: int | None = Field(None, ge=0, le=UINT64)
    stop: Annotated[Stop | None, BeforeValidator(_list), WithJsonSchema(STOP)] = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    top_k: int | None = Field(None, ge=-1, le=UINT32)
    """Not OpenAI's. 0 and -1 keep all."""
    min_p: float | None = Field(None, ge=0, le=1)
    """Not OpenAI's."""
    repetition_penalty: float | None = Field(None, ge=0.01, le=10)
    """Not OpenAI's."""
    stop_token_ids: list[Token] | None = Field(None, max_length=64)
    """Not OpenAI's."""
    ignore_eos: bool | None = None
    """Not OpenAI's."""

    def sampling(self, **more: Any) -> pb.SamplingParameters:
        """Give it in the mesh's terms, with ``more`` of its fields; one of None is as if absent."""
        fields: dict[str, Any] = {
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
            "top_p": self.top_p,
            "top_k": None if self.top_k is None else max(self.top_k, 0),
            "min_p": self.min_p,
            "seed": self.seed,
            "repetition_penalty": self.repetition_penalty,
            "stop": self.stop,
            "stop_token_ids": self.stop_token_ids,
            "n": self.n,
            "ignore_eos": self.ignore_eos,
        }
        return pb.SamplingParameters(**fields | more)

    @property
    def with_usage(self) -> bool:
        """Whether a stream ends with the usage."""
        return bool(self.stream_options and self.stream_options.include_usage)

    def parameter(self, path: str) -> str:
        """Give OpenAI's name of a field that every request to the mesh has."""
        if path == "pipeline":
            return "model"
        path = path.removeprefix("sampling.")
        alone = path == "stop[0]" and self.stop is not None and len(self.stop) == 1
        return "stop" if alone else path
