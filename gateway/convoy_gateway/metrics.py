"""What a gateway counts, in Prometheus's words; ``/metrics`` shows it."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

REQUESTS = Counter(
    "convoy_gateway_requests",
    "Requests answered, by dialect, method and code",
    ["dialect", "method", "code"],
    registry=REGISTRY,
)
SECONDS = Histogram(
    "convoy_gateway_request_seconds",
    "From a request's headers to the end of its answer",
    ["dialect"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
    registry=REGISTRY,
)
OPEN = Gauge(
    "convoy_gateway_requests_in_flight", "Requests that are not answered yet", registry=REGISTRY
)
REFUSED = Counter(
    "convoy_gateway_connections_refused",
    "Connections refused before there was a request, by HTTP status",
    ["status"],
    registry=REGISTRY,
)
TOGETHER = Histogram(
    "convoy_gateway_relay_calls",
    "Calls that crossed to the mesh in one message",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
    registry=REGISTRY,
)
