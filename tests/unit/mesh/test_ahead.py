"""Steps that are placed with a streaming one: rows pass them in its replica before they begin."""

import asyncio
from collections.abc import Iterator

import pytest

from convoy import Code, ConvoyError
from convoy_services.mesh import ahead
from tests.unit.mesh.stages import Gate
from tests.unit.mesh.streamed import AHEAD, Streamed, until

REFUSES = AHEAD.replace("place_with: ticks}", "place_with: ticks, settings: SETTINGS}", 1)


@pytest.fixture
def made() -> Iterator[list[Streamed]]:
    Gate.open.set()
    Gate.entered.clear()
    Gate.seen.clear()
    made: list[Streamed] = []
    yield made
    Gate.open.set()
    for streamed in made:
        for host in streamed.replicas.hosts.values():
            host.close()


@pytest.fixture
def one(made: list[Streamed]) -> Streamed:
    made.append(Streamed.of(text=AHEAD))
    return made[0]


def refusing(made: list[Streamed], settings: str) -> Streamed:
    made.append(Streamed.of(text=REFUSES.replace("SETTINGS", settings)))
    return made[0]


async def entered() -> None:
    assert await asyncio.to_thread(Gate.entered.wait, 10)


def test_they_are_one_hop(one: Streamed) -> None:
    [hop] = one.mesh.plan.pipelines["p"].hops
    assert [step.stage for step in hop.steps] == ["gate", "ticks", "say"]
    assert hop.streaming


async def test_rows_pass_the_steps_ahead(one: Streamed) -> None:
    result = await one.run(2, 0, stop=5)
    assert result["said"].strings() == ["0 1 2 ", "0 "]
    await one.until_idle()


async def test_a_row_that_is_refused_ahead_fails_alone(made: list[Streamed]) -> None:
    one = refusing(made, "{refused: [7]}")
    result = await one.run(1, 7, 0)
    assert {row: error.reason for row, error in result.failures.items()} == {1: "REFUSED"}
    assert result["said"].strings() == ["0 1 ", "", "0 "]
    await one.until_idle()


async def test_a_row_that_breaks_a_step_ahead_fails_alone(made: list[Streamed]) -> None:
    one = refusing(made, "{bad: [7]}")
    result = await one.run(1, 7, 0, 2)
    assert list(result.failures) == [1]
    assert result.failures[1].code is Code.INTERNAL
    assert "passwd" not in str(result.failures[1])
    assert result["said"].strings() == ["0 1 ", "", "0 ", "0 1 2 "]
    await one.until_idle()


async def test_rows_given_up_ahead_are_not_begun(one: Streamed) -> None:
    Gate.open.clear()
    running = asyncio.create_task(one.run(3, 4))
    await entered()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await one.until_idle()
    begun = one.stages()[0][1].stops
    Gate.open.set()
    assert (await one.run(1))["said"].strings() == ["0 1 "]  # computed after those two
    assert begun == {}
    assert one.stages()[0][0].submitted == 1
    await one.until_idle()


async def test_rows_given_up_ahead_are_not_computed(one: Streamed) -> None:
    Gate.open.clear()
    first = asyncio.create_task(one.run(1))
    await entered()
    [host] = one.replicas.hosts.values()
    second = asyncio.create_task(one.run(2))
    await until(lambda: host._ahead.rows == 2)
    second.cancel()
    await until(lambda: host._ahead.rows == 1)
    Gate.open.set()
    await first
    assert not (await one.run(3)).failures
    assert Gate.seen == [1, 3]


async def test_rows_ahead_are_told_as_waiting_and_do_not_make_the_engine_hang(
    made: list[Streamed],
) -> None:
    ticks = '"tests.mesh.streaming_stages:Ticks"'
    made.append(Streamed.of(text=AHEAD.replace(ticks, f"{ticks}, hangs_after: 1ms")))
    Gate.open.clear()
    running = asyncio.create_task(made[0].run(3))
    await entered()
    [streams] = made[0].mesh.streams.values()
    await until(lambda: [status.waiting for status in streams.statuses] == [1])
    [host] = made[0].replicas.hosts.values()
    host.check_health()  # half a second has passed without a step
    Gate.open.set()
    await running


async def test_others_go_on_while_rows_are_ahead(one: Streamed) -> None:
    began = asyncio.Event()
    other = asyncio.create_task(one.run(200, on_part=lambda row, part: began.set()))
    await asyncio.wait_for(began.wait(), 10)
    Gate.open.clear()
    Gate.entered.clear()
    waiting = asyncio.create_task(one.run(1))
    await entered()
    assert len((await other)["count"].tolist()[0]) == 201
    assert not waiting.done()
    Gate.open.set()
    assert (await waiting)["said"].strings() == ["0 1 "]


async def test_a_deadline_that_passes_ahead_ends_the_row(one: Streamed) -> None:
    Gate.open.clear()
    with pytest.raises(ConvoyError) as caught:
        await one.run(3, timeout=0.2)
    assert caught.value.code is Code.DEADLINE_EXCEEDED
    Gate.open.set()
    await one.until_idle()
    assert one.stages()[0][0].submitted == 0


async def test_a_session_that_ends_takes_the_rows_ahead_along(one: Streamed) -> None:
    Gate.open.clear()
    running = asyncio.create_task(one.run(3))
    await entered()
    one.replicas.dead["r0"].set()
    assert (await running).failures[0].code is Code.UNAVAILABLE
    await one.until_idle()
    Gate.open.set()


async def test_more_than_there_is_room_for_ahead_is_refused(
    one: Streamed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead, "MOST_ROWS", 2)
    Gate.open.clear()
    waiting = asyncio.create_task(one.run(1, 2))
    await entered()
    refused = await one.run(3)
    assert refused.failures[0].code is Code.RESOURCE_EXHAUSTED
    assert refused.failures[0].retry_after
    Gate.open.set()
    assert not (await waiting).failures
    assert not (await one.run(3)).failures
    await one.until_idle()


async def test_a_step_ahead_that_hangs_is_told_of(made: list[Streamed]) -> None:
    text = AHEAD.replace("place_with: ticks}", "place_with: ticks, hangs_after: 1ms}", 1)
    made.append(Streamed.of(text=text))
    Gate.open.clear()
    running = asyncio.create_task(made[0].run(3))
    await entered()
    [host] = made[0].replicas.hosts.values()

    def told() -> bool:
        try:
            host.check_health()
        except TimeoutError as hangs:
            return "gate hangs" in str(hangs)
        return False

    await until(told)
    Gate.open.set()
    await running
