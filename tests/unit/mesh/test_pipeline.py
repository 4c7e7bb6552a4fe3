"""Requests on their way: deadlines, cancellation, slots, parts and draining."""

import asyncio
import random
from typing import Any

import pytest

from convoy import Batch, Code, ConvoyError
from convoy_services.mesh.context import BACKGROUND, URGENT
from convoy_services.mesh.hop import StageRequest, StageResponse
from convoy_services.mesh.mesh import Mesh
from convoy_services.mesh.plan import Limits
from convoy_services.mesh.request import Request
from tests.unit.mesh.simulator import Stage, ask, chain, rows
from tests.unit.mesh.virtual_time import simulate


def busy(mesh: Mesh) -> dict[str, int]:
    return {name: slots.busy for name, slots in mesh.slots.items()}


def held(mesh: Mesh) -> tuple[int, int]:
    """The rows and bytes that wait."""
    queue = mesh.pipeline("chain")._queue
    return queue.rows, queue.bytes


async def outcome(awaitable: Any) -> str:
    """The reason why a call failed, or OK."""
    try:
        async with asyncio.timeout(600):
            await awaitable
    except ConvoyError as error:
        return error.reason
    except asyncio.CancelledError:
        return "CANCELLED"
    return "OK"


async def occupied(mesh: Mesh, slots: int = 2) -> list[asyncio.Task[Batch]]:
    """Fill every slot, so that what comes next waits."""
    tasks = []
    for n in range(slots):
        tasks.append(asyncio.create_task(ask(mesh, rows(-n))))
        while sum(busy(mesh).values()) <= n:  # noqa: ASYNC110 (virtual time has no events)
            await asyncio.sleep(0)
    return tasks


# Deadlines


@pytest.mark.parametrize("timeout", [0.0, -1.0])
def test_a_deadline_that_has_passed_is_refused_at_once(timeout: float) -> None:
    async def scenario() -> tuple[str, float, list[int]]:
        stage = Stage(lambda _: 1.0)
        reason = await outcome(ask(chain({"a": stage}), rows(1), timeout=timeout))
        return reason, asyncio.get_running_loop().time(), stage.batches

    assert simulate(scenario()) == ("DEADLINE_EXCEEDED", 0.0, [])


def test_a_request_that_expires_in_the_queue_costs_no_hop() -> None:
    async def scenario() -> tuple[str, float, list[int], tuple[int, int]]:
        stage = Stage(lambda _: 1.0)
        mesh = chain({"a": stage})
        flights = await occupied(mesh)
        late = await outcome(ask(mesh, rows(7), timeout=0.5))
        when = asyncio.get_running_loop().time()
        left = held(mesh)
        await asyncio.gather(*flights)
        await mesh.drain()
        return late, when, stage.batches, left

    assert simulate(scenario()) == ("DEADLINE_EXCEEDED", 0.5, [1, 1], (0, 0))


def test_a_request_that_expires_on_its_way_is_answered_at_its_deadline() -> None:
    async def scenario() -> tuple[str, float, dict[str, int], list[int]]:
        second = Stage(lambda _: 1.0)
        mesh = chain({"a": Stage(lambda _: 10.0), "b": second})
        reason = await outcome(ask(mesh, rows(1), timeout=0.5))
        when = asyncio.get_running_loop().time()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        slots = busy(mesh)
        await asyncio.sleep(60)
        return reason, when, slots, second.batches

    reason, when, slots, second = simulate(scenario())
    assert (reason, when) == ("DEADLINE_EXCEEDED", 0.5)
    assert not any(slots.values())
    assert second == []


# Cancellation


def test_a_request_cancelled_in_the_queue_costs_no_hop() -> None:
    async def scenario() -> tuple[str, list[int], tuple[int, int]]:
        stage = Stage(lambda _: 1.0)
        mesh = chain({"a": stage})
        flights = await occupied(mesh)
        waiting = asyncio.create_task(ask(mesh, rows(7, 8)))
        await asyncio.sleep(0.1)
        assert held(mesh) == (2, 16)
        waiting.cancel()
        reason = await outcome(waiting)
        left = held(mesh)
        await asyncio.gather(*flights)
        await mesh.drain()
        return reason, stage.batches, left

    assert simulate(scenario()) == ("CANCELLED", [1, 1], (0, 0))


