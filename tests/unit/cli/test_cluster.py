"""A mesh on a cluster, against a dashboard that answers what the test says."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from convoy_services.cli import cluster
from convoy_services.local.errors import MeshError
from convoy_services.local.ports import Ports


@pytest.fixture(autouse=True)
def _no_wait_and_no_token(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cluster, "PERIOD", 0)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "none"))
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)


@contextmanager
def dashboard(*states: Any, code: int = 200) -> Iterator[tuple[str, list[Any]]]:
    """Answer PUT with ``code``, then each GET with the next state; give address and requests."""
    seen: list[Any] = []
    waiting = list(states)

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.append((self.path, json.loads(body), self.headers["Authorization"]))
            self._answer(code, b"" if code == 200 else b"first\nthe reason\n")

        def do_GET(self) -> None:
            application = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            self._answer(200, json.dumps({"applications": application}).encode())

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}", seen
        finally:
            server.shutdown()
            thread.join()


def application(status: str, message: str = "", **deployments: tuple[str, str]) -> dict[str, Any]:
    named = {n: {"status": s, "message": m} for n, (s, m) in deployments.items()}
    return {"convoy": {"status": status, "message": message, "deployments": named}}


def deploy(address: str) -> list[str]:
    return [name for name, _ in cluster.deploy(address, "stages: {}\n", port=9700, plain=True)]


def test_the_config_is_put_and_each_deployment_told_once_when_it_is_healthy() -> None:
    starting = application("DEPLOYING", a=("HEALTHY", ""), b=("UPDATING", ""))
    running = application("RUNNING", a=("HEALTHY", ""), b=("HEALTHY", ""))
    with dashboard({}, starting, starting, running) as (address, seen):
        assert deploy(address) == ["a", "b"]
    [(path, body, authorization)] = seen
    assert path == "/api/serve/applications/"
    assert body["applications"][0]["args"] == {"config": "stages: {}\n"}
    assert authorization is None


def test_the_token_of_the_caller_goes_along(tmp_path: Path) -> None:
    (tmp_path / "none").write_text("secret\n")
    with dashboard(application("RUNNING")) as (address, seen):
        deploy(address)
    assert seen[0][2] == "Bearer secret"


def test_a_stage_that_does_not_start_is_named() -> None:
    failed = application("DEPLOY_FAILED", a=("HEALTHY", ""), b=("DEPLOY_FAILED", "x\nno weights"))
    with (
        dashboard(failed) as (address, _),
        pytest.raises(MeshError, match=r"^stage b does not start: no weights$"),
    ):
        deploy(address)


def test_what_the_cluster_refuses_is_told() -> None:
    with (
        dashboard({}, code=400) as (address, _),
        pytest.raises(MeshError, match=r"refuses \(400\): the reason$"),
    ):
        deploy(address)


def test_where_nobody_listens_is_told() -> None:
    ports, claim = Ports.choose(0)
    with claim, pytest.raises(MeshError, match=r"is no Ray dashboard: .*refused"):
        deploy(ports.target)
