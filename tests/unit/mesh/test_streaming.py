"""Rows with many results each: begun, handed out as they come, given up, lost with a replica."""

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest

from convoy import Batch, Code, ConvoyError, Datatype, Tensor
from convoy_services.config import ConfigError, parse
from convoy_services.mesh import graph
from convoy_services.mesh.context import RowContext
from convoy_services.mesh.hop import StageRequest
from convoy_services.mesh.increment import News
from convoy_services.mesh.request import Request
from convoy_services.rpc.stream_alone import stream_alone
from tests.unit.mesh.streamed import MESH, Streamed, until


@pytest.fixture
def one() -> Iterator[Streamed]:
    yield from _streamed(1)


@pytest.fixture
def two() -> Iterator[Streamed]:
    yield from _streamed(2)


def _streamed(replicas: int) -> Iterator[Streamed]:
    streamed = Streamed.of(replicas)
    yield streamed
    for host in streamed.replicas.hosts.values():
        host.close()


async def test_the_pieces_of_a_row_are_put_together(one: Streamed) -> None:
    result = await one.run(3, 0, 5)
    assert result["said"].strings() == ["0 1 2 ", "", "0 1 2 3 4 "]
    assert result["count"].tolist() == [[0, 1, 2], [], [0, 1, 2, 3, 4]]
    await one.until_idle()


async def test_a_streaming_step_alone_keeps_its_own_names(one: Streamed) -> None:
    request = one.request(3)
    inputs = request.inputs.select(["n"])
    result = await one.mesh.pipeline("bare").run(Request(inputs=inputs, deadline=request.deadline))
    assert result["counted"].tolist() == [[0, 1, 2]]
    assert result["last"].tolist() == [2]


async def test_parts_are_handed_out_as_they_come(one: Streamed) -> None:
    parts: list[tuple[int, list[str]]] = []
    request = one.request(
        2, 3, on_part=lambda row, part: parts.append((row, part["said"].strings()))
    )
    result = await one.mesh.pipeline("p").run(request)
    assert sorted(parts) == [(0, ["0 "]), (0, ["1 "]), (1, ["0 "]), (1, ["1 "]), (1, ["2 "])]
    assert result["said"].strings() == ["0 1 ", "0 1 2 "]


async def test_lists_that_are_empty_for_every_row_do_not_travel(one: Streamed) -> None:
    seen: list[list[int]] = []
    empty = one.request(0, on_news=lambda row, news: seen.append(news["count"]))
    await one.mesh.pipeline("p").run(empty)
    assert seen == [[]]
    result = await one.run(0)
    assert result["count"].tolist() == [[]]
    assert result["said"].strings() == [""]


async def test_news_are_handed_out_as_they_come(one: Streamed) -> None:
    seen: list[tuple[int, list[int], bool]] = []

    def note(row: int, news: News) -> None:
        seen.append((row, news["count"], news.last))

    await one.mesh.pipeline("p").run(one.request(2, 1, on_news=note))
    assert sorted(seen) == [(0, [0], False), (0, [1], True), (1, [0], True)]


async def test_what_a_step_brings_for_all_rows_is_one_message(one: Streamed) -> None:
    await asyncio.gather(*(one.run(40) for _ in range(16)))
    # Those that began a step later end a step later.
    assert one.replicas.messages <= 40 + 16
    messages, results = one.mesh.streams["ticks"].counted()
    assert messages == one.replicas.messages
    assert results == 16 * 40


async def test_a_row_that_is_refused_fails_alone(one: Streamed) -> None:
    result = await one.run(2, -1, 1)
    assert result.failures[1].violations[0].field == "n"
    assert result["said"].strings() == ["0 1 ", "", "0 "]
    await one.until_idle()


async def test_a_fault_of_the_stage_is_not_told(one: Streamed) -> None:
    result = await one.run(10**6)
    assert result.failures[0].code is Code.INTERNAL
    assert "passwd" not in str(result.failures[0])
    await one.until_idle()


async def test_an_incremental_stage_ends_a_row_and_the_engine_lets_go(one: Streamed) -> None:
    result = await one.run(10**5, stop=3)
    assert result["said"].strings() == ["0 1 2 "]
    assert result["count"].tolist() == [[0, 1, 2, 3]]
    await one.until_idle()