def test_a_request_cancelled_as_it_arrives_costs_no_hop() -> None:
    async def scenario() -> tuple[list[int], tuple[int, int], dict[str, int]]:
        stage = Stage(lambda _: 1.0)
        mesh = chain({"a": stage})
        asking = asyncio.create_task(ask(mesh, rows(7)))
        await asyncio.sleep(0)
        asking.cancel()
        await outcome(asking)
        await mesh.drain()
        return stage.batches, held(mesh), busy(mesh)

    batches, left, slots = simulate(scenario())
    assert batches == []
    assert left == (0, 0)
    assert not any(slots.values())


def test_rows_cancelled_on_their_way_are_dropped_before_the_next_hop() -> None:
    async def scenario() -> tuple[list[int], list[int], list[Any]]:
        first, second = Stage(lambda _: 1.0), Stage(lambda _: 1.0)
        mesh = chain({"a": first, "b": second})
        flights = await occupied(mesh)
        together = [asyncio.create_task(ask(mesh, rows(n, n + 10))) for n in range(3)]
        await flights[0]  # what waits leaves as the first slot comes free
        await asyncio.sleep(0.1)
        together[1].cancel()
        await asyncio.gather(*flights)
        reasons = [await outcome(task) for task in together]
        return first.batches, second.batches, reasons

    first, second, reasons = simulate(scenario())
    assert first == [1, 1, 6]
    assert second == [1, 1, 4]
    assert reasons == ["OK", "CANCELLED", "OK"]


def test_the_results_of_those_who_stay_are_their_own() -> None:
    async def scenario() -> list[Any]:
        first = Stage(lambda _: 1.0)
        mesh = chain({"a": first, "b": Stage(lambda _: 1.0)})
        flights = await occupied(mesh)
        together = [asyncio.create_task(ask(mesh, rows(n, n + 10))) for n in range(3)]
        await flights[0]  # what waits leaves as the first slot comes free
        await asyncio.sleep(0.1)
        together[0].cancel()
        await asyncio.gather(*flights)
        return [(await task)["row"].tolist() for task in together[1:]]

    assert simulate(scenario()) == [[1, 11], [2, 12]]


def test_a_flight_that_nobody_waits_for_is_cancelled_and_frees_its_slot() -> None:
    async def scenario() -> tuple[float, list[int]]:
        stage = Stage(lambda row: 1000.0 if row == 7 else 1.0, replicas=2)
        mesh = chain({"a": stage})
        stuck = [asyncio.create_task(ask(mesh, rows(7))) for _ in range(3)]
        await asyncio.sleep(1.0)
        waiting = asyncio.create_task(ask(mesh, rows(1)))
        await asyncio.sleep(1.0)
        for task in stuck:
            task.cancel()
        await waiting
        return asyncio.get_running_loop().time(), list(busy(mesh).values())

    when, _ = simulate(scenario())
    assert when == pytest.approx(3.0)


def test_a_flight_goes_on_for_those_who_still_wait() -> None:
    async def scenario() -> list[str]:
        stage = Stage(lambda _: 1.0)
        mesh = chain({"a": stage})
        flights = await occupied(mesh)
        together = [asyncio.create_task(ask(mesh, rows(n))) for n in range(3)]
        await flights[0]  # what waits leaves as the first slot comes free
        await asyncio.sleep(0.1)
        together[0].cancel()
        together[2].cancel()
        return [await outcome(task) for task in together]

    assert simulate(scenario()) == ["CANCELLED", "OK", "CANCELLED"]


def test_a_request_in_several_flights_takes_all_of_them_along() -> None:
    async def scenario() -> tuple[list[int], tuple[int, int], dict[str, int]]:
        stage = Stage(lambda _: 1.0, replicas=3)
        mesh = chain({"a": stage}, Limits(batch_rows=4))
        asking = asyncio.create_task(ask(mesh, rows(*range(100))))
        await asyncio.sleep(0.5)
        asking.cancel()
        await outcome(asking)
        await mesh.drain()
        return stage.batches, held(mesh), busy(mesh)

    batches, left, slots = simulate(scenario())
    assert batches == [4] * 4
    assert left == (0, 0)
    assert not any(slots.values())


