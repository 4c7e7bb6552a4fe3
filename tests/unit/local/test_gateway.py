"""The gateway beside a mesh, without the mesh."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from convoy_services.local.errors import MeshError
from convoy_services.local.gateway import Gateway
from convoy_services.local.ports import LOOPBACK, Ports
from convoy_services.local.settings import Settings

TIMEOUT = 60.0


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    ports, claim = Ports.choose(0, gateway=0)
    with claim:
        yield Settings(
            name="alone",
            state=tmp_path,
            run=tmp_path,
            home=tmp_path,
            ports=ports,
            host=LOOPBACK,
            plain=False,
            attached=False,
            started=0.0,
        )


async def test_it_answers_once_it_has_started_and_ends_when_told(settings: Settings) -> None:
    gateway = Gateway(settings, 1)
    async with asyncio.timeout(TIMEOUT):
        try:
            await gateway.start()
            reader, writer = await asyncio.open_connection(LOOPBACK, settings.ports.gateway)
            writer.write(b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
            writer.close()
            await writer.wait_closed()
        finally:
            await gateway.stop()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(LOOPBACK, settings.ports.gateway)


async def test_one_that_is_told_wrong_does_not_start_and_says_why(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVOY_GATEWAY_MAX_BODY", "much")
    async with asyncio.timeout(TIMEOUT):
        with pytest.raises(MeshError, match=r"--max-body \(CONVOY_GATEWAY_MAX_BODY\)"):
            await Gateway(settings, 1).start()
