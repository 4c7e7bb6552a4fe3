"""Spans of a batch and its hops, as an exporter gets them."""

import time

import pytest
from opentelemetry import baggage, trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from convoy import Batch, Tensor
from convoy_services.mesh import trace as ours
from convoy_services.mesh.hop import Carriage, StageReport, Transport
from convoy_services.mesh.job import Computed
from convoy_services.mesh.journey import Crossing, Journey
from convoy_services.mesh.request import Request
from tests.unit.mesh.simulator import Stage, chain
from tests.unit.mesh.virtual_time import simulate

[HOP] = chain({"encode": Stage(lambda _: 0.0)}).plan.pipelines["chain"].hops


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(ours, "_tracer", provider.get_tracer("test"))
    return exporter


def request(context: Context) -> Request:
    async def make() -> Request:
        batch = Batch(rows=1, columns={"x": Tensor.texts(["a"])})
        return Request(inputs=batch, deadline=60.0, context=context)

    return simulate(make())


def traced() -> Context:
    """Make the context of a sampled call, with baggage."""
    span = ours._tracer.start_span("call")
    return trace.set_span_in_context(span, baggage.set_baggage("team", "search", Context()))


def named(exporter: InMemorySpanExporter, name: str) -> ReadableSpan:
    [span] = [span for span in exporter.get_finished_spans() if span.name == name]
    return span


def test_what_happens_on_the_way_is_told_as_events(exported: InMemorySpanExporter) -> None:
    journey = Journey(rows=3, requests=1, left=time.monotonic(), cancelled=1, late=2)
    journey.context = ours.begin_batch("p", journey, [request(traced())])
    crossing = Crossing(hop="encode", rows=3, began=time.monotonic(), sent_again=2)
    with ours.hop_span(journey.context, HOP, crossing) as headers:
        crossing.report = StageReport(queue_us=5, compute_us=7, expired=1, bisections=3)
        crossing.carriage = Carriage(transport=Transport.REFERENCE, sent=10, received=20)
        crossing.fell_back["BUDGET_EXCEEDED"] = 1
    assert headers["baggage"] == "team=search"
    journey.landed = time.monotonic()
    ours.end_batch(journey)
    hop, batch = named(exported, "hop encode"), named(exported, "batch p")
    assert [event.name for event in hop.events] == ["retry", "bisection", "drop", "fallback"]
    assert [dict(event.attributes or {})["convoy.reason"] for event in batch.events] == [
        "cancelled",
        "late",
    ]
    assert hop.attributes is not None
    assert hop.attributes["convoy.transport"] == "reference"
    assert hop.attributes["convoy.queue_us"] == 5
    assert hop.parent is not None
    assert hop.parent.span_id == batch.context.span_id


def test_a_hop_that_fails_says_why_and_nothing_of_an_answer(
    exported: InMemorySpanExporter,
) -> None:
    crossing = Crossing(hop="encode", rows=1, began=time.monotonic())
    with ours.hop_span(traced(), HOP, crossing):
        crossing.error = "REPLICA_UNAVAILABLE"
    hop = named(exported, "hop encode")
    assert hop.status.description == "REPLICA_UNAVAILABLE"
    assert "convoy.transport" not in (hop.attributes or {})


def test_what_a_stage_computed_is_a_span_for_each_part(exported: InMemorySpanExporter) -> None:
    ended = time.time_ns()
    parts = [Computed(ended, 0.5, 2, 8, 0), Computed(ended, 0.25, 1, 1, 2)]
    ours.compute_spans(ours.headers(traced()), "encode", parts)
    spans = [s for s in exported.get_finished_spans() if s.name == "compute encode"]
    assert [(s.end_time - s.start_time) / 1e9 for s in spans] == [0.5, 0.25]
    assert [dict(s.attributes or {})["convoy.rows.together"] for s in spans] == [8, 1]
    assert [event.name for event in spans[1].events] == ["bisection"]


def test_what_nobody_samples_makes_no_spans(exported: InMemorySpanExporter) -> None:
    journey = Journey(rows=1, requests=1)
    journey.context = ours.begin_batch("p", journey, [request(Context())])
    crossing = Crossing(hop="encode", rows=1, began=0.0)
    with ours.hop_span(journey.context, HOP, crossing) as headers:
        assert headers == {}
    ours.end_batch(journey)
    ours.compute_spans(headers, "encode", [Computed(0, 0.1, 1, 1, 0)])
    assert exported.get_finished_spans() == ()
