"""HAProxy as Serve starts it here: what it answers, and that something always listens."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest
from ray.serve._private.common import RequestProtocol
from ray.serve._private.haproxy_templates import HAPROXY_CONFIG_TEMPLATE

from convoy import Code
from convoy.client.rpc_error import from_rpc_error
from convoy_services.local.balancer import Balancer, install
from convoy_services.local.haproxy import mend
from convoy_services.local.ports import LOOPBACK, Ports, is_taken
from convoy_services.local.processes import Process
from convoy_services.local.settings import Settings

WITHIN = 10.0
"""Seconds; a deadline, never an expectation."""

CONFIG = """
global
    stats socket {folder}/admin.sock mode 666 level admin expose-fd listeners
    hard-stop-after 60s
defaults
    mode http
    timeout connect 1s
    timeout client 60s
    timeout server 10s
    errorfile 503 {folder}/500.http
frontend grpc_frontend
    bind 127.0.0.1:{port} proto h2
    default_backend {backend}
"""
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
"""How an HTTP/2 client begins."""

PING = bytes([0, 0, 8, 6, 0, 0, 0, 0, 0]) + b"12345678"

DEAD = "backend grpc-convoy\n    server dead 127.0.0.1:1 proto h2\n"
NONE = """
backend default_grpc_backend
    http-request return status 200 content-type application/grpc hdr grpc-status 5 hdr grpc-message "no"
"""  # noqa: E501 (as Serve writes it)


@dataclass
class Home:
    """The folder of a mesh, as far as HAProxy needs it."""

    settings: Settings
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def config(self) -> Path:
        return self.settings.haproxy / "node" / "haproxy.cfg"

    def write(self, backend: str) -> None:
        name = backend.split()[1]
        places = {"folder": self.config.parent, "port": self.settings.ports.grpc, "backend": name}
        self.config.write_text(CONFIG.format(**places) + backend)
        (self.config.parent / "500.http").write_text("HTTP/1.1 500 Internal Server Error\r\n\r\n")

    def start(self) -> subprocess.Popen[bytes]:
        """Start HAProxy as Serve does, and wait until it answers."""
        command = [self.settings.balancer, "-db", "-f", self.config, "-dR"]
        self.started.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))
        until(lambda: self.running == self.started[-1].pid)
        return self.started[-1]

    @property
    def running(self) -> int:
        """The process that answers the admin socket, or 0."""
        with socket.socket(socket.AF_UNIX) as admin:
            if admin.connect_ex(str(self.config.with_name("admin.sock"))):
                return 0
            admin.sendall(b"show info\n")
            told = admin.makefile().read()
        return int(told.partition("Pid: ")[2].split()[0])


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def home() -> Iterator[Home]:
    run = Path(tempfile.mkdtemp(prefix="convoy-", dir="/tmp"))
    ports, claim = Ports.choose(0)
    home = Home(
        Settings(
            name="test",
            state=run,
            run=run,
            home=run,
            ports=ports,
            host="127.0.0.1",
            plain=False,
            attached=True,
            started=0.0,
        )
    )
    home.config.parent.mkdir(parents=True)
    install(home.settings)
    yield home
    if stand_in := home.running:
        os.kill(stand_in, signal.SIGKILL)
    for process in home.started:
        process.kill()
        process.wait(WITHIN)
    claim.close()
    shutil.rmtree(run)


async def refusal(home: Home) -> grpc.aio.AioRpcError:
    async with grpc.aio.insecure_channel(home.settings.ports.target) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary("/convoy.v1.PipelineService/List")(b"", timeout=WITHIN)
    return caught.value


async def test_where_no_ingress_answers_the_call_is_unavailable(home: Home) -> None:
    """Serve has HAProxy answer 500, which gRPC takes for UNKNOWN."""
    home.write(DEAD)
    home.start()
    error = from_rpc_error(await refusal(home))
    assert (error.code, error.reason) == (Code.UNAVAILABLE, "INGRESS_UNAVAILABLE")


async def test_before_there_is_an_application_calls_are_unavailable(home: Home) -> None:
    """It was NOT_FOUND, which nobody tries again."""
    home.write(NONE)
    home.start()
    assert (await refusal(home)).code() is grpc.StatusCode.UNAVAILABLE


async def test_a_manager_that_starts_anew_keeps_the_backends(home: Home) -> None:
    home.write(DEAD)
    home.start()
    home.write(NONE)
    home.start()
    assert from_rpc_error(await refusal(home)).reason == "INGRESS_UNAVAILABLE"


def test_a_successor_takes_the_port_over_from_one_without_a_manager(home: Home) -> None:
    home.write(DEAD)
    first = home.start()
    second = home.start()
    assert first.wait(WITHIN) == 0
    assert second.poll() is None
    with socket.create_connection((LOOPBACK, home.settings.ports.grpc), WITHIN):
        pass


def test_what_is_idle_is_closed_when_a_successor_has_taken_over(home: Home) -> None:
    """It stayed open, and a gRPC client that had just connected failed every call on it."""
    home.write(DEAD)
    home.start()
    with socket.create_connection((LOOPBACK, home.settings.ports.grpc), WITHIN) as idle:
        idle.sendall(PREFACE)
        assert idle.recv(4096)
        home.start()
        idle.sendall(PING)
        while idle.recv(4096):
            pass


def test_a_configuration_may_be_mended_twice(home: Home) -> None:
    home.write(DEAD)
    home.start()
    mended = home.config.read_text()
    mend(home.config, home.settings.answer)
    assert home.config.read_text() == mended


async def test_another_stands_in_where_haproxy_dies(home: Home) -> None:
    home.write(DEAD)
    first = home.start()
    leader = Process.find(os.getsid(0)) or Process(os.getsid(0), 0, 0)
    balancer = Balancer(home.settings, leader)
    watching = asyncio.create_task(balancer.watch())
    try:
        async with asyncio.timeout(WITHIN):
            while balancer._newest is None:  # noqa: ASYNC110 (polled)
                await asyncio.sleep(0.01)
            first.kill()
            first.wait()
            while not is_taken(home.settings.ports.grpc):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert from_rpc_error(await refusal(home)).reason == "INGRESS_UNAVAILABLE"
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
        for process in balancer._stand_ins:
            process.kill()
            process.wait(WITHIN)


@pytest.mark.parametrize(
    "line",
    [
        "hdr grpc-status 5 ",
        "\ndefaults\n",
        "    errorfile 503 {{ config.error_file_path }}",
        "    stats socket {{ config.socket_path }} mode 666 level admin expose-fd listeners",
        "\nbackend {{ backend.name or 'unknown' }}\n    mode http",
    ],
)
def test_serve_writes_what_is_rewritten_here(line: str) -> None:
    assert line in HAPROXY_CONFIG_TEMPLATE
    assert RequestProtocol.GRPC.value.lower() == "grpc"
