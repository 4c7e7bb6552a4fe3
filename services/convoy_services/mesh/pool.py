"""What waits in a replica for one stage, and in which parts it is computed."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor

import numpy as np

from convoy import Batch
from convoy.tensor import Index
from convoy_services.mesh.bisect import Bisection
from convoy_services.mesh.job import Job

Cut = Callable[[Batch], Sequence[Index]]
"""Cuts a batch into the parts, each an array of its rows, that are best computed together."""


class Pool:
    """Runs a stage in the compute thread, the most urgent rows first, then those that came first.

    Without ``cut`` a batch is computed as it came. With it, the rows of all batches that wait are
    cut anew before each part: rows that go well together meet there, whichever batch brought them,
    and between two parts rows that are late or cancelled leave and urgent ones come first. This is
    the iteration-level scheduling of Orca (Yu et al., OSDI 2022), with parts for iterations.
    """

    def __init__(self, bisection: Bisection, compute: Executor, cut: Cut | None) -> None:
        """Compute in the one thread of ``compute``."""
        self._bisection = bisection
        self._compute = compute
        self._cut = cut
        self._waiting: dict[Job, asyncio.Future[None]] = {}
        self._worker: asyncio.Task[None] | None = None
        self._since: float | None = None

    @property
    def busy(self) -> float:
        """For how many seconds the part that is being computed has been."""
        return 0.0 if self._since is None else time.monotonic() - self._since

    async def run(self, job: Job) -> None:
        """Wait until every row of a job is done; when cancelled, what is left of it is not."""
        done = self._waiting[job] = asyncio.get_running_loop().create_future()
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())
        try:
            await done
        finally:
            self._waiting.pop(job, None)

    async def _work(self) -> None:
        try:
            while jobs := self._ready():
                chosen = jobs if self._cut else [max(jobs, key=lambda job: job.urgency.max())]
                try:
                    await self._step(chosen)
                except Exception as exc:
                    for job in chosen:
                        self._settle(job, exc)
        finally:
            self._worker = None

    def _ready(self) -> list[Job]:
        """Let late rows and finished jobs leave, and give the jobs that remain, oldest first."""
        now = asyncio.get_running_loop().time()
        for job in list(self._waiting):
            job.drop_late(now)
            if not len(job.left):
                self._settle(job, None)
        return list(self._waiting)

    def _settle(self, job: Job, exc: Exception | None) -> None:
        done = self._waiting.pop(job, None)
        if done is None or done.done():
            return
        if exc is None:
            done.set_result(None)
        else:
            done.set_exception(exc)

    async def _step(self, jobs: list[Job]) -> None:
        """Compute one part of what waits and hand each job its rows."""
        urgencies = [job.urgency for job in jobs]
        first = int(np.concatenate(urgencies).argmax())
        batches = [job.waiting for job in jobs]
        loop = asyncio.get_running_loop()
        part, result, splits, seconds = await loop.run_in_executor(
            self._compute, self._part, batches, first
        )
        start = 0
        for job, urgency in zip(jobs, urgencies, strict=True):
            left, right = np.searchsorted(part, (start, start + len(urgency))).tolist()
            if left < right:
                job.add(
                    part[left:right] - start,
                    result.slice(left, right),
                    seconds=seconds,
                    of=len(part),
                    splits=splits,
                )
            start += len(urgency)

    def _part(self, batches: list[Batch], first: int) -> tuple[Index, Batch, int, float]:
        """Compute the part that row ``first`` is in: its rows, their results, splits, seconds."""
        self._since = started = time.monotonic()
        try:
            batch = Batch.concat(batches)
            part = np.arange(batch.rows)
            if self._cut:
                part = np.sort(next(rows for rows in self._cut(batch) if first in rows))
                batch = batch if len(part) == batch.rows else batch.take(part)
            result, splits = self._bisection.run(batch)
            return part, result, splits, time.monotonic() - started
        finally:
            self._since = None
