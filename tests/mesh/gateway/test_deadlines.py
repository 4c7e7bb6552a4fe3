"""What an upstream is told of each dialect's deadline, by one that notes it and never answers."""

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import grpc
import pytest

from convoy.v1 import relay_pb2 as pb
from tests.mesh.gateway.asked import Ask, Client
from tests.mesh.gateway.process import WITHIN, Gateway, gateway, until
from tests.mesh.gateway.table import left_out

DEFAULT, MOST = 25.0, 50.0
"""Seconds: the gateway's --timeout and --max-timeout."""
ASKED = 17.0
"""Seconds that the client asks for; nobody waits for them."""


@dataclass
class Noting(grpc.GenericRpcHandler):
    """Notes the deadline of each call, and counts those that are cancelled."""

    told: list[float] = field(default_factory=list)
    """Seconds."""
    cancelled: int = 0

    def service(self, details: Any) -> Any:
        if details.method == "/convoy.v1.RelayService/Relay":
            return grpc.stream_stream_rpc_method_handler(
                self._relay, pb.RelayRequest.FromString, pb.RelayResponse.SerializeToString
            )
        return grpc.unary_stream_rpc_method_handler(self._stream)

    def _relay(self, requests: Iterator[pb.RelayRequest], _: Any) -> Iterator[pb.RelayResponse]:
        for request in requests:
            for call in request.calls:
                if call.HasField("start"):
                    self.told.append(call.start.timeout.ToNanoseconds() / 1e9)
                else:
                    self.cancelled += 1
        yield from ()

    def _stream(self, _: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        self.told.append(context.time_remaining())
        gone = threading.Event()
        if context.add_callback(gone.set):
            gone.wait(WITHIN)
        self.cancelled += 1
        yield from ()


@pytest.fixture(scope="module")
def noting() -> Iterator[tuple[Noting, Gateway]]:
    note = Noting()
    server = grpc.server(ThreadPoolExecutor(8), handlers=[note])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    flags = ("--timeout", f"{DEFAULT:g}", "--max-timeout", f"{MOST:g}")
    try:
        with gateway(f"127.0.0.1:{port}", *flags) as made:
            yield note, made
    finally:
        server.stop(None).wait(WITHIN)


CALL = Ask(pipeline="echo", rows=[b"x"])
STREAM = replace(CALL, stream=True)
X_REQUEST_TIMEOUT = "x-request-timeout"
MOMENT = 3.5
"""Seconds by which they may differ: too few to take one of the deadlines for another."""


def described(ask: Ask) -> str:
    kind = "a stream" if ask.stream else "a call"
    told = f"{ask.timeout:g} s" if ask.timeout else ", ".join(ask.headers) or "no deadline"
    return f"{kind}, {told}"


NAMES = (
    "connect-node connect",
    "connect-web grpc-web",
    "curl connect json",
    "curl oip",
    "buf grpc-web",
    "openai",
)
ASKS = (
    (CALL, DEFAULT),
    (replace(CALL, timeout=ASKED), ASKED),
    (replace(CALL, headers={X_REQUEST_TIMEOUT: f"{ASKED:g}"}), ASKED),
    (replace(CALL, timeout=1000.0), MOST),
    (STREAM, DEFAULT),
    (replace(STREAM, timeout=ASKED), ASKED),
    (replace(STREAM, headers={X_REQUEST_TIMEOUT: f"{ASKED:g}"}), ASKED),
    (replace(STREAM, timeout=1000.0), MOST),
)
TOLD = [
    (name, ask, due)
    for name in NAMES
    for ask, due in ASKS
    if not (ask.stream and left_out(name, "a stream"))
]


@pytest.mark.parametrize(
    ("name", "ask", "due"), TOLD, ids=[f"{name}: {described(ask)}" for name, ask, _ in TOLD]
)
def test_the_clients_deadline_is_upstreams(
    name: str, ask: Ask, due: float, clients: Mapping[str, Client], noting: tuple[Noting, Gateway]
) -> None:
    note, made = noting
    client = clients[name]
    before, cancelled = len(note.told), note.cancelled
    running = client.start(made.base, ask)
    until(lambda: len(note.told) > before, "a call")
    running.cancel()
    assert running.outcome().code == "CANCELLED"
    until(lambda: note.cancelled > cancelled, "its cancellation")
    (told,) = note.told[before:]
    assert abs(told - due) < MOMENT
