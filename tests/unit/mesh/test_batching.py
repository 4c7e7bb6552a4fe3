"""The bet of design.md §1, without a cluster: batches that nobody times keep replicas busy."""

import asyncio

import pytest

from convoy_services.mesh.context import NORMAL, URGENT
from tests.unit.mesh.simulator import Stage, ask, chain, rows
from tests.unit.mesh.virtual_time import simulate

CLIENTS = 64
SLOW = 7
"""The number of the row that is slow."""


@pytest.mark.parametrize("replicas", [1, 2, 3, 4])
def test_closed_loop_keeps_the_bottleneck_busy(replicas: int) -> None:
    async def scenario() -> float:
        stages = {
            "tokenize": Stage(lambda _: 0.001),
            "encode": Stage(lambda _: 0.010, replicas),
            "normalize": Stage(lambda _: 0.001),
        }
        mesh = chain(stages)
        answered = 0

        async def client(number: int) -> None:
            nonlocal answered
            while asyncio.get_running_loop().time() < 20:
                await ask(mesh, rows(number + 100))
                answered += 1

        await asyncio.gather(*map(client, range(CLIENTS)))
        return answered / asyncio.get_running_loop().time()

    # The stages before and after have one replica each, which can do 1,000 rows/s.
    assert simulate(scenario()) >= 0.9 * replicas * 100


@pytest.mark.parametrize("replicas", [2, 3, 4])
def test_a_slow_row_delays_only_the_rows_beside_it(replicas: int) -> None:
    """One row in a thousand takes 20 times as long as the others."""

    async def scenario() -> tuple[list[float], float]:
        stages = {
            "tokenize": Stage(lambda _: 0.001),
            "encode": Stage(lambda row: 0.200 if row == SLOW else 0.010, replicas),
            "normalize": Stage(lambda _: 0.001),
        }
        mesh = chain(stages)
        loop = asyncio.get_running_loop()
        latencies: list[float] = []
        sent = 0

        async def client() -> None:
            nonlocal sent
            while loop.time() < 20:
                sent += 1
                row = SLOW if sent % 1000 == 0 else SLOW + 1
                begun = loop.time()
                await ask(mesh, rows(row))
                if row != SLOW:
                    latencies.append(loop.time() - begun)

        await asyncio.gather(*(client() for _ in range(CLIENTS)))
        return sorted(latencies), len(latencies) / loop.time()

    latencies, rate = simulate(scenario())
    ideal = CLIENTS / (replicas * 100)
    assert latencies[int(0.99 * len(latencies))] <= 2 * ideal + 0.200
    assert rate >= 0.9 * replicas * 100 * 1000 / 1020


def test_one_request_leaves_at_once() -> None:
    async def scenario() -> float:
        mesh = chain({"a": Stage(lambda _: 0.001), "b": Stage(lambda _: 0.010)})
        await ask(mesh, rows(1))
        return asyncio.get_running_loop().time()

    assert simulate(scenario()) == pytest.approx(0.011)


def test_what_arrives_while_all_slots_are_busy_travels_together() -> None:
    async def scenario() -> list[int]:
        stage = Stage(lambda _: 0.010)
        mesh = chain({"a": stage})
        first = [asyncio.create_task(ask(mesh, rows(n))) for n in range(2)]
        await asyncio.sleep(0.001)
        rest = [asyncio.create_task(ask(mesh, rows(n))) for n in range(40)]
        await asyncio.gather(*first, *rest)
        return stage.batches

    assert simulate(scenario()) == [1, 1, 40]


def test_a_batch_under_way_lets_arrivals_that_trickle_in_gather() -> None:
    """gRPC hands over a call in some turns of the loop; batches of one then starve it of turns."""

    async def scenario() -> list[int]:
        stage = Stage(lambda _: 0.010)
        mesh = chain({"a": stage})
        asks = []
        for n in range(40):
            asks.append(asyncio.create_task(ask(mesh, rows(n))))
            for _ in range(5):
                await asyncio.sleep(0)
        await asyncio.gather(*asks)
        return stage.batches

    assert simulate(scenario()) == [1, 39]


def test_what_waits_is_split_evenly_over_free_slots() -> None:
    async def scenario() -> list[int]:
        stage = Stage(lambda _: 0.010, replicas=3)
        mesh = chain({"a": stage})
        await asyncio.gather(*(ask(mesh, rows(n)) for n in range(40)))
        return stage.batches

    assert simulate(scenario()) == [10, 10, 10, 10]


def test_a_request_larger_than_a_batch_is_cut_and_put_together_again() -> None:
    async def scenario() -> list[int]:
        mesh = chain({"a": Stage(lambda _: 0.001)})
        result = await ask(mesh, rows(*range(1000)))
        return list(result["row"].array.tolist())

    assert simulate(scenario()) == list(range(1000))


def test_pipelines_that_share_a_deployment_share_its_slots() -> None:
    async def scenario() -> int:
        stage = Stage(lambda _: 0.010)
        mesh = chain({"a": stage})
        most = 0

        async def watch() -> None:
            nonlocal most
            while True:
                most = max(most, mesh.slots["a"].busy)
                await asyncio.sleep(0.001)

        watching = asyncio.create_task(watch())
        await asyncio.gather(*(ask(mesh, rows(n)) for n in range(300)))
        watching.cancel()
        return most

    assert simulate(scenario()) == 2


def test_urgent_rows_do_not_wait_for_a_slot_and_take_no_others_along() -> None:
    async def scenario() -> list[int]:
        stage = Stage(lambda _: 1.0)
        mesh = chain({"a": stage})
        running = []
        for number, priority in enumerate([NORMAL, NORMAL, NORMAL, URGENT, URGENT]):
            running.append(asyncio.create_task(ask(mesh, rows(number), priority=priority)))
            await asyncio.sleep(0.01)
        left = len(stage.batches)
        await asyncio.gather(*running)
        return [left, *stage.batches]

    # Two slots for one replica, and one batch of urgent rows beyond them; the next one waits.
    assert simulate(scenario()) == [3, 1, 1, 1, 1, 1]
