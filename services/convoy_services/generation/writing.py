"""What stages have in common that an engine stands behind: rows to tokens, step by step."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from convoy import Batch, ConvoyError, Tensor
from convoy.datatype import DTYPES
from convoy.errors import invalid
from convoy.tensor import ascending
from convoy_services.generation.engines.engine import Engine, Finish, Prompt, StepOutput
from convoy_services.generation.sampling import Sampling, faults, read
from convoy_services.mesh.column import Column, Columns
from convoy_services.mesh.increment import Ids, Increment
from convoy_services.mesh.stage import Streaming
from convoy_services.mesh.stream_status import StreamStatus


class Writing(Streaming):
    """Goes on with what each row asks for, and the columns of ``sampling`` → tokens.

    Each step brings the new tokens of each row: token_ids INT32 [-1], and finish INT32 [], a
    ``Finish``. Where logprobs were asked for, logprob FP32 [-1] has one for each token, and
    likeliest_ids INT32 [-1], likeliest_logprobs FP32 [-1] those of the likeliest of each token in
    turn. prompt_tokens INT32 [] and queue_us INT64 [], microseconds, come with each step.
    """

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
    _engine: Engine
    """Started by ``load``, with ``_step``."""

    @abstractmethod
    def inputs(self, batch: Batch) -> Sequence[Any]:
        """Take a batch apart: what ``prompt`` is given of each row."""

    @abstractmethod
    def prompt(self, id: int, inputs: Any, sampling: Sampling) -> Prompt:
        """Give what the engine is asked for a row; raises ConvoyError for one that is refused."""

    def open(self, emit: Callable[[Increment], None]) -> None:
        """Begin; nothing is generated before."""
        self._emit = emit

    def submit(self, ids: Ids, batch: Batch) -> None:
        """Hand rows to the engine; those that are refused, here or there, are emitted as failed."""
        refused: list[StepOutput] = []
        rows = zip(ids.tolist(), self.inputs(batch), read(batch), strict=True)
        for id, inputs, sampling in rows:
            try:
                if found := faults(sampling):  # a pipeline's own callers are not checked before
                    raise invalid(found[0].field, found[0].description, *found[1:])
                self._engine.submit(self.prompt(id, inputs, sampling))
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
    return Writing.produces.pack(
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
    column = Writing.produces[name]
    if not any(rows):
        return Tensor.zeros(len(rows), column.datatype, column.shape)
    return Tensor(
        datatype=column.datatype,
        rows=len(rows),
        shape=column.shape,
        data=np.array([value for row in rows for value in row], DTYPES[column.datatype]),
        splits=ascending([len(row) for row in rows]),
    )