async def test_rows_whose_caller_gives_up_are_let_go(one: Streamed) -> None:
    began = asyncio.Event()
    running = asyncio.create_task(one.run(10**5, 10**5, on_part=lambda row, part: began.set()))
    other = asyncio.create_task(one.run(30))
    await asyncio.wait_for(began.wait(), 10)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (await other)["said"].strings() == ["".join(f"{n} " for n in range(30))]
    await one.until_idle()
    assert one.mesh.streams["ticks"].under_way == 0


async def test_rows_whose_deadline_passes_are_let_go(one: Streamed) -> None:
    with pytest.raises(ConvoyError) as caught:
        await one.run(10**5, timeout=0.2)
    assert caught.value.code is Code.DEADLINE_EXCEEDED
    await one.until_idle()


async def test_each_row_of_a_stage_called_alone_has_its_own_deadline(one: Streamed) -> None:
    [streams] = one.mesh.streams.values()
    now = asyncio.get_running_loop().time()
    rows = RowContext(
        ids=np.array([7, 8], np.uint64),
        deadlines=now + np.array([0.05, 20.0]),
        priorities=np.ones(2, np.uint8),
    )
    batch = Batch(rows=2, columns={"n": Tensor.pack([10**5, 40], Datatype.INT64)})
    request = StageRequest(stage="ticks", rows=rows, batch=batch)
    told = [increment async for increment in stream_alone(streams, request)]
    late = [one for one in told if one.batch.failures]
    assert [one.ids.tolist() for one in late] == [[7]]
    assert late[0].batch.failures[0].code is Code.DEADLINE_EXCEEDED
    counted = [one.batch["count"].tolist()[0] for one in told if one.ids[0] == 8]
    assert [n for part in counted for n in part] == list(range(40))
    await one.until_idle()


async def test_rows_are_spread_over_the_replicas(two: Streamed) -> None:
    running = [asyncio.create_task(two.run(50)) for _ in range(8)]
    await until(lambda: [ticks.held for ticks, _ in two.stages()] == [4, 4])
    await asyncio.gather(*running)


async def test_a_replica_that_dies_ends_its_rows_with_unavailable(two: Streamed) -> None:
    async def run() -> Batch:
        return await two.run(300)

    running = [asyncio.create_task(run()) for _ in range(8)]
    await until(lambda: two.replicas.messages >= 20)
    two.replicas.dead["r0"].set()
    results = await asyncio.gather(*running)
    failures = [result.failures[0] for result in results if result.failures]
    assert [error.code for error in failures] == [Code.UNAVAILABLE] * 4
    assert not two.stages()[0][0].held
    await two.until_idle()


async def test_rows_of_which_nothing_came_are_begun_elsewhere(two: Streamed) -> None:
    two.replicas.dead["r0"].set()
    results = await asyncio.gather(*(two.run(5) for _ in range(4)))
    assert [result["said"].strings() for result in results] == [["0 1 2 3 4 "]] * 4


async def test_where_no_replica_answers_the_rows_fail(one: Streamed) -> None:
    one.replicas.dead["r0"].set()
    result = await one.run(5)
    assert result.failures[0].code is Code.UNAVAILABLE


async def test_rows_wait_for_a_replica(one: Streamed) -> None:
    hosts = one.replicas.hosts
    one.replicas.hosts = {}
    running = asyncio.create_task(one.run(5))
    await until(lambda: bool(one.mesh.streams["ticks"].under_way))
    one.replicas.hosts = hosts
    one.mesh.follow()
    assert (await running)["said"].strings() == ["0 1 2 3 4 "]


async def test_the_session_of_a_replica_that_leaves_ends_with_its_last_row(two: Streamed) -> None:
    await asyncio.gather(two.run(3), two.run(3))
    leaving = two.replicas.hosts.pop("r0")
    two.mesh.follow()
    await until(lambda: not leaving._sessions)
    two.replicas.hosts["r0"] = leaving


async def test_what_was_given_up_before_it_was_sent_is_not_begun(one: Streamed) -> None:
    request = one.request(10**5)
    running = asyncio.create_task(one.mesh.pipeline("p").run(request))
    await until(lambda: bool(one.mesh.streams["ticks"].under_way))
    running.cancel()
    await asyncio.wait((running,))
    await one.run(1)
    assert all(begun <= 1 for _, begun, _ in one.replicas.controls)
    await one.until_idle()


