"""Ten times more than the mesh can do, in virtual time: what is refused, answered and when."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field

import pytest

from convoy import Batch, Code, ConvoyError
from convoy_services.mesh.context import BACKGROUND, NORMAL, URGENT
from convoy_services.mesh.hop import StageRequest, StageResponse
from convoy_services.mesh.mesh import Mesh
from convoy_services.mesh.pace import BRIEF
from convoy_services.mesh.plan import Limits
from tests.unit.mesh.simulator import Stage, ask, chain, rows
from tests.unit.mesh.virtual_time import simulate

CAPACITY = 100.0
"""Rows a second that the slowest stage can do."""
SECONDS = 8.0
DEADLINE = 1.0
STARTED = 8.0
OVERHEAD = 0.1
"""Seconds that a batch takes, however small it is."""


@dataclass
class Seen:
    answered: int = 0
    latencies: list[float] = field(default_factory=list)
    codes: Counter[Code] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    retry_after: list[float] = field(default_factory=list)
    most_rows: int = 0


async def offer(mesh: Mesh, rate: float, seen: Seen, priority: int = NORMAL) -> None:
    """Send rows one by one at random times, whether or not earlier ones are answered."""
    loop = asyncio.get_running_loop()
    chance = random.Random(7)
    queue = mesh.pipeline("chain")._queue

    async def one() -> None:
        began = loop.time()
        try:
            result = await ask(mesh, rows(1), DEADLINE, priority)
        except ConvoyError as error:
            seen.codes[error.code] += 1
            seen.reasons[error.reason] += 1
            if error.retry_after is not None:
                seen.retry_after.append(error.retry_after)
            return
        assert not result.failures
        seen.answered += 1
        seen.latencies.append(loop.time() - began)

    tasks = set()
    while loop.time() < SECONDS:
        await asyncio.sleep(chance.expovariate(rate))
        tasks.add(asyncio.create_task(one()))
        seen.most_rows = max(seen.most_rows, queue.rows)
    await asyncio.gather(*tasks)


def stages(replicas: int = 1) -> dict[str, Stage]:
    return {
        "tokenize": Stage(lambda _: 0.0005),
        "encode": Stage(lambda _: replicas / CAPACITY, replicas),
        "normalize": Stage(lambda _: 0.0005),
    }


@pytest.mark.parametrize("limits", [Limits(), Limits(rows=50), Limits(batch_rows=8)])
@pytest.mark.parametrize("replicas", [1, 3])
def test_what_is_admitted_is_answered_in_time_and_the_mesh_stays_busy(
    limits: Limits, replicas: int
) -> None:
    seen = Seen()

    async def scenario() -> None:
        await offer(chain(stages(replicas), limits), 10 * CAPACITY, seen)

    simulate(scenario())
    assert seen.answered >= 0.9 * CAPACITY * SECONDS
    assert sorted(seen.latencies)[int(0.99 * len(seen.latencies))] <= DEADLINE
    refused = seen.codes[Code.RESOURCE_EXHAUSTED]
    # Until it is known what the stage can do, rows are let in that are then too late.
    assert seen.codes[Code.DEADLINE_EXCEEDED] <= 10 * CAPACITY * DEADLINE
    assert len(seen.retry_after) == refused
    assert all(0 < seconds <= max(1.0, seen.most_rows / CAPACITY) for seconds in seen.retry_after)
    assert seen.most_rows <= limits.rows


async def beside(stage: Stage, load: float) -> tuple[Seen, Seen]:
    """Send urgent rows at a tenth of the capacity, and others at ``load`` times it."""
    mesh = chain(stages() | {"encode": stage}, Limits(rows=200))
    urgent, others = Seen(), Seen()
    offers = [offer(mesh, 0.1 * CAPACITY, urgent, URGENT)]
    if load:
        offers += [
            offer(mesh, load / 2 * CAPACITY, others, NORMAL),
            offer(mesh, load / 2 * CAPACITY, others, BACKGROUND),
        ]
    await asyncio.gather(*offers)
    return urgent, others


def p50(seen: Seen) -> float:
    return sorted(seen.latencies)[len(seen.latencies) // 2]


def test_urgent_rows_keep_their_latency_under_overload() -> None:
    (alone, _), (loaded, others) = (
        simulate(beside(Stage(lambda _: 1 / CAPACITY), load)) for load in (0, 10)
    )
    assert not loaded.codes
    assert loaded.answered == alone.answered
    # What they wait for is the rest of the batch that is under way.
    assert p50(loaded) <= p50(alone) + BRIEF
    assert others.answered >= 0.75 * CAPACITY * SECONDS


def test_batches_are_not_made_small_for_the_urgent_where_that_makes_them_no_faster() -> None:
    urgent, others = simulate(beside(Stage(lambda _: 1e-4, overhead=OVERHEAD), 10))
    assert not urgent.codes
    assert p50(urgent) <= 4 * OVERHEAD
    assert others.answered >= 6 * CAPACITY * SECONDS


def test_a_stage_whose_batches_cost_as_much_for_one_row_as_for_many_stays_busy() -> None:
    """It answered a hundredth of what it could: small batches made it seem slow, and kept small."""
    seen = Seen()

    async def scenario() -> None:
        stage = Stage(lambda _: 1e-3, overhead=OVERHEAD)
        await offer(chain(stages() | {"encode": stage}), 10 * CAPACITY, seen)

    simulate(scenario())
    # With a deadline so near, batches of about a quarter of it are what can be in time.
    rows = (DEADLINE / 4 - OVERHEAD) / 1e-3
    assert seen.answered >= 0.6 * SECONDS * rows / (DEADLINE / 4)


def test_after_the_overload_everything_is_admitted_again() -> None:
    async def scenario() -> Seen:
        mesh = chain(stages())
        await offer(mesh, 10 * CAPACITY, Seen())
        await mesh.pipeline("chain")._batcher.drain()
        seen = Seen()
        for _ in range(20):
            await ask(mesh, rows(1), DEADLINE)
            seen.answered += 1
        return seen

    assert simulate(scenario()).answered == 20


class SlowStart(Stage):
    """Answers nothing for a while, as long as its replica starts."""

    async def call(self, request: StageRequest) -> StageResponse:
        await asyncio.sleep(max(0.0, STARTED - asyncio.get_running_loop().time()))
        return await super().call(request)


def test_nothing_is_refused_for_a_slow_start() -> None:
    """A new ingress took what waited for its first batches for all that the pipeline can do."""

    seen = Seen()

    async def scenario() -> None:
        slow = SlowStart(lambda _: 1e-5, overhead=1e-3)
        mesh = chain(stages() | {"encode": slow})
        loop = asyncio.get_running_loop()

        async def again(batch: Batch) -> None:
            while loop.time() < STARTED + 1:
                await ask(mesh, batch, 20)
                seen.answered += 1

        await asyncio.gather(*(again(rows(n)) for n in range(16)), again(rows(*range(500))))

    simulate(scenario())
    assert seen.answered > 20
