"""Prompts to tokens, step by step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from convoy import Batch
from convoy.errors import invalid
from convoy_services.generation.engines.engine import Prompt
from convoy_services.generation.model import absent, reading
from convoy_services.generation.sampling import COLUMNS, Sampling
from convoy_services.generation.settings import (
    Settings,
    TransformersSettings,
    VllmSettings,
    check,
)
from convoy_services.generation.writing import Writing
from convoy_services.mesh.column import Column, Columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """An engine that there is, as far as it is known without importing it."""

    cls: str
    """``module:class``; it takes ``threads`` beside its settings."""
    settings: type[Settings]


ENGINES: Mapping[str, Choice] = {
    "transformers": Choice(
        cls="convoy_services.generation.engines.continuous:ContinuousBatching",
        settings=TransformersSettings,
    ),
    "vllm": Choice(
        cls="convoy_services.generation.engines.vllm:Vllm",
        settings=VllmSettings,
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

        Raises ValueError where there is no such engine or setting, one is lacking, or is not what
        the engine takes.
        """
        if engine not in ENGINES:
            told = f"there is no engine {engine!r}"
            raise ValueError(f"{told}; there are: {', '.join(ENGINES)}")
        choice = ENGINES[engine]
        given = {"model": model, **settings}
        check(choice.settings, given, of=f"the engine {engine}", known=("engine",))
        self._model = model
        self._choice = choice
        self._settings = settings

    def absent(self) -> str:
        """Say that the model is not on this machine, and no hub is to be asked."""
        return absent(self._model)

    def load(self) -> None:
        """Start the engine, which generates a first token.

        Raises OSError where the model is not there, ValueError where it is none that the engine
        takes, or a setting does not suit it.
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
