"""A pipeline at work: its queue, its batcher and its executor."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress

import numpy as np

from convoy import Batch, Code, ConvoyError
from convoy.tensor import Index
from convoy_services.mesh.admission import AdmissionQueue, Piece
from convoy_services.mesh.batcher import DynamicBatcher
from convoy_services.mesh.bottleneck import Bottleneck
from convoy_services.mesh.context import RowContext
from convoy_services.mesh.executor import NO_ROWS, Executor
from convoy_services.mesh.fault import fault
from convoy_services.mesh.hop import Link
from convoy_services.mesh.journey import Journey
from convoy_services.mesh.observer import Observer
from convoy_services.mesh.plan import MeshPlan, PipelinePlan
from convoy_services.mesh.repository import Repository
from convoy_services.mesh.request import Request, expired
from convoy_services.mesh.slots import Slots
from convoy_services.mesh.statistics import Statistics
from convoy_services.mesh.stream_hop import StreamHop
from convoy_services.mesh.streams import Streams
from convoy_services.mesh.table import Table
from convoy_services.mesh.trace import begin_batch, end_batch

CLOSED_FOR = 1.0
"""Seconds after which it is worth asking again, here or at another ingress."""

HOPE = 0.9
"""The part of its time that a request waits for a stage without a replica to have one again."""


class Pipeline:
    """Runs requests: they wait, travel together, and are split again."""

    def __init__(
        self,
        plan: PipelinePlan,
        mesh: MeshPlan,
        links: Mapping[str, Link],
        streams: Mapping[str, Streams],
        slots: Mapping[str, Slots],
        observer: Observer,
    ) -> None:
        """Run ``plan`` over ``links``, one batch a slot, and ``streams`` for rows that stream.

        ``observer`` is told what happens.
        """
        self._observer = observer
        self.plan = plan
        self._ways: Mapping[str, Link | Streams] = {**links, **streams}
        self._required = {hop.link for hop in plan.hops if not hop.optional}
        self._bottleneck = Bottleneck(plan.hops, mesh.deployments)
        batched = [hop for hop in plan.hops if not hop.streaming]
        self._executor = Executor(plan.name, batched, links)
        self._stream = next(
            (
                StreamHop(plan, hop, streams[hop.link], observer)
                for hop in plan.hops
                if hop.streaming
            ),
            None,
        )
        """The last hop, where the results of rows come piece by piece."""
        self._queue = AdmissionQueue(plan.limits)
        self._slots = slots
        self._batcher = DynamicBatcher(self._queue, plan.limits, self._room, self._fly)
        self._kinds = {hop.name: mesh.stages[hop.steps[0].stage].kind for hop in plan.hops}
        self.statistics = Statistics()
        self.open = True
        """Whether it admits requests."""
        self.version = _first(plan.repository)
        """The version of its models with which batches leave; empty where there are none."""
        for deployment in {hop.link for hop in plan.hops}:
            slots[deployment].watch(self._batcher.wake)

    async def run(self, request: Request) -> Batch:
        """Wait for the result of every row; some may have failed, each for itself.

        Raises ConvoyError INVALID_ARGUMENT, RESOURCE_EXHAUSTED, UNAVAILABLE or DEADLINE_EXCEEDED
        when the request as a whole got nowhere.
        """
        clock = asyncio.get_running_loop().time
        began = clock()
        doubt = asyncio.get_running_loop().call_at(
            began + HOPE * (request.deadline - began), self._doubt, request
        )
        try:
            self._admit(request)
            result = await request.result()
        except BaseException as exc:
            self.statistics.fail.add(clock() - began)
            self._observer.ended(self.plan.name, request, exc)
            raise
        finally:
            doubt.cancel()
        request.failures = result.failures
        first = next(iter(result.failures.values()), None)
        ended = self.statistics.fail if first else self.statistics.success
        ended.add(clock() - began)
        self.statistics.last = time.time()
        self._observer.ended(self.plan.name, request, first)
        return result

    @property
    def waiting(self) -> int:
        """How many rows wait in the queue."""
        return self._queue.rows

    @property
    def waiting_bytes(self) -> int:
        """How many bytes wait in the queue."""
        return self._queue.bytes

    @property
    def in_flight(self) -> int:
        """How many batches are under way."""
        return self._batcher.in_flight

    @property
    def ready(self) -> bool:
        """Whether requests are admitted, and replicas of all that none can do without are there."""
        return self.open and all(self._ways[name].replicas for name in self._required)

    def follow(self) -> None:
        """Let batches leave with the version that is chosen now, if one is."""
        if self.plan.repository:
            self.version = self.plan.repository.chosen() or self.version

    async def drain(self) -> None:
        """Wait until no request waits or is under way."""
        await self._batcher.drain()

    def _doubt(self, request: Request) -> None:
        """End a request while there is time to say why, if a stage that it needs is not there."""
        absent = sorted(name for name in self._required if not self._ways[name].replicas)
        if absent:
            request.end(
                ConvoyError(
                    Code.UNAVAILABLE,
                    f"there is no replica of {', '.join(absent)}",
                    "STAGE_UNAVAILABLE",
                    absent[0],
                    retry_after=CLOSED_FOR,
                )
            )

    def _admit(self, request: Request) -> None:
        if not self.open:
            raise ConvoyError(
                Code.UNAVAILABLE,
                f"pipeline {self.plan.name} admits no requests",
                "PIPELINE_CLOSED",
                retry_after=CLOSED_FOR,
            )
        if request.deadline <= asyncio.get_running_loop().time():
            raise expired()
        self._batcher.submit(request)

    def _room(self) -> tuple[Slots, int]:
        """Give the slots of the bottleneck, and how many of them batches may hold now."""
        slots = self._slots[self._bottleneck.deployment]
        return slots, slots.capacity if self._bottleneck.computes else 1

    async def _fly(self, pieces: list[Piece]) -> None:
        """Take one batch through the pipeline and hand each request its part."""
        flight = asyncio.current_task()
        assert flight is not None
        left = asyncio.get_running_loop().time()
        full = self._queue.rows > 0
        self.statistics.left += 1
        journey = Journey(requests=len(pieces), left=time.monotonic(), version=self.version)

        def abandon() -> None:
            if all(piece.request.ended for piece in pieces):
                flight.cancel()

        for piece in pieces:
            piece.request.on_end.append(abandon)
            if not piece.start:
                self.statistics.queue.add(left - piece.request.arrived)
        context = _context(pieces)
        try:
            try:
                inputs = Batch.concat([piece.inputs for piece in pieces])
                journey.rows, journey.nbytes = inputs.rows, inputs.nbytes
                requests = [piece.request for piece in pieces]
                journey.context = begin_batch(self.plan.name, journey, requests)
                table = await self._executor.run(
                    inputs,
                    context,
                    model_version=journey.version,
                    gone=lambda: _gone(pieces),
                    journey=journey,
                )
                self._land(journey, left, int(table.alive.sum()), full=full)
                journey.failed = len(table.failures)
            except Exception:
                journey.failed = journey.rows
                raise
            finally:
                self._note(journey, pieces)
                for piece in pieces:
                    piece.request.on_end.remove(abandon)
            if self._stream:
                self._stream.begin(pieces, table, context, journey.context)
            else:
                self._deliver(pieces, table)
        except asyncio.CancelledError:
            if not all(piece.request.ended for piece in pieces):
                raise
        except Exception as exc:
            error = fault(f"pipeline {self.plan.name}", exc)
            for piece in pieces:
                piece.request.end(error)

    def _note(self, journey: Journey, pieces: list[Piece]) -> None:
        """Write down what became of a batch, before anybody is answered."""
        journey.landed = time.monotonic()
        end_batch(journey)
        self.statistics.sent.add(journey)
        self._observer.landed(self.plan.name, journey)
        for piece in pieces:
            piece.request.journeys.append(journey)

    def _deliver(self, pieces: list[Piece], table: Table) -> None:
        """Give each request its part of a batch that has come to its end."""
        result = table.result(self.plan.outputs, self.plan.sources)
        start = 0
        for piece in pieces:
            stop = start + piece.stop - piece.start
            piece.request.deliver(piece.start, result.slice(start, stop))
            start = stop

    def _land(self, journey: Journey, left: float, computed: int, *, full: bool) -> None:
        """Learn from a batch that left at ``left`` and came back with so many rows computed."""
        now = asyncio.get_running_loop().time()
        self._queue.pace.land(computed, left, now, full=full)
        self._bottleneck.observe(journey.rows, journey.reports, max(now - left, 1e-6))
        self.statistics.batch(journey, self._kinds)


def _first(repository: Repository | None) -> str:
    """Name the version that is live, and choose it: one that is added later has to be brought in.

    Empty where there is none: each replica tells what is missing.
    """
    if not repository:
        return ""
    with suppress(OSError):
        live = repository.live()
        with suppress(OSError):  # a folder that may only be read
            repository.choose(live)
        return live
    return ""


def _gone(pieces: list[Piece]) -> Index:
    """Find the rows of requests that nobody waits for any more."""
    if not any(piece.request.ended for piece in pieces):
        return NO_ROWS
    counts = [piece.stop - piece.start for piece in pieces]
    return np.flatnonzero(np.repeat([piece.request.ended for piece in pieces], counts))


def _context(pieces: list[Piece]) -> RowContext:
    """Lay the context of each request out over its rows."""
    requests = [piece.request for piece in pieces]
    counts = [piece.stop - piece.start for piece in pieces]
    total = sum(counts)

    def texts(values: list[str]) -> list[str]:
        if not any(values):
            return []
        return [value for value, n in zip(values, counts, strict=True) for _ in range(n)]

    return RowContext(
        ids=np.fromiter(
            (p.request.first_id + row for p in pieces for row in range(p.start, p.stop)),
            np.uint64,
            total,
        ),
        deadlines=np.repeat(np.array([r.deadline for r in requests]), counts),
        priorities=np.repeat(np.array([r.priority for r in requests], np.uint8), counts),
        traceparents=texts([r.traceparent for r in requests]),
        tenants=texts([r.tenant for r in requests]),
    )
