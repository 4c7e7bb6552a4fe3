"""What the standard OTEL_* variables make of a process."""

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as pb
from opentelemetry.sdk.trace.sampling import Decision

from convoy_services.telemetry import tracing
from convoy_services.telemetry.ring import MOST, Ring


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for key in ("TRACES_SAMPLER", "TRACES_EXPORTER", "EXPORTER_OTLP_ENDPOINT", "SERVICE_NAME"):
        monkeypatch.delenv(f"OTEL_{key}", raising=False)
    return monkeypatch


@pytest.fixture
def received() -> Iterator[tuple[str, list[pb.ExportTraceServiceRequest]]]:
    """An OTLP collector over HTTP: its address and what it got."""
    requests = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            assert self.path == "/v1/traces"
            requests.append(pb.ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", requests
    server.shutdown()
    server.server_close()
    thread.join(10)


def test_spans_go_out_over_http_where_that_is_asked_for(
    environment: pytest.MonkeyPatch,
    received: tuple[str, list[pb.ExportTraceServiceRequest]],
) -> None:
    address, requests = received
    environment.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
    environment.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    environment.setenv("OTEL_SERVICE_NAME", "shop")
    provider = tracing.provider("encode")
    provider.get_tracer("test").start_span("one").end()
    provider.shutdown()
    [request] = requests
    [resource] = request.resource_spans
    named = {pair.key: pair.value.string_value for pair in resource.resource.attributes}
    assert named["service.name"] == "shop/encode"
    assert [span.name for span in resource.scope_spans[0].spans] == ["one"]


def test_without_an_endpoint_nothing_goes_out(environment: pytest.MonkeyPatch) -> None:
    assert tracing._exporting() == []
    environment.setenv("OTEL_TRACES_EXPORTER", "none")
    environment.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    assert tracing._exporting() == []


def test_an_exporter_that_there_is_not_is_refused_by_name(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("OTEL_TRACES_EXPORTER", "pigeon")
    with pytest.raises(ValueError, match="'pigeon'"):
        tracing.provider("x")


def test_a_rate_is_sampled_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 50.0
    monkeypatch.setattr(tracing.time, "monotonic", lambda: now)
    sampler = tracing.RateLimited(10.0)

    def sampled(tries: int) -> int:
        decisions = [sampler.should_sample(None, n, "x").decision for n in range(tries)]
        return decisions.count(Decision.RECORD_AND_SAMPLE)

    assert sampled(100) == 10
    now += 0.5
    assert sampled(100) == 5
    now += 60
    assert sampled(100) == 10


def test_the_standard_sampler_stands_in_for_the_rate(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("OTEL_TRACES_SAMPLER", "always_off")
    assert not tracing.provider("x").get_tracer("t").start_span("one").is_recording()


def test_the_ring_keeps_the_last_spans_as_plain_data() -> None:
    ring = Ring()
    provider = tracing.provider("encode")
    provider.add_span_processor(ring)
    tracer = provider.get_tracer("t")
    for n in range(3):
        span = tracer.start_span(f"span {n}", attributes={"rows": n, "steps": ["a"]})
        span.add_event("drop", {"rows": 1})
        span.end()
    last = ring.spans()[-1]
    assert (last["name"], last["service"], last["parent"]) == ("span 2", "convoy/encode", None)
    assert last["attributes"] == {"rows": 2, "steps": ["a"]}
    assert last["events"][0]["name"] == "drop"
    assert ring._spans.maxlen == MOST
