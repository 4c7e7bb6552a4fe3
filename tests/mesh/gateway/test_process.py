"""The gateway as a process: it starts or says why not, and ends when what it began is done."""

import contextlib
import http.client
import json
import socket
import subprocess
import sys
import threading

import pytest

from convoy_services.local.mesh import LocalMesh
from tests.mesh.gateway.asked import Ask
from tests.mesh.gateway.commands import Curl
from tests.mesh.gateway.conftest import Upstream
from tests.mesh.gateway.process import WITHIN, Gateway, gateway, until

ECHO = {"inputs": [{"name": "data", "shape": [1], "datatype": "BYTES", "data": ["x"]}]}


def refuses(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) != 0


def test_told_to_end_it_finishes_what_it_began(
    mesh: LocalMesh, upstream: Upstream, held: bytes
) -> None:
    release = bytes.fromhex(held.removeprefix(b"wait for ").decode()).decode()
    made = Gateway(mesh.target)
    try:
        ask = Ask(pipeline="fussy", rows=[held])
        stream = Ask(pipeline="fussy", rows=[b"fine", held], stream=True, relayed=True)
        before = upstream.left("fussy")
        call = Curl("curl oip", "oip").start(made.base, ask)
        until(lambda: upstream.left("fussy") > before, "a batch")
        streamed = Curl("curl connect", "connect", "proto").start(made.base, stream)
        streamed.first()
        made.process.terminate()
        until(lambda: refuses(made.port), "a port that is closed")
        assert made.process.poll() is None
        with open(release, "w"):  # noqa: PTH123 (a name, not a Path)
            pass
        assert call.outcome().status == 200
        assert streamed.outcome().data == [b"fine", held]
        assert made.wait() == 0
    finally:
        made.end()


def test_what_outlasts_the_drain_ends_with_an_error_in_every_dialect(
    mesh: LocalMesh, upstream: Upstream, held: bytes
) -> None:
    """It once ended with a connection that was cut, a bare 500, or an error that said CANCELLED."""
    made = Gateway(mesh.target, "--drain", "1")
    try:
        ask = Ask(pipeline="fussy", rows=[held])
        stream = Ask(pipeline="fussy", rows=[b"fine", held], stream=True, relayed=True)
        calls = [
            Curl("curl oip", "oip").start(made.base, ask),
            Curl("curl connect", "connect", "proto").start(made.base, ask),
            Curl("curl connect", "connect", "proto").start(made.base, stream),
        ]
        calls[-1].first()
        until(lambda: made.in_flight() == len(calls), "all calls")
        made.process.terminate()
        for call in calls:
            outcome = call.outcome()
            assert outcome.code in {"UNAVAILABLE", None}
            assert (outcome.reason, outcome.retry_after) == ("UPSTREAM_UNAVAILABLE", 1.0)
        assert made.wait() == 0
    finally:
        made.end()


@pytest.mark.parametrize(
    ("flag", "value", "variable"),
    [
        ("--target", "nowhere", "CONVOY_GATEWAY_TARGET"),
        ("--max-body", "lots", "CONVOY_GATEWAY_MAX_BODY"),
        ("--cors-origins", "example.com", "CONVOY_GATEWAY_CORS_ORIGINS"),
    ],
)
def test_a_setting_that_is_wrong_is_refused_by_name(flag: str, value: str, variable: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "convoy_gateway", flag, value],
        capture_output=True,
        text=True,
        timeout=WITHIN,
        check=False,
    )
    assert done.returncode == 2
    assert flag in done.stderr
    assert variable in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_mesh_it_lives_and_is_not_ready() -> None:
    with socket.socket() as taken:  # bound and never listening: nobody is there
        taken.bind(("127.0.0.1", 0))
        with gateway(f"127.0.0.1:{taken.getsockname()[1]}") as made:
            assert made.get("/livez")[0] == 200
            status, headers, body = made.get("/readyz")
            assert (status, headers["retry-after"]) == (503, "1")
            assert json.loads(body)["code"] == "UNAVAILABLE"
            assert made.post("/v2/models/echo/infer", ECHO)[0] == 503
            assert made.get("/v1/models")[0] == 503


def test_several_gateways_share_one_mesh(mesh: LocalMesh) -> None:
    with contextlib.ExitStack() as stack:
        several = [stack.enter_context(gateway(mesh.target)) for _ in range(2)]
        statuses: list[int] = []

        def call(made: Gateway) -> None:
            statuses.append(made.post("/v2/models/echo/infer", ECHO)[0])

        threads = [threading.Thread(target=call, args=(made,)) for made in several * 16]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert statuses == [200] * 32
        idle = http.client.HTTPConnection("127.0.0.1", several[0].port, timeout=WITHIN)
        with contextlib.closing(idle):
            idle.request("GET", "/livez")
            assert idle.getresponse().read()
            assert several[0].end() == 0  # which it does not hold up
        assert several[1].post("/v2/models/echo/infer", ECHO)[0] == 200
