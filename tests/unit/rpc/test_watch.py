"""What Watch makes of two looks at the metrics of a mesh at work."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from convoy.v1 import pipeline_pb2 as pb
from convoy_services.mesh.observer import Observers
from convoy_services.rpc.call import Call
from convoy_services.rpc.watch import WatchServicer
from convoy_services.telemetry.look import Change, Look
from convoy_services.telemetry.lookout import Lookout
from convoy_services.telemetry.metrics import Metrics
from tests.unit.mesh.hosted import Hosted, numbers
from tests.unit.mesh.virtual_time import simulate

STAGES = "tests.unit.mesh.stages"
TEXT = f"""
stages:
  add: {{class: "{STAGES}:Add", settings: {{bad: [13]}}}}
  more: {{class: "{STAGES}:Add"}}
pipelines:
  p:
    steps:
      - {{stage: add, from: [x]}}
      - stage: more
        from: {{x: y}}
        to: {{y: z}}
        optional: {{budget: 20ms, fallback: {{z: 0}}}}
    outputs: [y, z]
    batch: {{rows: 2}}
  idle:
    steps: [{{stage: more, from: [x]}}]
    outputs: [y]
"""
SECONDS = 2.0
"""Between the two looks."""


class Between(Lookout):
    """Sees what happens while some requests run."""

    def __init__(self, hosted: Hosted, metrics: Metrics) -> None:
        self._hosted, self._metrics = hosted, metrics

    async def changes(self) -> AsyncGenerator[Change]:
        before = Look(0.0, Look.of(self._metrics.registry.collect()).series)
        for value in (1, 2, 13):
            await self._hosted.ask(numbers(value))
        self._metrics.look(self._hosted.mesh)
        while True:
            now = Look(SECONDS, Look.of(self._metrics.registry.collect()).series)
            yield Change(before, now)


def watch(*, timeout: float | None = None, leaving: bool = False) -> list[pb.WatchResponse]:
    """Take what Watch tells, three times at most."""

    async def scenario() -> list[pb.WatchResponse]:
        metrics = Metrics()
        hosted = Hosted.of(TEXT, observer=Observers(metrics))
        hosted.mesh.leaving = leaving
        deadline = None if timeout is None else asyncio.get_running_loop().time() + timeout
        told = []
        servicer = WatchServicer(hosted.mesh, Between(hosted, metrics))
        async for response in servicer.Watch(pb.WatchRequest(), Call(deadline=deadline)):
            told.append(response)
            if len(told) == 3:
                break
        return told

    return simulate(scenario())


def test_requests_rows_and_batches_are_told_by_the_second() -> None:
    idle, p = watch()[0].pipelines
    assert (p.pipeline, p.ready, p.queue_rows, p.in_flight) == ("p", True, 0, 0)
    assert (p.requests_per_second, p.failures_per_second) == (3 / SECONDS, 1 / SECONDS)
    assert (p.rows_per_second, p.batch_rows, p.batch_requests) == (3 / SECONDS, 1.0, 1.0)
    assert 0 < p.p50_seconds <= p.p99_seconds
    assert (idle.pipeline, idle.requests_per_second) == ("idle", 0)
    assert not idle.HasField("p50_seconds")
    assert not idle.HasField("batch_rows")


def test_a_step_is_told_of_by_how_many_batches_are_there() -> None:
    add, more = watch()[0].pipelines[1].steps
    assert (add.step, add.replicas, add.batches_per_second) == ("add", 1, 3 / SECONDS)
    assert (more.step, more.replicas) == ("more", 1)
    # Little's law; the third row failed before it.
    assert more.batches_per_second == 2 / SECONDS
    assert more.in_flight == pytest.approx(more.batches_per_second * more.hop_seconds)
    assert 0 < more.computing < more.in_flight
    assert not add.fallback_rows_per_second


def test_a_step_without_replica_is_told() -> None:
    async def scenario() -> pb.WatchResponse:
        metrics = Metrics()
        hosted = Hosted.of(TEXT, observer=Observers(metrics))
        hosted.links["more"].replicas = 0
        servicer = WatchServicer(hosted.mesh, Between(hosted, metrics))
        return await anext(servicer.Watch(pb.WatchRequest(), Call()))

    idle, p = simulate(scenario()).pipelines
    assert [step.replicas for step in p.steps] == [1, 0]
    assert (idle.ready, p.ready) == (False, True)


def test_it_ends_in_peace_before_the_deadline() -> None:
    assert len(watch(timeout=1.5)) == 1
    assert len(watch(timeout=60)) == 3


def test_it_ends_when_the_ingress_leaves() -> None:
    assert len(watch(leaving=True)) == 1


def test_all_who_watch_are_told_what_was_worked_out_once() -> None:
    async def scenario() -> tuple[int, int]:
        metrics = Metrics()
        hosted = Hosted.of(TEXT, observer=Observers(metrics))
        change = await anext(Between(hosted, metrics).changes())
        servicer = WatchServicer(hosted.mesh, Same(change))
        told = [await anext(servicer.Watch(pb.WatchRequest(), Call())) for _ in range(3)]
        return len(told), len({id(response) for response in told})

    assert simulate(scenario()) == (3, 1)


class Same(Lookout):
    """Sees one change."""

    def __init__(self, change: Change) -> None:
        self._change = change

    async def changes(self) -> AsyncGenerator[Change]:
        yield self._change
