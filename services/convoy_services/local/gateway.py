"""The gateway beside a mesh: a process of its own, started again where it dies."""

import asyncio
import logging
import os
import sys
from asyncio.subprocess import Process
from contextlib import suppress
from typing import NoReturn

from convoy_services.local.errors import MeshError
from convoy_services.local.ports import LOOPBACK
from convoy_services.local.settings import Settings

log = logging.getLogger(__name__)

STARTS_WITHIN = 60.0
"""Seconds; most of a second on a machine that has nothing else to do."""

ENDS_WITHIN = 15.0
"""Seconds that calls under way have once the mesh is to end."""

PERIOD = 0.1
"""Seconds between two looks."""

PAUSE = 1.0
"""Seconds before a gateway that has died is started again."""


class Gateway:
    """Runs ``convoy_gateway``; what it writes goes to a file of its own."""

    def __init__(self, settings: Settings, ingresses: int) -> None:
        """Serve the mesh of ``settings``, whose gateway's port is given, with so many ingresses."""
        self._settings = settings
        self._environment = {"CONVOY_GATEWAY_CHANNELS": str(ingresses), **os.environ}
        self._process: Process | None = None

    async def start(self) -> None:
        """Start it, and wait until it answers; raises MeshError where it does not come up."""
        with self._settings.gateway_log.open("wb") as out:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "convoy_gateway",
                f"--target={self._settings.ports.target}",
                f"--host={self._settings.host}",
                f"--port={self._settings.ports.gateway}",
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        try:
            async with asyncio.timeout(STARTS_WITHIN):
                while not await self._listens():
                    if self._process.returncode is not None:
                        raise self._broken()
                    await asyncio.sleep(PERIOD)
        except TimeoutError:
            raise self._broken() from None

    async def watch(self) -> NoReturn:
        """Start it again whenever it dies."""
        while True:
            assert self._process
            status = await self._process.wait()
            log.error("the gateway has ended with status %d; it is started again", status)
            await asyncio.sleep(PAUSE)
            with suppress(MeshError):
                await self.start()

    async def stop(self) -> None:
        """Let it finish its calls; the supervisor sweeps what is left."""
        if self._process and self._process.returncode is None:
            self._process.terminate()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), ENDS_WITHIN)

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection(LOOPBACK, self._settings.ports.gateway)
        except OSError:
            return False
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        return True

    def _broken(self) -> MeshError:
        file = self._settings.gateway_log
        said = file.read_text(errors="replace").strip().splitlines()
        last = said[-1] if said else "it says nothing"
        if "ModuleNotFoundError" in last:
            last += ": it is in the extra [gateway]"
        return MeshError(f"the gateway does not start: {last}; --no-gateway leaves it out")
