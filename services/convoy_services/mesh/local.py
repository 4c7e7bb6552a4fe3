"""A stage in this process."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Any

import numpy as np

from convoy import Batch
from convoy_services.mesh.bisect import Bisection, blank
from convoy_services.mesh.context import RowContext
from convoy_services.mesh.hop import StageReport, StageRequest, StageResponse
from convoy_services.mesh.plan import StagePlan
from convoy_services.mesh.request import expired
from convoy_services.mesh.stage import Stage


def stage_class(path: str) -> type[Stage]:
    """Import the class named ``module:name``.

    Raises ImportError or AttributeError where there is none, TypeError where it is no stage.
    """
    module, _, name = path.partition(":")
    cls = getattr(import_module(module), name)
    if not (isinstance(cls, type) and issubclass(cls, Stage)):
        raise TypeError(f"{path} is not a Stage")
    return cls


class LocalStage:
    """Runs one stage here: the link of a deployment's host to its own stages."""

    def __init__(self, plan: StagePlan, compute: ThreadPoolExecutor) -> None:
        """Make the stage; ``compute`` is the thread that all stages of the host share."""
        self.plan = plan
        self._stage = stage_class(plan.cls)(**plan.settings)
        self._stage.cpus, self._stage.gpus = plan.cpus, plan.gpus
        self._compute = compute
        self._bisection = Bisection(
            plan.name, self._stage.process, plan.produces, retry=plan.idempotent
        )

    def load(self) -> None:
        """Make the stage ready."""
        self._stage.load()
        self._stage.warm()

    def close(self) -> None:
        """Let go of what the stage holds."""
        self._stage.close()

    async def call(self, request: StageRequest) -> StageResponse:
        """Run the stage on the rows whose deadline has not passed."""
        batch = self.plan.consumes.complete(request.batch)
        self.plan.consumes.check(batch)
        arrived = time.perf_counter()
        loop = asyncio.get_running_loop()
        if not self.plan.offload:
            return self._work(batch, request.rows, arrived, loop.time)
        return await loop.run_in_executor(
            self._compute, self._work, batch, request.rows, arrived, loop.time
        )

    def _work(
        self, batch: Batch, rows: RowContext, arrived: float, clock: Callable[[], float]
    ) -> StageResponse:
        started = time.perf_counter()
        late = rows.deadlines <= clock()
        index: Any = None
        if late.any():
            index = np.flatnonzero(~late)
            batch = batch.take(index)
        result, splits = self._bisection.run(batch) if batch.rows else (None, 0)
        if index is not None:
            result = self._with_late(result, index, np.flatnonzero(late))
        assert result is not None
        return StageResponse(
            batch=result,
            report=StageReport(
                queue_us=round((started - arrived) * 1e6),
                compute_us=round((time.perf_counter() - started) * 1e6),
                expired=int(late.sum()),
                bisections=splits,
            ),
        )

    def _with_late(self, result: Batch | None, index: Any, late: Any) -> Batch:
        rows = len(index) + len(late)
        failures = dict.fromkeys(late.tolist(), expired())
        if result is None:
            return blank(rows, self.plan.produces, failures)
        full = result.spread(index, rows)
        return Batch(rows=rows, columns=full.columns, failures={**full.failures, **failures})
