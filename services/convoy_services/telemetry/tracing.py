"""OpenTelemetry's SDK in one process of the mesh, as the standard OTEL_* variables say.

https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

import os
import time
from collections.abc import Sequence
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
from opentelemetry.sdk.trace.sampling import Decision, ParentBased, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.util.types import Attributes

from convoy_services.telemetry.ring import Ring

ring = Ring()
"""The last spans of this process."""

RATE = 10.0
"""Traces a second that are sampled where OTEL_TRACES_SAMPLER says nothing."""


def install(service: str) -> None:
    """Trace this process, one service of the mesh; OTEL_SDK_DISABLED=true leaves it out."""
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() != "true":
        trace.set_tracer_provider(provider(service))


def provider(service: str) -> TracerProvider:
    """Make what samples and exports spans; raises ValueError for an exporter that there is not."""
    mesh = os.environ.get("OTEL_SERVICE_NAME", "convoy")
    resource = Resource.create({"service.namespace": mesh, "service.name": f"{mesh}/{service}"})
    by_rate = ParentBased(RateLimited(RATE))
    sampler = None if os.environ.get("OTEL_TRACES_SAMPLER") else by_rate
    made = TracerProvider(sampler=sampler, resource=resource)
    for processor in (ring, *_exporting()):
        made.add_span_processor(processor)
    return made


class RateLimited(Sampler):
    """Samples so many traces a second and no more: those of a person who tries things, all."""

    def __init__(self, rate: float) -> None:
        """Begin with a second's worth."""
        self._rate = rate
        self._left = rate
        self._last = time.monotonic()

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Sample while there is something left of the rate (a token bucket)."""
        now = time.monotonic()
        self._left = min(self._rate, self._left + (now - self._last) * self._rate)
        self._last = now
        if self._left < 1:
            return SamplingResult(Decision.DROP)
        self._left -= 1
        return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes)

    def get_description(self) -> str:
        """Name the sampler."""
        return f"RateLimited{{{self._rate:g}/s}}"


def _exporting() -> list[SpanProcessor]:
    """Make what OTEL_TRACES_EXPORTER asks for; OTLP where only an endpoint is given."""
    endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
    otlp = "otlp" if any(map(os.environ.get, endpoint)) else "none"
    names = os.environ.get("OTEL_TRACES_EXPORTER") or otlp
    return [
        BatchSpanProcessor(_exporter(name.strip()))
        for name in names.split(",")
        if name.strip() != "none"
    ]


def _exporter(name: str) -> SpanExporter:
    """Make an exporter; what it needs is imported only here. Raises ValueError."""
    protocol: Any = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or os.environ.get(
        "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"
    )
    match name, protocol:
        case "console", _:
            return ConsoleSpanExporter()
        case "otlp", "grpc":
            from opentelemetry.exporter.otlp.proto.grpc import trace_exporter as over_grpc

            return over_grpc.OTLPSpanExporter()
        case "otlp", "http/protobuf":
            from opentelemetry.exporter.otlp.proto.http import trace_exporter as over_http

            return over_http.OTLPSpanExporter()
        case _:
            raise ValueError(f"there is no trace exporter {name!r} over {protocol!r}")