# Faults


class Faulty(Stage):
    """Raises for batches that hold the row 13."""

    async def call(self, request: StageRequest) -> StageResponse:
        response = await super().call(request)
        if 13 in request.batch["row"].tolist():
            raise RuntimeError("secret")
        return response


def test_an_unexpected_exception_fails_its_flight_alone() -> None:
    async def scenario() -> tuple[list[str], dict[str, int]]:
        mesh = chain({"a": Faulty(lambda _: 1.0)})
        first = asyncio.create_task(ask(mesh, rows(13)))
        await asyncio.sleep(0.1)
        others = [asyncio.create_task(ask(mesh, rows(n))) for n in range(5)]
        reasons = [await outcome(task) for task in [first, *others]]
        reasons.append(await outcome(ask(mesh, rows(1))))
        return reasons, busy(mesh)

    reasons, slots = simulate(scenario())
    assert reasons == ["INTERNAL"] + ["OK"] * 6
    assert not any(slots.values())


def test_a_request_of_several_flights_fails_with_the_first_that_does() -> None:
    async def scenario() -> tuple[str, tuple[int, int], dict[str, int]]:
        mesh = chain({"a": Faulty(lambda _: 1.0)}, Limits(batch_rows=4))
        reason = await outcome(ask(mesh, rows(*range(40))))
        await mesh.drain()
        return reason, held(mesh), busy(mesh)

    reason, left, slots = simulate(scenario())
    assert reason == "INTERNAL"
    assert left == (0, 0)
    assert not any(slots.values())


# Admission


def test_urgent_requests_overtake_those_that_wait() -> None:
    async def scenario() -> list[int]:
        mesh = chain({"a": Stage(lambda _: 1.0)}, Limits(batch_rows=1))
        await occupied(mesh)
        order: list[int] = []

        async def client(n: int, priority: int) -> None:
            await ask(mesh, rows(n), priority=priority)
            order.append(n)

        await asyncio.gather(client(0, BACKGROUND), client(1, 1), client(2, URGENT), client(3, 1))
        return order

    assert simulate(scenario()) == [2, 1, 3, 0]


def test_a_full_queue_refuses_until_there_is_room() -> None:
    async def scenario() -> list[str]:
        mesh = chain({"a": Stage(lambda _: 1.0)}, Limits(rows=3))
        flights = await occupied(mesh)
        waiting = asyncio.create_task(ask(mesh, rows(1, 2)))
        await asyncio.sleep(0.1)
        reasons = [await outcome(ask(mesh, rows(3, 4)))]
        await asyncio.gather(*flights, waiting)
        reasons.append(await outcome(ask(mesh, rows(3, 4))))
        return reasons

    assert simulate(scenario()) == ["QUEUE_FULL", "OK"]


# Parts


def test_parts_are_handed_out_as_they_come() -> None:
    async def scenario() -> tuple[list[tuple[float, int, list[Any]]], list[Any]]:
        loop = asyncio.get_running_loop()
        mesh = chain({"a": Stage(lambda _: 1.0)}, Limits(batch_rows=2))
        parts: list[tuple[float, int, list[Any]]] = []
        request = Request(
            inputs=rows(*range(5)),
            deadline=60.0,
            on_part=lambda start, part: parts.append((loop.time(), start, part["row"].tolist())),
        )
        result = await mesh.pipeline("chain").run(request)
        return parts, result["row"].tolist()

    parts, result = simulate(scenario())
    assert parts == [(2.0, 0, [0, 1]), (4.0, 2, [2, 3]), (5.0, 4, [4])]
    assert result == [0, 1, 2, 3, 4]


def test_no_part_comes_after_the_deadline() -> None:
    async def scenario() -> tuple[list[int], str]:
        mesh = chain({"a": Stage(lambda _: 1.0)}, Limits(batch_rows=2))
        starts: list[int] = []
        request = Request(
            inputs=rows(*range(6)), deadline=4.5, on_part=lambda start, _: starts.append(start)
        )
        reason = await outcome(mesh.pipeline("chain").run(request))
        await mesh.drain()
        return starts, reason

    assert simulate(scenario()) == ([0, 2], "DEADLINE_EXCEEDED")


