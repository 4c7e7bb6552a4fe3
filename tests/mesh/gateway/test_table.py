"""Every dialect by clients that are not ours: calls, streams, and what may become of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import grpc
import pytest

from convoy import Code
from convoy.oip.v2 import inference_pb2 as oip
from convoy.oip.v2 import inference_pb2_grpc as oip_grpc
from convoy_services.local.mesh import LocalMesh
from tests.mesh.calls import TIMEOUT
from tests.mesh.gateway.asked import VENDOR, Ask, Client, Outcome
from tests.mesh.gateway.conftest import Upstream
from tests.mesh.gateway.process import Forwarder, Gateway, until
from tests.mesh.gateway.table import CASES, CLIENTS, KILLED, SILENT, STREAMS, TABLE
from tests.mesh.leaks import Leaks

ROWS = (b"one", b"two words", "Grüße aus Köln".encode())
MANY = tuple(b"row %d" % n for n in range(600))
"""More than two batches take."""
LONG = tuple(b"%d " % n + b"many more words " * 40 for n in range(96))
"""Texts that take a while to embed."""
HUGE = b"x" * (3 << 19)
"""More than the gateway takes."""
SOON = 0.5
"""Seconds of a deadline that is to pass."""
PASSED = 1e-6
"""Seconds of one that has passed by the time it arrives."""

DOWN, AGAIN = "a call while upstream is down", "a call when it is back"

STATUSES = {
    Code.OK: 200,
    Code.INVALID_ARGUMENT: 400,
    Code.DEADLINE_EXCEEDED: 504,
    Code.UNAVAILABLE: 503,
}
"""HTTP's, in the REST dialects."""


@dataclass(frozen=True, slots=True)
class Bench:
    """A client, and what it meets."""

    client: Client
    edge: Gateway
    upstream: Upstream
    leaks: Leaks
    held: bytes
    frail: Callable[[], Mapping[tuple[str, str], Outcome]]

    def done(self, ask: Ask) -> Outcome:
        return self.looked_at(self.client.start(self.edge.base, ask).outcome())

    def looked_at(self, outcome: Outcome) -> Outcome:
        self.leaks.look(self.client.name, outcome.message, *outcome.headers.values())
        return outcome

    def plain(self, rows: Sequence[bytes] = ROWS) -> Ask:
        if self.client.dialect == "openai":
            return Ask(pipeline="embedding", column="text", rows=rows)
        return Ask(pipeline="echo", rows=rows)

    def faulty(self) -> tuple[Ask, tuple[str, ...]]:
        """Give what is wrong, and the fields that are at fault."""
        match self.client.dialect:
            case "openai":
                return self.plain([b"fine", b""]), ("input[1]",)
            case "oip":
                return replace(self.plain(), column="date"), ("inputs[0].name", "inputs")
        return replace(self.plain(), column="date"), ("batch.tensors", "batch.tensors[date]")

    def slow(self) -> Ask:
        """Give what does not end before the test does, or not soon."""
        if self.client.dialect == "openai":
            return self.plain(LONG)
        return Ask(pipeline="fussy", rows=[self.held])

    def slow_stream(self) -> Ask:
        """Give what has a first message, and does not end before the test does."""
        return Ask(pipeline="fussy", rows=[*MANY, self.held], stream=True)

    def is_told(
        self,
        outcome: Outcome,
        code: Code,
        reason: str,
        violations: tuple[str, ...] = (),
        retry_after: float | None = None,
        status: int | None = None,
    ) -> None:
        """Compare an error with what is due."""
        if self.client.dialect in {"oip", "openai"}:
            assert outcome.status == (status or STATUSES[code]), outcome
        if self.client.dialect in {"connect", "grpc-web"} or outcome.code is not None:
            assert outcome.code == code.name, outcome
        assert outcome.message, outcome
        if self.client.name not in SILENT:
            told = (outcome.reason, outcome.violations, outcome.retry_after)
            assert told == (reason, violations, retry_after), outcome

    def saw(self, ask: Ask, *codes: Code) -> None:
        """Expect that the mesh was called once, in the caller's trace, with one of the codes."""
        (span,) = self.upstream.spans(ask.trace)
        assert span.attributes["rpc.grpc.status_code"] in codes
        assert span.proto.trace_state == VENDOR

    def give_up(self, ask: Ask) -> None:
        before = self.upstream.left(ask.pipeline)
        running = self.client.start(self.edge.base, ask)
        until(lambda: self.upstream.left(ask.pipeline) > before, "a batch that leaves")
        if ask.stream:
            running.first()
        running.cancel()
        assert running.outcome().code == "CANCELLED"
        self.saw(ask, Code.CANCELLED)


