"""What waits in a replica: the parts that it is computed in, and whose rows are in them."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convoy import Batch, Code
from convoy.tensor import Index
from convoy_services.mesh.bisect import Bisection
from convoy_services.mesh.column import Column, Columns
from convoy_services.mesh.context import BACKGROUND, NORMAL, URGENT, RowContext
from convoy_services.mesh.hop import StageResponse
from convoy_services.mesh.job import Job
from convoy_services.mesh.pool import Cut, Pool
from tests.unit.mesh.hosted import numbers
from tests.unit.mesh.virtual_time import VirtualTimeLoop, simulate

PRODUCES = Columns(y=Column("INT64"))


class Inline(Executor):
    """Computes at once, where it is asked to."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as exc:
            future.set_exception(exc)
        return future


class Tenfold:
    """Multiplies by ten, a second a part, and notes the parts."""

    def __init__(self, bad: int | None = None) -> None:
        self.parts: list[list[int]] = []
        self._bad = bad

    def process(self, batch: Batch) -> Batch:
        x = batch["x"].array
        self.parts.append(x.tolist())
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        loop.jump(1.0)
        if self._bad in self.parts[-1]:
            raise RuntimeError("bad")
        return PRODUCES.pack(rows=batch.rows, y=x * 10)

    def pool(self, cut: Cut | None) -> Pool:
        return Pool(Bisection("s", self.process, PRODUCES, retry=True), Inline(), cut)


def pairs(batch: Batch) -> list[Index]:
    """Put the two smallest together, then the next two."""
    order = np.argsort(batch["x"].array, kind="stable")
    return [order[i : i + 2] for i in range(0, len(order), 2)]


def job(*values: int, priority: int = NORMAL, deadline: float = 1e6) -> Job:
    rows = RowContext(
        ids=np.arange(len(values), dtype=np.uint64),
        deadlines=np.full(len(values), deadline),
        priorities=np.full(len(values), priority, np.uint8),
    )
    return Job(numbers(*values), rows, PRODUCES)


async def run(pool: Pool, *jobs: Job) -> list[StageResponse]:
    async with asyncio.timeout(3600):
        await asyncio.gather(*(pool.run(job) for job in jobs))
    return [job.response() for job in jobs]


def test_without_a_cut_batches_are_computed_as_they_came() -> None:
    stage = Tenfold()
    simulate(run(stage.pool(None), job(3, 1), job(2)))
    assert stage.parts == [[3, 1], [2]]


def test_rows_that_go_well_together_meet_whichever_batch_brought_them() -> None:
    stage = Tenfold()
    found = simulate(run(stage.pool(pairs), job(1, 8), job(2, 9)))
    assert stage.parts == [[1, 2], [8, 9]]
    assert [r.batch["y"].tolist() for r in found] == [[10, 80], [20, 90]]


@given(st.lists(st.lists(st.integers(-99, 99), min_size=1, max_size=9), min_size=1, max_size=5))
def test_every_row_is_computed_once_and_comes_back_in_its_place(given: list[list[int]]) -> None:
    stage = Tenfold()
    found = simulate(run(stage.pool(pairs), *(job(*values) for values in given)))
    assert [r.batch["y"].tolist() for r in found] == [[10 * x for x in xs] for xs in given]
    assert sorted(x for part in stage.parts for x in part) == sorted(x for xs in given for x in xs)


@pytest.mark.parametrize("cut", [None, pairs])
def test_the_most_urgent_come_first_then_the_oldest(cut: Cut | None) -> None:
    stage = Tenfold()
    jobs = (job(1, 2), job(11, 12, priority=BACKGROUND), job(21, 22, priority=URGENT), job(31, 32))
    simulate(run(stage.pool(cut), *jobs))
    assert stage.parts == [[21, 22], [1, 2], [31, 32], [11, 12]]


def test_rows_whose_deadline_passes_between_two_parts_are_not_computed() -> None:
    stage = Tenfold()
    (found,) = simulate(run(stage.pool(pairs), job(1, 2, 3, 4, 5, 6, deadline=1.5)))
    assert stage.parts == [[1, 2], [3, 4]]
    assert {row: e.code for row, e in found.batch.failures.items()} == {
        4: Code.DEADLINE_EXCEEDED,
        5: Code.DEADLINE_EXCEEDED,
    }
    assert found.report.expired == 2
    assert found.batch["y"].tolist()[:4] == [10, 20, 30, 40]


@pytest.mark.parametrize("cut", [None, pairs])
def test_what_is_left_of_a_cancelled_batch_is_not_computed(cut: Cut | None) -> None:
    stage = Tenfold()

    async def scenario() -> list[Any]:
        pool = stage.pool(cut)
        kept = job(5, 6)
        running = asyncio.create_task(run(pool, kept))
        cancelled = asyncio.create_task(run(pool, job(1, 2, 3, 4)))
        await asyncio.sleep(0)
        cancelled.cancel()
        return [r.batch["y"].tolist() for r in await running]

    assert simulate(scenario()) == [[50, 60]]
    assert stage.parts == [[5, 6]]


def test_a_bad_row_fails_alone_in_whatever_part_it_is() -> None:
    stage = Tenfold(bad=2)
    first, second = simulate(run(stage.pool(pairs), job(1, 8), job(2, 9)))
    assert not first.batch.failures
    assert first.batch["y"].tolist() == [10, 80]
    assert {row: e.code for row, e in second.batch.failures.items()} == {0: Code.INTERNAL}
    assert second.batch["y"].tolist()[1] == 90
    assert first.report.bisections == second.report.bisections == 1


def test_each_batch_is_told_its_share_of_the_time() -> None:
    stage = Tenfold()
    long, short = simulate(run(stage.pool(pairs), job(1, 2, 3), job(4)))
    assert 0 < short.report.compute_us < long.report.compute_us


def test_a_cut_that_raises_fails_what_waits_and_nothing_later() -> None:
    calls = 0

    def once(batch: Batch) -> Sequence[Index]:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise RuntimeError("cut")
        return pairs(batch)

    stage = Tenfold()

    async def scenario() -> list[Any]:
        pool = stage.pool(once)
        with pytest.raises(RuntimeError, match="cut"):
            await run(pool, job(1))
        return [r.batch["y"].tolist() for r in await run(pool, job(2))]

    assert simulate(scenario()) == [[20]]


def test_the_time_of_the_part_under_way_is_known() -> None:
    began, goes_on = threading.Event(), threading.Event()

    def process(batch: Batch) -> Batch:
        began.set()
        assert goes_on.wait(30)
        return PRODUCES.pack(rows=batch.rows, y=batch["x"].array)

    async def scenario() -> tuple[float, float, float]:
        with ThreadPoolExecutor(1) as compute:
            pool = Pool(Bisection("s", process, PRODUCES, retry=True), compute, None)
            idle = pool.busy
            running = asyncio.create_task(run(pool, job(1, deadline=1e12)))
            await asyncio.to_thread(began.wait, 30)
            busy = pool.busy
            goes_on.set()
            await running
            return idle, busy, pool.busy

    idle, busy, after = asyncio.run(scenario())
    assert idle == after == 0
    assert busy > 0
