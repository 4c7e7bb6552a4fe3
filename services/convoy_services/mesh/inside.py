"""Steps that share a deployment, run there one after another without leaving the process."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from opentelemetry import propagate
from opentelemetry.context import Context

from convoy.tensor import Index
from convoy_services.mesh.executor import NO_ROWS, Executor
from convoy_services.mesh.hop import StageRequest
from convoy_services.mesh.journey import Journey
from convoy_services.mesh.local import LocalStage
from convoy_services.mesh.plan import HopPlan, StepPlan
from convoy_services.mesh.table import Table


class Inside:
    """Takes a hop's batch through some of its steps; columns are named as the pipeline does."""

    def __init__(
        self, pipeline: str, steps: Sequence[StepPlan], stages: Mapping[str, LocalStage]
    ) -> None:
        """Run ``steps`` on ``stages``; what they need of other steps comes with the batch."""
        names = {step.name for step in steps}
        here = [replace(step, after=step.after & names) for step in steps]
        self._executor = Executor(pipeline, [HopPlan.of(step, step.stage) for step in here], stages)

    async def run(
        self, request: StageRequest, gone: Callable[[], Index] = lambda: NO_ROWS
    ) -> tuple[Table, Journey]:
        """Run the steps; rows named by ``gone`` are dropped before the next."""
        journey = Journey(context=propagate.extract(request.trace, Context()))
        table = await self._executor.run(
            request.batch,
            request.rows,
            model_version=request.model_version,
            gone=gone,
            journey=journey,
        )
        return table, journey
