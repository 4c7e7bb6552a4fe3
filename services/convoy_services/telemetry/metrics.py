"""The metrics of the mesh, as Prometheus has them. The table of docs/observability.md is theirs.

Every label has few values: what a caller can make up is none of them.
"""

import os
import time
from asyncio import CancelledError
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, values

from convoy import Code, ConvoyError
from convoy_services.mesh.context import BACKGROUND, NORMAL, URGENT
from convoy_services.mesh.journey import Crossing, Journey
from convoy_services.mesh.mesh import Mesh
from convoy_services.mesh.plan import MeshPlan
from convoy_services.mesh.request import Request
from convoy_services.mesh.stream_status import StreamStatus

SECONDS = (
    *(0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05),
    *(0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60),
)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096)
BYTES = tuple(float(4**n) for n in range(3, 13))

PRIORITIES = {BACKGROUND: "background", NORMAL: "normal", URGENT: "urgent"}

REASONS = 64
"""How many reasons of errors are told apart: stages may have reasons of their own."""

OTHER = "OTHER"
"""Stands for all others."""

GONE = "REPLICA_UNAVAILABLE"
"""For which hops fail, more than for any other reason."""

LATE = "BUDGET_EXCEEDED"
"""For which optional steps fall back, more than for any other reason."""

REFUSALS = ("QUEUE_FULL", "QUEUE_TOO_LONG", "DEADLINE_EXCEEDED", "PIPELINE_CLOSED")
"""Why requests end before any of their rows left, in the main."""


class Spec(NamedTuple):
    """One metric."""

    kind: str
    name: str
    help: str
    labels: tuple[str, ...]
    buckets: tuple[float, ...] = SECONDS


SPECS = (
    Spec(
        "histogram",
        "convoy_request_seconds",
        "From a request's admission, or refusal, to its end.",
        ("pipeline", "code", "priority"),
    ),
    Spec(
        "histogram",
        "convoy_queue_seconds",
        "How long a request waited until its first row left.",
        ("pipeline", "priority"),
    ),
    Spec("histogram", "convoy_batch_rows", "Rows of a batch.", ("pipeline",), ROWS),
    Spec("histogram", "convoy_batch_requests", "Requests in a batch.", ("pipeline",), ROWS),
    Spec("histogram", "convoy_batch_bytes", "Bytes of a batch's inputs.", ("pipeline",), BYTES),
    Spec(
        "histogram",
        "convoy_batch_seconds",
        "From a batch's leaving the queue to its end.",
        ("pipeline",),
    ),
    Spec(
        "histogram",
        "convoy_hop_seconds",
        "A batch to a stage and back: all that follow are part of it.",
        ("pipeline", "stage"),
    ),
    Spec(
        "histogram",
        "convoy_hop_queue_seconds",
        "How long a batch waited in the stage's replica.",
        ("pipeline", "stage"),
    ),
    Spec(
        "histogram",
        "convoy_compute_seconds",
        "How long the stage computed a batch.",
        ("pipeline", "stage"),
    ),
    Spec(
        "histogram",
        "convoy_serialize_seconds",
        "How long the ingress wrote a request and parsed the response.",
        ("pipeline", "stage"),
    ),
    Spec(
        "counter",
        "convoy_hop_bytes",
        "Bytes that went to a stage and came back, by how they travelled.",
        ("pipeline", "stage", "transport"),
    ),
    Spec(
        "counter",
        "convoy_hop_failures",
        "Batches that a stage failed as a whole, or did not answer.",
        ("pipeline", "stage", "reason"),
    ),
    Spec(
        "counter",
        "convoy_refusals",
        "Requests that were refused before any row left.",
        ("pipeline", "reason"),
    ),
    Spec("counter", "convoy_failed_rows", "Rows that ended with an error.", ("pipeline",)),
    Spec("counter", "convoy_rows", "Rows of all batches.", ("pipeline",)),
    Spec(
        "counter",
        "convoy_retries",
        "Rows sent once more because no replica had answered.",
        ("pipeline", "stage"),
    ),
    Spec(
        "counter",
        "convoy_bisections",
        "How often a batch was split to find a faulty row.",
        ("pipeline", "stage"),
    ),
    Spec(
        "counter",
        "convoy_fallbacks",
        "Rows that took an optional step's fallback.",
        ("pipeline", "stage", "reason"),
    ),
    Spec(
        "counter",
        "convoy_dropped_rows",
        "Rows dropped on their way: cancelled, or late.",
        ("pipeline", "reason"),
    ),
    Spec(
        "counter",
        "convoy_orphans",
        "Rows sent after their cancellation had arrived: there must be none.",
        ("pipeline", "stage"),
    ),
    Spec(
        "counter",
        "convoy_stream_messages",
        "Messages with the results of a step of a streaming stage, for all rows of an ingress.",
        ("deployment",),
    ),
    Spec("counter", "convoy_stream_results", "Results of rows in them.", ("deployment",)),
    Spec("gauge", "convoy_stream_rows", "Rows under way that stream.", ("deployment",)),
    Spec(
        "gauge of one",
        "convoy_engine_rows",
        "Rows at a streaming stage's replicas, running or waiting for room.",
        ("deployment", "state"),
    ),
    Spec(
        "gauge of one",
        "convoy_engine_blocks",
        "Blocks of its replicas' caches, used or free.",
        ("deployment", "state"),
    ),
    Spec("gauge", "convoy_queue_rows", "Rows that wait.", ("pipeline",)),
    Spec("gauge", "convoy_queue_bytes", "Bytes that wait.", ("pipeline",)),
    Spec("gauge", "convoy_in_flight", "Batches under way.", ("pipeline",)),
    Spec("gauge", "convoy_ready", "Ingresses for which it is ready.", ("pipeline",)),
    Spec("gauge", "convoy_slots", "Batches that may be under way.", ("deployment",)),
    Spec("gauge", "convoy_slots_busy", "Slots that are taken.", ("deployment",)),
)


