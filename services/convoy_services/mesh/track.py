"""The way of a pipeline's rows through a streaming stage and those that are placed with it."""

from collections.abc import Mapping
from typing import Protocol

from convoy import Batch, ConvoyError, Tensor
from convoy_services.mesh.increment import Ids, Increment
from convoy_services.mesh.inside import Inside
from convoy_services.mesh.local import LocalStage
from convoy_services.mesh.plan import HopPlan, StagePlan, StepPlan
from convoy_services.mesh.stage import Incremental


class Track(Protocol):
    """What is done with rows before the streaming stage begins with them, and with its results."""

    ahead: Inside | None
    """The steps before the streaming one, if there are any here."""

    def begin(self, ids: Ids, batch: Batch) -> Batch:
        """Take new rows, with what the steps ahead gave; gives the streaming stage's columns."""
        ...

    def advance(self, increment: Increment) -> Increment:
        """Turn the streaming stage's results into what the ingress is told."""
        ...

    def forget(self, ids: Ids) -> None:
        """Let go of rows that have ended."""
        ...


class Alone:
    """The streaming stage by itself."""

    ahead: Inside | None = None

    def __init__(self, stage: StagePlan) -> None:
        """Lead through ``stage``."""
        self._stage = stage

    def begin(self, ids: Ids, batch: Batch) -> Batch:
        """Add what was left out."""
        batch = self._stage.consumes.complete(batch)
        self._stage.consumes.check(batch)
        return batch

    def advance(self, increment: Increment) -> Increment:
        """Give it as it is."""
        return increment

    def forget(self, ids: Ids) -> None:
        """Keep nothing."""


class Together:
    """A hop of several steps: columns are named as the pipeline does."""

    def __init__(
        self,
        pipeline: str,
        hop: HopPlan,
        plans: Mapping[str, StagePlan],
        ahead: Mapping[str, LocalStage],
        behind: Mapping[str, Incremental],
    ) -> None:
        """Lead through the steps of ``hop``; ``ahead`` and ``behind`` are its stages by name."""
        [self._first] = [step for step in hop.steps if step.streaming]
        before = [step for step in hop.steps if step.stage in ahead]
        self.ahead = Inside(pipeline, before, ahead) if before else None
        self._columns = tuple(hop.columns)
        self._alone = Alone(plans[self._first.stage])
        self._behind = [(step, behind[step.stage]) for step in hop.steps if step.stage in behind]
        streamed = (self._first, *(step for step, _ in self._behind))
        self._streamed = {name for step in streamed for name in step.columns}

    def begin(self, ids: Ids, batch: Batch) -> Batch:
        """Hand each incremental stage the columns that do not stream."""
        for step, stage in self._behind:
            taken = {
                theirs: batch[ours]
                for theirs, ours in step.consumes.items()
                if ours not in self._streamed
            }
            for name, column in stage.consumes.items():
                if name not in step.consumes and column.optional:
                    taken[name] = column.repeat(column.default, batch.rows)
            stage.begin(ids, Batch(rows=batch.rows, columns=taken))
        columns = {theirs: batch[ours] for theirs, ours in self._first.consumes.items()}
        return self._alone.begin(ids, Batch(rows=batch.rows, columns=columns))

    def advance(self, increment: Increment) -> Increment:
        """Take the results through each incremental stage."""
        rows, failures = increment.batch.rows, dict(increment.batch.failures)
        table = _named(self._first, increment.batch)
        ended = increment.ended
        for step, stage in self._behind:
            taken = {theirs: table[ours] for theirs, ours in step.consumes.items() if ours in table}
            given = stage.advance(
                Increment(ids=increment.ids, batch=Batch(rows=rows, columns=taken), ended=ended)
            )
            table |= _named(step, given.batch)
            _fail(failures, given.batch.failures)
            ended = ended | given.ended
        batch = Batch(
            rows=rows, columns={name: table[name] for name in self._columns}, failures=failures
        )
        return Increment(ids=increment.ids, batch=batch, ended=ended)

    def forget(self, ids: Ids) -> None:
        """Let every incremental stage forget."""
        for _, stage in self._behind:
            stage.forget(ids)


def _named(step: StepPlan, batch: Batch) -> dict[str, Tensor]:
    """Name a stage's columns as the pipeline does."""
    return {ours: batch[theirs] for theirs, ours in step.produces.items()}


def _fail(failures: dict[int, ConvoyError], more: Mapping[int, ConvoyError]) -> None:
    for row, error in more.items():
        failures.setdefault(row, error)
