"""A stage in this process."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module

import numpy as np

from convoy_services.mesh.bisect import Bisection
from convoy_services.mesh.hop import StageRequest, StageResponse
from convoy_services.mesh.job import Job
from convoy_services.mesh.plan import StagePlan
from convoy_services.mesh.pool import Pool
from convoy_services.mesh.stage import Divisible, Stage
from convoy_services.mesh.trace import compute_spans


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

    ready = True

    def __init__(self, plan: StagePlan, compute: ThreadPoolExecutor) -> None:
        """Make the stage; ``compute`` is the thread that all stages of the host share."""
        self.plan = plan
        self._stage = stage_class(plan.cls)(**plan.settings)
        self._stage.cpus, self._stage.gpus = plan.cpus, plan.gpus
        self._bisection = Bisection(
            plan.name, self._stage.process, plan.produces, retry=plan.idempotent
        )
        cut = self._stage.cut if isinstance(self._stage, Divisible) else None
        self._pool = Pool(self._bisection, compute, cut) if plan.offload else None

    def load(self) -> None:
        """Make the stage ready."""
        self._stage.load()
        self._stage.warm()

    def close(self) -> None:
        """Let go of what the stage holds."""
        self._stage.close()

    def check(self) -> None:
        """Raise TimeoutError where a computation takes longer than any should."""
        if self._pool and self._pool.busy > self.plan.hangs_after:
            raise TimeoutError(f"stage {self.plan.name} hangs: {self._pool.busy:.0f} s")

    async def call(self, request: StageRequest) -> StageResponse:
        """Run the stage on the rows whose deadline has not passed."""
        batch = self.plan.consumes.complete(request.batch)
        self.plan.consumes.check(batch)
        job = Job(batch, request.rows, self.plan.produces)
        if self._pool:
            await self._pool.run(job)
        else:
            self._finish(job)
        compute_spans(request.trace, self.plan.name, job.computed)
        return job.response()

    def _finish(self, job: Job) -> None:
        """Do the whole job on the event loop."""
        job.drop_late(asyncio.get_running_loop().time())
        if rows := len(job.left):
            started = time.perf_counter()
            result, splits = self._bisection.run(job.waiting)
            seconds = time.perf_counter() - started
            job.add(np.arange(rows), result, seconds=seconds, of=rows, splits=splits)
