"""The DAG executor: one batch through the hops of a pipeline."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from convoy import Batch, Code, ConvoyError
from convoy.tensor import Index
from convoy_services.mesh.context import RowContext
from convoy_services.mesh.hop import Link, StageRequest
from convoy_services.mesh.plan import HopPlan
from convoy_services.mesh.request import expired
from convoy_services.mesh.table import Table

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
    ) -> Table:
        """Run a batch of input columns; rows named by ``gone`` are dropped before the next hop."""
        table = Table(batch)
        finished: set[str] = set()
        waiting = list(self._hops)
        running: dict[asyncio.Task[None], HopPlan] = {}
        try:
            while waiting or running:
                ready = [hop for hop in waiting if hop.after <= finished]
                waiting = [hop for hop in waiting if hop not in ready]
                if len(ready) == 1 and not running:
                    await self._cross(ready[0], table, rows, model_version, gone)
                    finished.add(ready[0].name)
                    continue
                for hop in ready:
                    crossing = self._cross(hop, table, rows, model_version, gone)
                    running[asyncio.create_task(crossing)] = hop
                done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    finished.add(running.pop(task).name)
                    task.result()
        finally:
            for task in running:
                task.cancel()
        return table

    async def _cross(
        self,
        hop: HopPlan,
        table: Table,
        rows: RowContext,
        model_version: str,
        gone: Callable[[], Index],
    ) -> None:
        """Take the rows that are still wanted over one hop."""
        now = asyncio.get_running_loop().time()
        table.alive[gone()] = False
        late = np.flatnonzero(table.alive & (rows.deadlines <= now))
        if len(late):
            table.fail(late, expired())
        index = np.flatnonzero(table.alive)
        if not len(index):
            return
        if hop.when is None:
            await self._ask(hop, table, rows, index, model_version)
            return
        chosen = table.columns[hop.when].array[index]
        await self._ask(hop, table, rows, index[chosen], model_version)
        table.fill(index[~chosen], hop.columns, hop.fallback)

    async def _ask(
        self, hop: HopPlan, table: Table, rows: RowContext, index: Index, model_version: str
    ) -> None:
        """Send the rows named by ``index``, if any, and put what comes back into the table."""
        if not len(index):
            return
        now = asyncio.get_running_loop().time()
        crossing = rows if len(index) == table.rows else rows.take(index)
        if hop.budget is not None:
            crossing = crossing.until(now + hop.budget)
        request = StageRequest(
            stage=hop.steps[0].stage,
            pipeline=self._pipeline,
            step=hop.name,
            model_version=model_version,
            rows=crossing,
            batch=_outward(hop, table.inputs(hop.consumes, index)),
        )
        try:
            async with asyncio.timeout(hop.budget):
                response = await self._links[hop.link].call(request)
        except TimeoutError:
            late_step = ConvoyError(
                Code.DEADLINE_EXCEEDED, "the step's budget ran out", "BUDGET_EXCEEDED", hop.name
            )
            _miss(hop, table, index, late_step)
            return
        except ConvoyError as error:
            _miss(hop, table, index, error)
            return
        table.reports[hop.name] = response.report
        batch = _homeward(hop, response.batch)
        if not hop.optional:
            table.add(index, batch)
            return
        table.add(
            index, Batch(rows=batch.rows, columns=batch.columns, degradations=batch.degradations)
        )
        for row, reason in batch.failures.items():
            _miss(hop, table, index[row : row + 1], reason)


def _outward(hop: HopPlan, batch: Batch) -> Batch:
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
        degradations=batch.degradations,
    )


def _miss(hop: HopPlan, table: Table, rows: Index, error: ConvoyError) -> None:
    """Fall back for rows that a step did not answer, or let them fail."""
    if hop.optional:
        table.fill(rows, hop.columns, hop.fallback)
        table.degrade(rows, hop.name, error.reason)
    else:
        table.fail(rows, error)