async def test_a_stage_that_is_broken_or_makes_no_step_is_told_of() -> None:
    slow = MESH.replace('Ticks"}', 'Ticks", settings: {period: 60}, hangs_after: 100ms}')
    streamed = Streamed.of(text=slow)
    [host] = streamed.replicas.hosts.values()
    host.check_health()
    running = asyncio.create_task(streamed.run(5))

    def hangs() -> bool:
        try:
            host.check_health()
        except TimeoutError as error:
            return "hangs" in str(error)
        return False

    await until(hangs)
    running.cancel()
    await asyncio.wait((running,))
    await streamed.until_idle()
    host.check_health()
    streamed.stages()[0][0].broken = True
    with pytest.raises(RuntimeError, match="broken"):
        host.check_health()
    host.close()


async def test_what_the_replicas_do_is_told_with_each_step(one: Streamed) -> None:
    running = asyncio.create_task(one.run(10**5))
    streams = one.mesh.streams["ticks"]
    await until(lambda: [status.running for status in streams.statuses] == [1])
    running.cancel()
    await asyncio.wait((running,))
    await until(lambda: [status.running for status in streams.statuses] == [0])


REFUSED = {
    "an incremental stage alone": (
        "pipelines:\n  p:\n    steps:\n      - {stage: say, from: [count]}\n    outputs: [said]\n",
        "needs a streaming step before it",
    ),
    "an output from before": (
        "pipelines:\n  p:\n    steps:\n      - {stage: odd, from: {x: n}, to: {odd: odd}}\n"
        "      - {stage: ticks, from: [n], to: {last: null}}\n"
        "      - {stage: say, from: [count]}\n    outputs: [said, odd]\n",
        "odd, which is there before, is no output",
    ),
    "another stage behind": (
        "pipelines:\n  p:\n    steps:\n      - {stage: ticks, from: [n], to: {count: null}}\n"
        "      - {stage: odd, from: {x: last}}\n    outputs: [odd]\n",
        "only incremental stages come after it",
    ),
    "a step placed with it, but nothing that streams": (
        "pipelines:\n  p:\n    steps:\n      - {stage: here, from: [x]}\n    outputs: [y]\n",
        "placed with ticks, which streams: it needs a step of ticks after it",
    ),
    "a step placed with it that leads elsewhere": (
        "pipelines:\n  p:\n    steps:\n      - {stage: here, from: {x: n}}\n"
        "      - {stage: odd, from: {x: y}}\n"
        "      - {stage: ticks, from: {n: y}, to: {last: null}}\n"
        "      - {stage: say, from: [count]}\n    outputs: [said]\n",
        "only steps placed there may take what it gives",
    ),
    "a condition on a step placed with it": (
        "pipelines:\n  p:\n    steps:\n"
        "      - {stage: here, from: {x: n}, when: w, fallback: {y: 1}}\n"
        "      - {stage: ticks, from: {n: y}, to: {last: null}}\n"
        "      - {stage: say, from: [count]}\n    outputs: [said]\n",
        "it is neither optional nor conditional",
    ),
    "a condition": (
        "pipelines:\n  p:\n    steps:\n"
        "      - {stage: ticks, from: [n], to: {last: null}, when: w, fallback: {count: []}}\n"
        "      - {stage: say, from: [count]}\n    outputs: [said]\n",
        "neither optional nor conditional",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_pipeline_that_streams_cannot_be(case: str) -> None:
    pipelines, message = REFUSED[case]
    stages = MESH.partition("pipelines:")[0] + (
        '  odd: {class: "tests.unit.mesh.stages:Odd"}\n'
        '  here: {class: "tests.unit.mesh.stages:Add", place_with: ticks}\n'
    )
    with pytest.raises(ConfigError, match=message):
        graph.plan(parse(stages + pipelines))


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ('more: {class: "tests.mesh.streaming_stages:Say"}', "place_with"),
        ('more: {class: "tests.mesh.streaming_stages:Ticks", place_with: ticks}', "of its own"),
    ],
)
def test_what_cannot_be_placed_with_a_streaming_stage(stages: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        graph.plan(parse(MESH.replace("stages:\n", f"stages:\n  {stages}\n")))
