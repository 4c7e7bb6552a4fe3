"""An OTLP collector that keeps every span."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, NamedTuple, Self

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as pb
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as grpc_pb

WITHIN = 30.0
"""Seconds in which spans must come; a deadline, never an expectation."""


class Span(NamedTuple):
    """A span, and the service that made it."""

    service: str
    proto: Any

    @property
    def name(self) -> str:
        return str(self.proto.name)

    @property
    def id(self) -> bytes:
        return bytes(self.proto.span_id)

    @property
    def parent(self) -> bytes:
        return bytes(self.proto.parent_span_id)

    @property
    def trace(self) -> str:
        return bytes(self.proto.trace_id).hex()

    @property
    def links(self) -> set[bytes]:
        return {bytes(link.span_id) for link in self.proto.links}

    @property
    def attributes(self) -> dict[str, Any]:
        return {pair.key: _value(pair.value) for pair in self.proto.attributes}

    @property
    def events(self) -> list[str]:
        return [event.name for event in self.proto.events]


class Collector(grpc_pb.TraceServiceServicer):
    """Answers OTLP over gRPC on a port of its own."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self._came = threading.Condition()
        self._server = grpc.server(ThreadPoolExecutor(1))
        grpc_pb.add_TraceServiceServicer_to_server(self, self._server)
        self._port = self._server.add_insecure_port("127.0.0.1:0")

    @property
    def environment(self) -> dict[str, str]:
        """What a mesh must be told: only callers that are traced themselves are traced."""
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self._port}",
            "OTEL_TRACES_SAMPLER": "parentbased_always_off",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        }

    async def until(self, enough: Callable[[list[Span]], bool]) -> list[Span]:
        """Wait until what came is enough."""
        return await asyncio.to_thread(self._wait, enough)

    def _wait(self, enough: Callable[[list[Span]], bool]) -> list[Span]:
        with self._came:
            there = self._came.wait_for(lambda: enough(self.spans), WITHIN)
            assert there, f"the spans did not come: {[span.name for span in self.spans[-20:]]}"
            return list(self.spans)

    def Export(self, request: Any, context: Any) -> Any:
        for of in request.resource_spans:
            [service] = [
                pair.value.string_value
                for pair in of.resource.attributes
                if pair.key == "service.name"
            ]
            for scope in of.scope_spans:
                with self._came:
                    self.spans += [Span(service, span) for span in scope.spans]
                    self._came.notify_all()
        return pb.ExportTraceServiceResponse()

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._server.stop(None)


def _value(value: Any) -> Any:
    which = value.WhichOneof("value")
    if which == "array_value":
        return [_value(one) for one in value.array_value.values]
    return getattr(value, which)
