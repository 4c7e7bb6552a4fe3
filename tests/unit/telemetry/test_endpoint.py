"""The port where a node tells its metrics."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from convoy_services.local.ports import Ports
from convoy_services.telemetry import endpoint, place

WITHIN = 20.0
"""Seconds; a deadline, never an expectation."""


@pytest.fixture
def port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    ports, claim = Ports.choose(0)
    claim.close()
    monkeypatch.setenv(place.FOLDER, str(tmp_path))
    monkeypatch.setenv(place.HOST, "127.0.0.1")
    monkeypatch.setenv(place.PORT, str(ports.metrics))
    return ports.metrics


@asynccontextmanager
async def serving() -> AsyncIterator[None]:
    task = asyncio.create_task(endpoint.serve())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def until_answered(port: int) -> None:
    deadline = time.monotonic() + WITHIN
    while status(port, "/metrics") != 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def status(port: int, path: str) -> int:
    """Ask for a page; 0 where nobody answers."""
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


async def test_only_the_metrics_are_there(port: int) -> None:
    async with serving():
        await asyncio.to_thread(until_answered, port)
        assert await asyncio.to_thread(status, port, "/secret") == 404


async def test_few_are_answered_at_a_time_and_others_hung_up_on(port: int) -> None:
    """Hundreds of scrapes at a time kept an ingress from its calls for seconds."""
    async with serving():
        await asyncio.to_thread(until_answered, port)
        with ExitStack() as stack:
            silent = [
                stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
                for _ in range(endpoint.MOST + 4)
            ]
            ended = [await asyncio.to_thread(ends, one) for one in silent[endpoint.MOST :]]
        assert all(ended)
        await asyncio.to_thread(until_answered, port)


def ends(connection: socket.socket) -> bool:
    """Whether the other side hangs up on a connection before it would for its silence."""
    connection.settimeout(endpoint.PATIENCE / 2)
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


async def test_another_process_takes_the_port_when_its_holder_ends(port: int) -> None:
    async with serving():
        await asyncio.to_thread(until_answered, port)
        async with serving():
            pass
        waiting = asyncio.create_task(endpoint.serve())
        assert await asyncio.to_thread(status, port, "/metrics") == 200
    await asyncio.to_thread(until_answered, port)
    waiting.cancel()
    await asyncio.wait([waiting])