def a_call(bench: Bench) -> None:
    ask = bench.plain()
    outcome = bench.done(ask)
    assert outcome.code == "OK" or outcome.status == 200, outcome
    assert outcome.rows == len(ROWS)
    if bench.client.dialect != "openai":
        assert outcome.data == list(ROWS)
    bench.saw(ask, Code.OK)


def an_error(bench: Bench) -> None:
    ask, fields = bench.faulty()
    outcome = bench.done(ask)
    reason = "INVALID_TENSOR" if bench.client.dialect == "oip" else "INVALID_REQUEST"
    bench.is_told(outcome, Code.INVALID_ARGUMENT, reason, fields)
    bench.saw(ask, Code.INVALID_ARGUMENT)


def a_retry(bench: Bench) -> None:
    ask = bench.plain()
    with closed(bench.upstream.mesh, ask.pipeline):
        outcome = bench.done(ask)
    bench.is_told(outcome, Code.UNAVAILABLE, "PIPELINE_CLOSED", retry_after=1.0)


def a_deadline(bench: Bench) -> None:
    ask = replace(bench.slow(), timeout=SOON)
    if bench.client.dialect == "openai":
        ask = replace(bench.plain(), timeout=PASSED)
    outcome = bench.done(ask)
    late(bench, ask, outcome)


