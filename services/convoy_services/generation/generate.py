"""Prompts to tokens, step by step."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from convoy import Batch, ConvoyError, Tensor
from convoy.datatype import DTYPES
from convoy.errors import invalid
from convoy.tensor import ascending
from convoy_services.generation.engines.engine import Engine, Finish, Prompt, StepOutput
from convoy_services.generation.model import reading
from convoy_services.generation.sampling import COLUMNS, Sampling, faults, read
from convoy_services.mesh.column import Column, Columns
from convoy_services.mesh.increment import Ids, Increment
from convoy_services.mesh.stage import Streaming
from convoy_services.mesh.stream_status import StreamStatus
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


class Generate(Streaming):
    """Goes on with prompts: input_ids INT64 [-1] and the columns of ``sampling`` → tokens.

    Each step brings the new tokens of each row: token_ids INT32 [-1], and finish INT32 [], a
    ``Finish``. Where logprobs were asked for, logprob FP32 [-1] has one for each token, and
    likeliest_ids INT32 [-1], likeliest_logprobs FP32 [-1] those of the likeliest of each token in
    turn. prompt_tokens INT32 [] and queue_us INT64 [], microseconds, come with each step.
    """

    consumes = Columns(input_ids=Column("INT64", [-1]), **COLUMNS)
    produces = Columns(
        token_ids=Column("INT32", [-1]),
        finish=Column("INT32"),
        logprob=Column("FP32", [-1]),
        likeliest_ids=Column("INT32", [-1]),
        likeliest_logprobs=Column("FP32", [-1]),
        prompt_tokens=Column("INT32"),
        queue_us=Column("INT64"),
    )
    cpus = 1

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
            self._engine: Engine = engine(
                model=place, threads=max(1, int(self.cpus)), **self._settings
            )
            self._engine.start(self._step)

    def open(self, emit: Callable[[Increment], None]) -> None:
        """Begin; nothing is generated before."""
        self._emit = emit

    def submit(self, ids: Ids, batch: Batch) -> None:
        """Hand rows to the engine; those that are refused, here or there, are emitted as failed."""
        refused: list[StepOutput] = []
        rows = zip(ids.tolist(), batch["input_ids"].tolist(), read(batch), strict=True)
        for id, input_ids, sampling in rows:
            try:
                _check(input_ids, sampling)
                self._engine.submit(Prompt(id=id, input_ids=input_ids, sampling=sampling))
            except ConvoyError as error:
                refused.append(StepOutput(id=id, error=error))
        if refused:
            self._step(refused)

    def status(self) -> StreamStatus:
        """Tell what the engine does."""
        return self._engine.stats()

    def cancel(self, ids: Ids) -> None:
        """Let go of rows, within a step."""
        for id in ids.tolist():
            self._engine.cancel(id)

    def check(self) -> None:
        """Raise RuntimeError where the engine has died."""
        self._engine.check()

    def close(self) -> None:
        """End the engine, and with it every row."""
        self._engine.stop()

    def _step(self, outputs: Sequence[StepOutput]) -> None:
        """Emit what a step brought, in one; from the engine's thread."""
        self._emit(
            Increment(
                ids=np.array([one.id for one in outputs], np.uint64),
                batch=_pack(outputs),
                ended=np.array([one.finish != Finish.NONE for one in outputs], np.bool_),
            )
        )


def _pack(outputs: Sequence[StepOutput]) -> Batch:
    """Lay a step's outputs out as columns."""
    likely = [one.likely for one in outputs]
    likeliest = [[pair for token in one for pair in token.likeliest] for one in likely]
    return Generate.produces.pack(
        rows=len(outputs),
        failures={n: one.error for n, one in enumerate(outputs) if one.error},
        token_ids=_ragged("token_ids", [one.token_ids for one in outputs]),
        finish=np.array([one.finish for one in outputs], np.int32),
        logprob=_ragged("logprob", [[token.logprob for token in one] for one in likely]),
        likeliest_ids=_ragged("likeliest_ids", [[token for token, _ in one] for one in likeliest]),
        likeliest_logprobs=_ragged(
            "likeliest_logprobs", [[logprob for _, logprob in one] for one in likeliest]
        ),
        prompt_tokens=np.array([one.prompt_tokens for one in outputs], np.int32),
        queue_us=np.array([one.queue_s * 1e6 for one in outputs], np.int64),
    )


def _ragged(name: str, rows: Sequence[Sequence[float]]) -> Tensor:
    """Lay rows end to end: as Tensor.pack, without its checks, which cost more than a step has."""
    column = Generate.produces[name]
    if not any(rows):
        return Tensor.zeros(len(rows), column.datatype, column.shape)
    return Tensor(
        datatype=column.datatype,
        rows=len(rows),
        shape=column.shape,
        data=np.array([value for row in rows for value in row], DTYPES[column.datatype]),
        splits=ascending([len(row) for row in rows]),
    )


def _check(input_ids: Sequence[int], sampling: Sampling) -> None:
    """Refuse what no engine takes: rows may come from callers of the pipeline itself."""
    if not input_ids:
        raise invalid("input_ids", "there is no token in it")
    if found := faults(sampling):
        raise invalid(found[0].field, found[0].description, *found[1:])