# Draining


def test_draining_waits_for_all_that_was_admitted() -> None:
    async def scenario() -> tuple[float, list[bool]]:
        mesh = chain({"a": Stage(lambda _: 1.0)}, Limits(batch_rows=1))
        asked = [asyncio.create_task(ask(mesh, rows(n))) for n in range(5)]
        await asyncio.sleep(0.1)
        async with asyncio.timeout(60):
            await mesh.drain()
        when = asyncio.get_running_loop().time()
        await asyncio.sleep(0)
        return when, [task.done() for task in asked]

    assert simulate(scenario()) == (5.0, [True] * 5)


def test_an_idle_mesh_is_drained_at_once() -> None:
    async def scenario() -> float:
        await chain({"a": Stage(lambda _: 1.0)}).drain()
        return asyncio.get_running_loop().time()

    assert simulate(scenario()) == 0.0


def test_there_is_no_pipeline_of_another_name() -> None:
    async def scenario() -> ConvoyError:
        with pytest.raises(ConvoyError) as caught:
            chain({"a": Stage(lambda _: 1.0)}).pipeline("nope")
        return caught.value

    error = simulate(scenario())
    assert error.code is Code.NOT_FOUND
    assert "chain" in error.message


# Everything at once


class Watched(Stage):
    """Counts rows that enter after their request has ended, and fails now and then."""

    orphans: int = 0
    requests: dict[int, Request]
    random: random.Random

    async def call(self, request: StageRequest) -> StageResponse:
        for row in request.rows.ids.tolist():
            self.orphans += self.requests[row >> 16].ended
        if self.random.random() < 0.1:
            raise RuntimeError("now and then")
        if self.random.random() < 0.1:
            raise ConvoyError(Code.UNAVAILABLE, "now and then")
        return await super().call(request)


@pytest.mark.parametrize("seed", range(6))
def test_whatever_comes_nothing_is_lost_kept_or_sent_in_vain(seed: int) -> None:
    async def scenario() -> tuple[int, tuple[int, int], dict[str, int], int, set[str]]:
        dice = random.Random(seed)
        requests: dict[int, Request] = {}
        stages = {}
        for name in "abc":
            stages[name] = Watched(lambda row: (row % 7) / 100, replicas=dice.randint(1, 3))
            stages[name].requests, stages[name].random = requests, dice
        mesh = chain(stages, Limits(rows=60, bytes=1 << 20, batch_rows=16, batch_bytes=100))
        loop = asyncio.get_running_loop()
        answers: list[str] = []

        async def client() -> None:
            for _ in range(20):
                given = rows(*(dice.randrange(1000) for _ in range(dice.randint(1, 9))))
                request = Request(
                    inputs=given,
                    deadline=loop.time() + dice.choice([0.05, 0.3, 5.0]),
                    priority=dice.randint(0, 2),
                )
                requests[request.first_id >> 16] = request
                asking = asyncio.create_task(mesh.pipeline("chain").run(request))
                if dice.random() < 0.3:
                    loop.call_later(dice.random() / 5, asking.cancel)
                answers.append(await outcome(_checked(asking, given)))
                await asyncio.sleep(dice.random() / 10)

        async with asyncio.timeout(3600):
            await asyncio.gather(*(client() for _ in range(12)))
            await mesh.drain()
        orphans = sum(stage.orphans for stage in stages.values())
        return len(answers), held(mesh), busy(mesh), orphans, set(answers)

    answers, left, slots, orphans, kinds = simulate(scenario())
    assert answers == 12 * 20
    assert left == (0, 0)
    assert not any(slots.values())
    assert orphans == 0
    assert {"OK", "CANCELLED", "DEADLINE_EXCEEDED", "INTERNAL"} <= kinds


async def _checked(asking: asyncio.Task[Batch], given: Batch) -> None:
    """Every row that has not failed is the caller's own."""
    result = await asking
    for row, value in enumerate(given["row"].tolist()):
        assert row in result.failures or result["row"].tolist()[row] == value
