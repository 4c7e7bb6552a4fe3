"""The DAG executor: one batch through the hops of a pipeline."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from convoy import Batch, Code, ConvoyError
from convoy.tensor import Index
from convoy_services.mesh.context import RowContext
from convoy_services.mesh.hop import Link, StageRequest, StageResponse
from convoy_services.mesh.journey import Crossing, Journey
from convoy_services.mesh.plan import HopPlan
from convoy_services.mesh.request import expired
from convoy_services.mesh.table import Table
from convoy_services.mesh.trace import hop_span

GIVEN_UP = "GIVEN_UP"
"""Why a hop ends of which nobody wants the answer any more."""

NO_ROWS: Index = np.empty(0, np.int64)


class Executor:
    """Takes batches through hops: each starts as soon as those that it depends on are done."""

    def __init__(
        self,
        pipeline: str,
        hops: Sequence[HopPlan],
        links: Mapping[str, Link],
    ) -> None:
        """Run ``hops`` over ``links``."""
        self._pipeline = pipeline
        self._hops = tuple(hops)
        self._links = links

    async def run(
        self,
        batch: Batch,
        rows: RowContext,
        *,
        model_version: str = "",
        gone: Callable[[], Index] = lambda: NO_ROWS,
        journey: Journey,
    ) -> Table:
        """Run a batch of input columns; rows named by ``gone`` are dropped before the next hop.

        What becomes of it is noted in ``journey``.
        """
        flight = _Flight(
            self._pipeline, self._links, Table(batch), rows, model_version, gone, journey
        )
        finished: set[str] = set()
        waiting = list(self._hops)
        running: dict[asyncio.Task[None], HopPlan] = {}
        try:
            while waiting or running:
                ready = [hop for hop in waiting if hop.after <= finished]
                waiting = [hop for hop in waiting if hop not in ready]
                if len(ready) == 1 and not running:
                    await flight.cross(ready[0])
                    finished.add(ready[0].name)
                    continue
                for hop in ready:
                    running[asyncio.create_task(flight.cross(hop))] = hop
                done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    finished.add(running.pop(task).name)
                    task.result()
        finally:
            for task in running:
                task.cancel()
        return flight.table


@dataclass(frozen=True, slots=True)
class _Flight:
    """One batch on its way."""

    pipeline: str
    links: Mapping[str, Link]
    table: Table
    rows: RowContext
    model_version: str
    gone: Callable[[], Index]
    journey: Journey

    async def cross(self, hop: HopPlan) -> None:
        """Take the rows that are still wanted over one hop."""
        self._drop()
        index = np.flatnonzero(self.table.alive)
        if not len(index):
            return
        if hop.when is None:
            await self._ask(hop, index)
            return
        chosen = self.table.columns[hop.when].array[index]
        await self._ask(hop, index[chosen])
        self.table.fill(index[~chosen], hop.columns, hop.fallback)

    def _drop(self) -> None:
        """Drop rows that nobody waits for; those fail whose deadline has passed."""
        alive = self.table.alive
        gone = self.gone()
        self.journey.cancelled += int(alive[gone].sum())
        alive[gone] = False
        late = np.flatnonzero(alive & (self.rows.deadlines <= asyncio.get_running_loop().time()))
        if len(late):
            self.journey.late += len(late)
            self.table.fail(late, expired())

    async def _ask(self, hop: HopPlan, index: Index) -> None:
        """Send the rows named by ``index``, if any, and put what comes back into the table."""
        now = asyncio.get_running_loop().time()
        until = np.inf if hop.budget is None else now + hop.budget
        crossing = Crossing(hop=hop.name, rows=len(index), began=time.monotonic())
        self.journey.crossings.append(crossing)
        with hop_span(self.journey.context, hop, crossing) as headers:
            try:
                async with asyncio.timeout(hop.budget):
                    try:
                        response = await self._send(hop, index, until, crossing, headers)
                    except ConvoyError as error:
                        if error.code is not Code.UNAVAILABLE or not hop.idempotent:
                            raise
                        # No replica answered. Once more, with the rows that are still wanted.
                        self._drop()
                        index = index[self.table.alive[index]]
                        crossing.sent_again += len(index)
                        response = await self._send(hop, index, until, crossing, headers)
            except TimeoutError:
                late_step = ConvoyError(
                    Code.DEADLINE_EXCEEDED, "the step's budget ran out", "BUDGET_EXCEEDED", hop.name
                )
                self._miss(hop, index, late_step, crossing)
                crossing.error = late_step.reason
            except ConvoyError as error:
                self._miss(hop, index, error, crossing)
                crossing.error = error.reason
            except asyncio.CancelledError:
                crossing.error = GIVEN_UP
                raise
            else:
                if response is not None:
                    self._take(hop, index, response, crossing)
            finally:
                crossing.ended = time.monotonic()

    async def _send(
        self, hop: HopPlan, index: Index, until: float, crossing: Crossing, trace: Mapping[str, str]
    ) -> StageResponse | None:
        if not len(index):
            return None
        whole = len(index) == self.table.rows
        request = StageRequest(
            stage=hop.steps[0].stage,
            pipeline=self.pipeline,
            step=hop.name,
            model_version=self.model_version,
            trace=trace,
            rows=(self.rows if whole else self.rows.take(index)).until(until),
            batch=outward(hop, self.table.inputs(hop.consumes, index)),
        )
        crossing.orphans += len(np.intersect1d(index, self.gone()))
        return await self.links[hop.link].call(request)

    def _take(
        self, hop: HopPlan, index: Index, response: StageResponse, crossing: Crossing
    ) -> None:
        crossing.report, crossing.carriage = response.report, response.carriage
        batch = _homeward(hop, response.batch)
        for d in batch.degradations:
            crossing.fell_back[d.reason] += len(d.rows)
        if not hop.optional:
            self.table.add(index, batch)
            return
        self.table.add(
            index, Batch(rows=batch.rows, columns=batch.columns, degradations=batch.degradations)
        )
        for row, reason in batch.failures.items():
            self._miss(hop, index[row : row + 1], reason, crossing)

    def _miss(self, hop: HopPlan, rows: Index, error: ConvoyError, crossing: Crossing) -> None:
        """Fall back for rows that a step did not answer, or let them fail."""
        if hop.optional:
            crossing.fell_back[error.reason] += len(rows)
            self.table.fill(rows, hop.columns, hop.fallback)
            self.table.degrade(rows, hop.name, error.reason)
        else:
            self.table.fail(rows, error)


def outward(hop: HopPlan, batch: Batch) -> Batch:
    """Name the columns as the stage does; steps that share a hop are named by the host."""
    if len(hop.steps) > 1:
        return batch
    columns = {theirs: batch.columns[ours] for theirs, ours in hop.steps[0].consumes.items()}
    return Batch(rows=batch.rows, columns=columns)


def _homeward(hop: HopPlan, batch: Batch) -> Batch:
    """Name the columns as the pipeline does, and keep only those that it uses."""
    names = {ours: theirs for step in hop.steps for theirs, ours in step.produces.items()}
    if len(hop.steps) > 1:
        names = {name: name for name in hop.columns}
    return Batch(
        rows=batch.rows,
        columns={ours: batch.columns[theirs] for ours, theirs in names.items()},
        failures=batch.failures,
        degradations=tuple(replace(d, step=d.step or hop.name) for d in batch.degradations),
    )