def markdown() -> str:
    """Write the metrics as the table of docs/observability.md."""
    lines = ["| metric | kind | labels | what it tells |", "|---|---|---|---|"]
    for spec in SPECS:
        name = f"{spec.name}_total" if spec.kind == "counter" else spec.name
        labels = ", ".join(spec.labels)
        kind = spec.kind.partition(" ")[0]
        lines.append(f"| `{name}` | {kind} | {labels} | {spec.help} |")
    return "\n".join(lines) + "\n"


class Metrics:
    """Counts what becomes of requests and batches: an Observer."""

    def __init__(self, folder: Path | None = None) -> None:
        """Begin with nothing counted.

        With a folder, all values of this process are in a file of it: ``endpoint.Node`` adds up
        those of every process, and keeps what the dead have counted.
        """
        if folder:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
            values.ValueClass = values.MultiProcessValue()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._metrics = {spec.name: _metric(spec, self.registry) for spec in SPECS}
        self._children: dict[tuple[str, ...], Any] = {}
        self._reasons = set(REFUSALS)

    def begin(self, plan: MeshPlan) -> None:
        """Show what may never happen as 0, so that a first time is seen as a rise."""
        for pipeline in plan.pipelines.values():
            for name, *labels in (
                *(("convoy_refusals", reason) for reason in REFUSALS),
                *(("convoy_dropped_rows", why) for why in ("cancelled", "late")),
                ("convoy_failed_rows",),
                *(
                    (name, hop.name)
                    for hop in pipeline.hops
                    for name in ("convoy_retries", "convoy_bisections", "convoy_orphans")
                ),
                *(("convoy_hop_failures", hop.name, GONE) for hop in pipeline.hops),
                *(("convoy_fallbacks", hop.name, LATE) for hop in pipeline.hops if hop.optional),
            ):
                self._child(name, pipeline.name, *labels)

    def ended(self, pipeline: str, request: Request, error: BaseException | None) -> None:
        """Count a request."""
        seconds = time.monotonic() - request.made
        priority = PRIORITIES[request.priority]
        code = "OK" if error is None else _code(error).name
        self._child("convoy_request_seconds", pipeline, code, priority).observe(seconds)
        left = request.journeys[0].left if request.journeys else request.made + seconds
        waited = self._child("convoy_queue_seconds", pipeline, priority)
        waited.observe(max(0.0, left - request.made))
        if isinstance(error, ConvoyError) and not request.journeys:
            self._child("convoy_refusals", pipeline, self._reason(error.reason)).inc()

    def landed(self, pipeline: str, journey: Journey) -> None:
        """Count a batch."""
        self._child("convoy_batch_rows", pipeline).observe(journey.rows)
        self._child("convoy_batch_requests", pipeline).observe(journey.requests)
        self._child("convoy_batch_bytes", pipeline).observe(journey.nbytes)
        self._child("convoy_batch_seconds", pipeline).observe(journey.landed - journey.left)
        self._child("convoy_rows", pipeline).inc(journey.rows)
        for crossing in journey.crossings:
            self.streamed(pipeline, crossing)
        late = journey.late + sum(one.report.expired for one in journey.crossings)
        for count, name, *labels in (
            (journey.failed, "convoy_failed_rows"),
            (journey.cancelled, "convoy_dropped_rows", "cancelled"),
            (late, "convoy_dropped_rows", "late"),
        ):
            if count:
                self._child(name, pipeline, *labels).inc(count)

    def streamed(self, pipeline: str, crossing: Crossing) -> None:
        """Count what went over a hop: a batch, or a row whose results come piece by piece."""
        stage, report, carriage = crossing.hop, crossing.report, crossing.carriage
        self._child("convoy_hop_seconds", pipeline, stage).observe(crossing.seconds)
        if crossing.error:
            reason = self._reason(crossing.error)
            self._child("convoy_hop_failures", pipeline, stage, reason).inc()
        else:
            for name, seconds in (
                ("convoy_hop_queue_seconds", report.queue_us / 1e6),
                ("convoy_compute_seconds", report.compute_us / 1e6),
                ("convoy_serialize_seconds", carriage.serialize_s),
            ):
                self._child(name, pipeline, stage).observe(seconds)
            carried = carriage.sent + carriage.received
            self._child("convoy_hop_bytes", pipeline, stage, carriage.transport).inc(carried)
        for name, count in (
            ("convoy_retries", crossing.sent_again),
            ("convoy_bisections", report.bisections),
            ("convoy_orphans", crossing.orphans),
        ):
            if count:
                self._child(name, pipeline, stage).inc(count)
        for reason, rows in crossing.fell_back.items():
            self._child("convoy_fallbacks", pipeline, stage, self._reason(reason)).inc(rows)

    def look(self, mesh: Mesh) -> None:
        """Set the gauges to what is now."""
        for name in mesh.plan.pipelines:
            pipeline = mesh.pipeline(name)
            self._child("convoy_queue_rows", name).set(pipeline.waiting)
            self._child("convoy_queue_bytes", name).set(pipeline.waiting_bytes)
            self._child("convoy_in_flight", name).set(pipeline.in_flight)
            self._child("convoy_ready", name).set(pipeline.ready)
        for name, streams in mesh.streams.items():
            self._child("convoy_stream_rows", name).set(streams.under_way)
            messages, results = streams.counted()
            self._child("convoy_stream_messages", name).inc(messages)
            self._child("convoy_stream_results", name).inc(results)
            self._engine(name, streams.statuses)
        for name, slots in mesh.slots.items():
            self._child("convoy_slots", name).set(slots.capacity)
            self._child("convoy_slots_busy", name).set(slots.busy)

    def _engine(self, deployment: str, statuses: Sequence[StreamStatus]) -> None:
        """Add up what replicas do; every ingress knows it of all that it has a session with."""
        free = sum(status.free_blocks for status in statuses)
        for name, state, value in (
            ("convoy_engine_rows", "running", sum(status.running for status in statuses)),
            ("convoy_engine_rows", "waiting", sum(status.waiting for status in statuses)),
            ("convoy_engine_blocks", "used", sum(status.blocks for status in statuses) - free),
            ("convoy_engine_blocks", "free", free),
        ):
            self._child(name, deployment, state).set(value)

    def _child(self, name: str, *labels: str) -> Any:
        """Give the series of a metric with these labels; looking it up anew costs more."""
        key = (name, *labels)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = self._metrics[name].labels(*labels)
        return child

    def _reason(self, reason: str) -> str:
        if reason not in self._reasons and len(self._reasons) >= REASONS:
            return OTHER
        self._reasons.add(reason)
        return reason


def _metric(spec: Spec, registry: CollectorRegistry) -> Any:
    common = (spec.name, spec.help, spec.labels)
    match spec.kind:
        case "histogram":
            return Histogram(*common, registry=registry, buckets=spec.buckets)
        case "counter":
            return Counter(*common, registry=registry)
        case "gauge":
            return Gauge(*common, registry=registry, multiprocess_mode="livesum")
        case _:  # every ingress has the same to tell
            return Gauge(*common, registry=registry, multiprocess_mode="livemax")


def _code(error: BaseException) -> Code:
    match error:
        case ConvoyError():
            return error.code
        case CancelledError():
            return Code.CANCELLED
        case _:
            return Code.INTERNAL
