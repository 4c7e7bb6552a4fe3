"""What the HTTP gateway costs: an echo of 100 bytes through it, and straight to the gRPC port."""

from contextlib import ExitStack

from google.protobuf.json_format import MessageToJson

from benchmarks.contestants.convoy import Convoy, echo
from benchmarks.echo import cases
from benchmarks.outcome import Chart, Outcome
from benchmarks.rounds import Measure, Ratio, Rounds, interleave, ratio
from benchmarks.texts import payloads
from benchmarks.worker import Worker
from benchmarks.wrk import Wrk
from convoy import Batch, Tensor
from convoy.v1 import pipeline_pb2 as pb
from convoy.wire import write_batch

IN_FLIGHT = 64
NATIVE = "gRPC port, Python client"
BINARY = "gateway, Connect, wrk"
JSON = "gateway, Connect-JSON, wrk"


def run(rounds: int, seconds: float) -> Outcome:
    """Load the gRPC port and the gateway in turn."""
    with ExitStack() as stack:
        mesh = stack.enter_context(Convoy(echo(), gateway=True))
        load = stack.enter_context(Worker("benchmarks.load"))
        native = {NATIVE: mesh.ready}
        assert mesh.mesh.url
        requests = _requests(mesh.mesh.url)
        for request in requests.values():
            request.answer()
        busy = interleave(
            "gateway",
            cases(load, native, IN_FLIGHT, seconds) | _cases(requests, IN_FLIGHT, seconds),
            rounds,
        )
        alone = interleave(
            "gateway",
            cases(load, native, 1, seconds / 2) | _cases(requests, 1, seconds / 2),
            rounds,
        )
    return Outcome(
        suite="gateway",
        charts=[
            Chart(title=f"{IN_FLIGHT} in flight", results=busy, key="rate", unit="requests/s"),
            Chart(title="1 in flight, p50", results=alone, key="p50_ms", unit="ms"),
        ],
        ratios=[
            ratio(busy, BINARY, NATIVE, "rate", goal="1.0 at least"),
            ratio(busy, JSON, NATIVE, "rate"),
            _added(alone),
        ],
        notes=[
            "wrk is Debian's; it loads from a process in C, the gRPC port's client is grpc.aio."
        ],
    )


def _requests(url: str) -> dict[str, Wrk]:
    message = pb.RunRequest(pipeline="echo")
    write_batch(Batch(rows=1, columns={"data": Tensor.texts(payloads()[:1])}), message.batch)
    where = f"{url}/convoy.v1.PipelineService/Run"
    text = MessageToJson(message).encode()
    return {
        BINARY: Wrk(url=where, body=message.SerializeToString(), content_type="application/proto"),
        JSON: Wrk(url=where, body=text, content_type="application/json"),
    }


def _cases(requests: dict[str, Wrk], in_flight: int, seconds: float) -> dict[str, Measure]:
    def case(request: Wrk) -> Measure:
        return lambda: request.measure(in_flight, seconds)

    return {name: case(request) for name, request in requests.items()}


def _added(alone: Rounds) -> Ratio:
    """Tell the milliseconds that the way through the gateway adds."""
    pairs = zip(alone[BINARY], alone[NATIVE], strict=True)
    added = tuple(gateway["p50_ms"] - native["p50_ms"] for gateway, native in pairs)
    return Ratio("ms added at 1 in flight, p50", added, "less than 2")