def late(bench: Bench, ask: Ask, outcome: Outcome) -> None:
    """Expect DEADLINE_EXCEEDED, and that the mesh did not work on.

    It was told the deadline, and the gateway cancels when that has passed: whichever it saw first.
    """
    if bench.client.name.startswith("connect-"):  # by its own clock, maybe: then it knows no reason
        assert outcome.code == "DEADLINE_EXCEEDED", outcome
    else:
        bench.is_told(outcome, Code.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")
    bench.saw(ask, Code.DEADLINE_EXCEEDED, Code.CANCELLED)


def a_call_given_up(bench: Bench) -> None:
    bench.give_up(bench.slow())


def an_oversized_body(bench: Bench) -> None:
    outcome = bench.done(bench.plain([HUGE]))
    bench.is_told(outcome, Code.RESOURCE_EXHAUSTED, "BODY_TOO_LARGE", status=413)
    a_call(bench)


def a_stream(bench: Bench) -> None:
    ask = replace(bench.plain(MANY), stream=True)
    outcome = bench.done(ask)
    assert outcome.code == "OK", outcome
    assert sorted(outcome.data or ()) == sorted(MANY)
    assert outcome.messages > 1
    bench.saw(ask, Code.OK)


def a_streams_error(bench: Bench) -> None:
    ask, fields = bench.faulty()
    ask = replace(ask, stream=True)
    outcome = bench.done(ask)
    bench.is_told(outcome, Code.INVALID_ARGUMENT, "INVALID_REQUEST", fields)
    bench.saw(ask, Code.INVALID_ARGUMENT)


def a_streams_deadline(bench: Bench) -> None:
    ask = replace(bench.slow_stream(), timeout=SOON)
    outcome = bench.done(ask)
    late(bench, ask, outcome)


def a_stream_given_up(bench: Bench) -> None:
    bench.give_up(bench.slow_stream())


def a_streams_oversized_body(bench: Bench) -> None:
    outcome = bench.done(replace(bench.plain([HUGE]), stream=True))
    bench.is_told(outcome, Code.RESOURCE_EXHAUSTED, "BODY_TOO_LARGE")
    a_call(bench)


def a_call_upstream_killed(bench: Bench) -> None:
    outcome = bench.looked_at(bench.frail()[bench.client.name, "a call, upstream killed"])
    bench.is_told(outcome, Code.UNAVAILABLE, "UPSTREAM_UNAVAILABLE", retry_after=1.0)


def a_stream_upstream_killed(bench: Bench) -> None:
    outcome = bench.looked_at(bench.frail()[bench.client.name, "a stream, upstream killed"])
    assert outcome.messages > 0, outcome
    bench.is_told(outcome, Code.UNAVAILABLE, "UPSTREAM_UNAVAILABLE", retry_after=1.0)


DO: dict[str, Callable[[Bench], None]] = dict(
    zip(
        CASES,
        (
            a_call,
            an_error,
            a_retry,
            a_deadline,
            a_call_given_up,
            an_oversized_body,
            a_call_upstream_killed,
            a_stream,
            a_streams_error,
            a_streams_deadline,
            a_stream_given_up,
            a_streams_oversized_body,
            a_stream_upstream_killed,
        ),
        strict=True,
    )
)


@pytest.fixture(scope="module")
def outage(
    clients: Mapping[str, Client],
    frail: Gateway,
    forwarder: Forwarder,
    upstream: Upstream,
    tmp_path_factory: pytest.TempPathFactory,
) -> Mapping[tuple[str, str], Outcome]:
    """Kill the way to the mesh once, under a call and a stream of every client."""
    end = tmp_path_factory.mktemp("outage") / "end"
    held = f"wait for {str(end).encode().hex()}".encode()
    running = {}
    try:
        for name, case in TABLE:
            if case in KILLED:
                ask = _held_by(clients[name], held, stream=case in STREAMS)
                running[name, case] = clients[name].start(frail.base, ask)
        for (_, case), each in running.items():
            if case in STREAMS:
                each.first()
        until(lambda: frail.in_flight() == len(running), "all calls")
        forwarder.kill()
        outcomes = {key: each.outcome() for key, each in running.items()}
        down = {
            (name, DOWN): clients[name].start(frail.base, _quick(clients[name])).outcome()
            for name in CLIENTS
        }
        assert frail.get("/livez")[0] == 200
        status, headers, _ = frail.get("/readyz")
        assert (status, headers["retry-after"]) == (503, "1")
    finally:
        end.touch()
        forwarder.open()
    until(lambda: frail.get("/readyz")[0] == 200, "the mesh once more")
    again = {
        (name, AGAIN): clients[name].start(frail.base, _quick(clients[name])).outcome()
        for name in CLIENTS
    }
    return {**outcomes, **down, **again}


def _quick(client: Client) -> Ask:
    if client.dialect == "openai":
        return Ask(pipeline="embedding", column="text", rows=ROWS)
    return Ask(pipeline="echo", rows=ROWS)


def _held_by(client: Client, held: bytes, *, stream: bool) -> Ask:
    """Give what is not done before the outage; of a stream, one message is."""
    if client.dialect == "openai":
        return Ask(pipeline="embedding", column="text", rows=LONG * 4)
    if stream:
        return Ask(pipeline="fussy", rows=[b"fine", held], stream=True, relayed=True)
    return Ask(pipeline="fussy", rows=[held])


@contextmanager
def closed(mesh: LocalMesh, pipeline: str) -> Iterator[None]:
    """Have a pipeline admit nothing for a while."""
    with grpc.insecure_channel(mesh.target) as channel:
        stub = oip_grpc.GRPCInferenceServiceStub(channel)
        unload = oip.RepositoryModelUnloadRequest(model_name=pipeline)
        stub.RepositoryModelUnload(unload, timeout=TIMEOUT)
        try:
            yield
        finally:
            load = oip.RepositoryModelLoadRequest(model_name=pipeline)
            stub.RepositoryModelLoad(load, timeout=TIMEOUT)


@pytest.mark.parametrize(("name", "case"), TABLE, ids=map(": ".join, TABLE))
def test_it_is_as_by_grpc(
    name: str,
    case: str,
    clients: Mapping[str, Client],
    edge: Gateway,
    upstream: Upstream,
    leaks: Leaks,
    held: bytes,
    request: pytest.FixtureRequest,
) -> None:
    bench = Bench(
        clients[name], edge, upstream, leaks, held, lambda: request.getfixturevalue("outage")
    )
    DO[case](bench)


@pytest.mark.parametrize("name", CLIENTS)
def test_a_call_while_the_mesh_is_down_is_told_so(
    name: str,
    clients: Mapping[str, Client],
    edge: Gateway,
    upstream: Upstream,
    leaks: Leaks,
    outage: Mapping[tuple[str, str], Outcome],
) -> None:
    bench = Bench(clients[name], edge, upstream, leaks, b"", lambda: outage)
    outcome = bench.looked_at(outage[name, DOWN])
    bench.is_told(outcome, Code.UNAVAILABLE, "UPSTREAM_UNAVAILABLE", retry_after=1.0)


@pytest.mark.parametrize("name", CLIENTS)
def test_calls_work_again_when_the_mesh_is_back(
    name: str, outage: Mapping[tuple[str, str], Outcome]
) -> None:
    outcome = outage[name, AGAIN]
    assert outcome.code == "OK" or outcome.status == 200, outcome
    assert outcome.rows == len(ROWS)
