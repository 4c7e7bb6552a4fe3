"""What mesh.yaml may set of an engine, checked without importing it."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from convoy_services.mesh.suggest import suggest

Precision = Literal["auto", "float32", "bfloat16", "float16"]
PRECISIONS: tuple[str, ...] = get_args(Precision)
"""``auto`` is the model's own on a GPU, float32 on the CPU."""
Backend = Literal["mp", "ray"]
BACKENDS: tuple[str, ...] = get_args(Backend)
Positive = Annotated[int, Field(ge=1)]
Waiting = Annotated[int, Field(ge=0)]


class Settings(BaseModel):
    """The settings of an engine; numbers are numbers, not texts of them."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    model: Annotated[str, Field(min_length=1)]


class TransformersSettings(Settings):
    """See ``engines.continuous``."""

    cache_tokens: Positive
    batch_tokens: Positive = 256
    max_waiting: Waiting = 256
    precision: Precision = "auto"


class VllmSettings(Settings):
    """See ``engines.vllm``."""

    tensor_parallel: Positive = 1
    pipeline_parallel: Positive = 1
    distributed_backend: Backend = "mp"
    max_len: Positive | None = None
    max_running: Positive = 256
    max_waiting: Waiting = 256
    memory: Annotated[float, Field(gt=0, le=1)] = 0.9
    cache_gib: Annotated[float, Field(gt=0)] | None = None
    precision: Precision = "auto"


class CaptionSettings(Settings):
    """See ``captioning.engine``, where all who come wait first."""

    precision: Precision
    max_batch: Positive
    max_waiting: Positive
    ask: str | None


def check(
    takes: type[Settings], given: Mapping[str, Any], *, of: str, known: tuple[str, ...] = ()
) -> None:
    """Raise ValueError that names what ``of`` does not take, and what it lacks.

    ``known`` are names that may be meant besides its own.
    """
    try:
        takes.model_validate(given)
    except ValidationError as exc:
        errors = exc.errors()
    else:
        return
    names = (*known, *takes.model_fields)
    unknown = [
        suggest(f"{of} takes no setting {name!r}", name, names)
        for name in given
        if name not in takes.model_fields
    ]
    lacking = [
        f"{of} needs the setting {error['loc'][0]!r}"
        for error in errors
        if error["type"] == "missing" and not unknown  # it may be what was misspelt
    ]
    wrong = [
        f"{error['loc'][0]}: {error['msg'][0].lower()}{error['msg'][1:]} (it is {error['input']!r})"
        for error in errors
        if error["type"] not in ("missing", "extra_forbidden")
    ]
    raise ValueError("; ".join([*unknown, *lacking, *wrong]))
