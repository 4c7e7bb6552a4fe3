"""Spans of a batch: the whole, each hop, what a stage computed.

OpenTelemetry's API alone: where no request of a batch is sampled nothing is made. Fan-in is told as
the messaging conventions have it: the span of a batch continues the trace of its first request and
links every request in it; the others link the batch.
https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode

from convoy_services.mesh.plan import HopPlan

if TYPE_CHECKING:
    from convoy_services.mesh.job import Computed
    from convoy_services.mesh.journey import Crossing, Journey
    from convoy_services.mesh.request import Request

_tracer = trace.get_tracer("convoy")


def headers(context: Context) -> dict[str, str]:
    """Write a context as W3C headers, baggage included; none where it is not sampled."""
    carrier: dict[str, str] = {}
    if sampled(context):
        propagate.inject(carrier, context)
    return carrier


def trace_id(context: Context) -> str:
    """Give the trace that a context belongs to, in hex; empty where there is none."""
    span = _span_context(context)
    return f"{span.trace_id:032x}" if span.is_valid else ""


def sampled(context: Context) -> bool:
    """Whether spans are to be made below this context's span."""
    return bool(_span_context(context).trace_flags.sampled)


def _span_context(context: Context) -> SpanContext:
    return trace.get_current_span(context).get_span_context()


def nanoseconds(at: float) -> int:
    """Turn a time of ``time.monotonic`` into nanoseconds since the epoch."""
    return time.time_ns() - round((time.monotonic() - at) * 1e9)


def begin_batch(pipeline: str, journey: "Journey", requests: Sequence["Request"]) -> Context:
    """Begin the span of a batch that leaves the queue, where a request in it is sampled."""
    traced = [request for request in requests if sampled(request.context)]
    if not traced:
        return Context()
    first = traced[0].context
    span = _tracer.start_span(
        f"batch {pipeline}",
        first,
        attributes={
            "convoy.pipeline": pipeline,
            "convoy.batch.requests": journey.requests,
            "convoy.batch.rows": journey.rows,
            "convoy.batch.bytes": journey.nbytes,
            "convoy.model_version": journey.version,
        },
        links=[Link(_span_context(request.context)) for request in traced],
        start_time=nanoseconds(journey.left),
    )
    for request in traced[1:]:
        trace.get_current_span(request.context).add_link(span.get_span_context())
    return trace.set_span_in_context(span, first)


def end_batch(journey: "Journey") -> None:
    """End the span of a batch, with what it lost on its way."""
    if not sampled(journey.context):
        return
    span = trace.get_current_span(journey.context)
    for why, rows in (("cancelled", journey.cancelled), ("late", journey.late)):
        if rows:
            span.add_event("drop", {"convoy.rows": rows, "convoy.reason": why})
    span.end(nanoseconds(journey.landed))


@contextmanager
def hop_span(batch: Context, hop: HopPlan, crossing: "Crossing") -> Iterator[dict[str, str]]:
    """Trace the crossing of a hop; gives the headers that are to travel along."""
    if not sampled(batch):
        yield {}
        return
    span = _hop(batch, hop, crossing)
    try:
        yield headers(trace.set_span_in_context(span, batch))
    finally:
        _tell(span, crossing)
        span.end()


def stream_span(request: Context, hop: HopPlan, crossing: "Crossing") -> None:
    """Trace a row whose results came piece by piece, once it has ended: below its own request."""
    if sampled(request):
        span = _hop(request, hop, crossing)
        if crossing.error:
            span.set_status(Status(StatusCode.ERROR, crossing.error))
        span.end(nanoseconds(crossing.ended))


def _hop(around: Context, hop: HopPlan, crossing: "Crossing") -> Span:
    return _tracer.start_span(
        f"hop {hop.name}",
        around,
        SpanKind.CLIENT,
        attributes={
            "convoy.step": hop.name,
            "convoy.stage": [step.stage for step in hop.steps],
            "convoy.deployment": hop.link,
            "convoy.rows": crossing.rows,
        },
        start_time=nanoseconds(crossing.began),
    )


def _tell(span: Span, crossing: "Crossing") -> None:
    """Write down how a crossing went."""
    report, carriage = crossing.report, crossing.carriage
    if crossing.error:
        span.set_status(Status(StatusCode.ERROR, crossing.error))
    else:
        span.set_attributes(
            {
                "convoy.transport": carriage.transport.value,
                "convoy.bytes.sent": carriage.sent,
                "convoy.bytes.received": carriage.received,
                "convoy.serialize_us": round(carriage.serialize_s * 1e6),
                "convoy.queue_us": report.queue_us,
                "convoy.compute_us": report.compute_us,
            }
        )
    if crossing.sent_again:
        span.add_event("retry", {"convoy.rows": crossing.sent_again})
    if report.bisections:
        span.add_event("bisection", {"convoy.splits": report.bisections})
    if report.expired:
        span.add_event("drop", {"convoy.rows": report.expired, "convoy.reason": "late"})
    for reason, rows in crossing.fell_back.items():
        span.add_event("fallback", {"convoy.rows": rows, "convoy.reason": reason})


def compute_spans(hop: Mapping[str, str], stage: str, computed: Sequence["Computed"]) -> None:
    """Trace what a stage computed for one call, by its headers: a span for each part."""
    if not hop:
        return
    context = propagate.extract(hop, Context())
    for part in computed:
        span = _tracer.start_span(
            f"compute {stage}",
            context,
            attributes={
                "convoy.stage": stage,
                "convoy.rows": part.rows,
                "convoy.rows.together": part.together,
            },
            start_time=part.ended_ns - round(part.seconds * 1e9),
        )
        if part.bisections:
            span.add_event("bisection", {"convoy.splits": part.bisections}, part.ended_ns)
        span.end(part.ended_ns)
