"""Prompts to tokens, step by step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from convoy import Batch
from convoy.errors import invalid
from convoy_services.generation.engines.engine import Prompt
from convoy_services.generation.model import reading
from convoy_services.generation.sampling import COLUMNS, Sampling
from convoy_services.generation.writing import Writing
from convoy_services.mesh.column import Column, Columns
from convoy_services.mesh.suggest import suggest, unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """An engine that there is, as far as it is known without importing it."""

    cls: str
    """``module:class``; it takes ``model`` and ``threads`` beside its settings."""
    required: tuple[str, ...] = ()
    """The settings that it has no default for."""
    optional: tuple[str, ...] = ()


ENGINES: Mapping[str, Choice] = {
    "transformers": Choice(
        cls="convoy_services.generation.engines.continuous:ContinuousBatching",
        required=("cache_tokens",),
        optional=("batch_tokens", "max_waiting", "precision"),
    ),
    "vllm": Choice(
        cls="convoy_services.generation.engines.vllm:Vllm",
        optional=(
            "tensor_parallel",
            "pipeline_parallel",
            "distributed_backend",
            "max_len",
            "max_running",
            "max_waiting",
            "memory",
            "cache_gib",
            "precision",
        ),
    ),
}
"""``transformers`` takes any causal language model, on the CPU or a GPU; ``vllm``, in an
environment of its own, those that outgrow one GPU."""


class Generate(Writing):
    """Goes on with prompts: input_ids INT64 [-1] and the columns of ``sampling`` → tokens.

    The columns of the tokens are as ``Writing`` has them.
    """

    consumes = Columns(input_ids=Column("INT64", [-1]), **COLUMNS)

    def __init__(self, *, model: str, engine: str = "transformers", **settings: Any) -> None:
        """Take a model by hub id or folder, one of ``ENGINES``, and the settings of that engine.

        Raises ValueError where there is no such engine or setting, or one is lacking.
        """
        if engine not in ENGINES:
            raise ValueError(unknown("engine", engine, ENGINES))
        choice = ENGINES[engine]
        known = (*choice.required, *choice.optional)
        for name in settings:
            if name not in known:
                told = f"the engine {engine} takes no setting {name!r}"
                raise ValueError(suggest(told, name, ("model", "engine", *known)))
        for name in choice.required:
            if name not in settings:
                raise ValueError(f"the engine {engine} needs the setting {name!r}")
        self._model = model
        self._choice = choice
        self._settings = settings

    def load(self) -> None:
        """Start the engine, which generates a first token.

        Raises OSError where the model is not there, ValueError where it or a setting is none that
        the engine takes.
        """
        module, name = self._choice.cls.split(":")
        engine = getattr(import_module(module), name)
        with reading(self._model) as place:
            self._engine = engine(model=place, threads=max(1, int(self.cpus)), **self._settings)
            self._engine.start(self._step)

    def inputs(self, batch: Batch) -> Sequence[Sequence[int]]:
        """Give each row's tokens."""
        rows: list[list[int]] = batch["input_ids"].tolist()
        return rows

    def prompt(self, id: int, inputs: Sequence[int], sampling: Sampling) -> Prompt:
        """Ask for what follows the tokens; raises ConvoyError INVALID_ARGUMENT without any."""
        if not inputs:
            raise invalid("input_ids", "there is no token in it")
        return Prompt(id=id, input_ids=inputs, sampling=sampling)
