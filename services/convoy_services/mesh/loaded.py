"""A stage with what it has loaded: one version of its model, where that has versions."""

import asyncio
import time
from concurrent.futures import Executor
from importlib import import_module

import numpy as np

from convoy_services.mesh.bisect import Bisection
from convoy_services.mesh.job import Job
from convoy_services.mesh.plan import StagePlan
from convoy_services.mesh.pool import Pool
from convoy_services.mesh.stage import Divisible, Stage


def stage_class(path: str) -> type[Stage]:
    """Import the class named ``module:name``.

    Raises ImportError or AttributeError where there is none, TypeError where it is no stage.
    """
    module, _, name = path.partition(":")
    cls = getattr(import_module(module), name)
    if not (isinstance(cls, type) and issubclass(cls, Stage)):
        raise TypeError(f"{path} is not a Stage")
    return cls


class LoadedStage:
    """Runs the jobs of one stage."""

    def __init__(self, plan: StagePlan, version: str, compute: Executor) -> None:
        """Make the stage; its jobs are computed in the one thread of ``compute``."""
        self._stage = stage_class(plan.cls)(**plan.settings)
        self._stage.cpus, self._stage.gpus = plan.cpus, plan.gpus
        if plan.repository:
            self._stage.folder = plan.repository / version
        self._bisection = Bisection(
            plan.name, self._stage.process, plan.produces, retry=plan.idempotent
        )
        cut = self._stage.cut if isinstance(self._stage, Divisible) else None
        self._pool = Pool(self._bisection, compute, cut) if plan.offload else None
        self.used = time.monotonic()
        """When it was last given a job."""

    def load(self) -> None:
        """Make the stage ready."""
        self._stage.load()
        self._stage.warm()

    def close(self) -> None:
        """Let go of what the stage holds."""
        self._stage.close()

    @property
    def busy(self) -> float:
        """For how many seconds the part that is being computed has been."""
        return self._pool.busy if self._pool else 0.0

    async def run(self, job: Job) -> None:
        """Do every row of a job whose deadline has not passed."""
        self.used = time.monotonic()
        if self._pool:
            await self._pool.run(job)
            return
        job.drop_late(asyncio.get_running_loop().time())
        if rows := len(job.left):
            started = time.perf_counter()
            result, splits = self._bisection.run(job.waiting)
            seconds = time.perf_counter() - started
            job.add(np.arange(rows), result, seconds=seconds, of=rows, splits=splits)
