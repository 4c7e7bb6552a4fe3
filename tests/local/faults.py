"""Faults of a real mesh under load: what clients see, and when it is over."""

import asyncio
import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from convoy import Batch, Client, Code, ConvoyError, Tensor
from convoy.client import Retry
from convoy_services.local.mesh import LocalMesh
from convoy_services.local.processes import Process

CLIENTS = 16
"""Half of them give up when a call fails, half retry as clients do by default."""
TIMEOUT = 20.0
"""Seconds that a call may take."""
AFTER_FAILURE = 0.1
"""Seconds between a failed call and the client's next."""
OVER = 60.0
"""Seconds in which every fault must be over; a deadline, never an expectation."""
CALM = 10
"""Answers in a row after which a client is held to be served again."""

SERVE = {"ServeController", "ProxyActor", "HAProxyManager", "haproxy"}
"""The processes of Serve's own."""

STAGES = Path(__file__).with_name("faulty_stages.py")
CONFIG = """
stages:
  work: {class: "faulty_stages:CLASS", settings: {setting: SETTING}, replicas: N, hangs_after: 1s}
pipelines:
  work: {steps: [{stage: work, from: [data]}], outputs: [version, setting]}
ingress: {replicas: N}
"""


def config(*, replicas: int = 2, setting: int = 0, cls: str = "Work") -> str:
    """Give the mesh.yaml of a mesh with that many stage replicas and ingress replicas."""
    text = CONFIG.replace("N}", f"{replicas}}}").replace("N,", f"{replicas},")
    return text.replace("SETTING", str(setting)).replace("CLASS", cls)


def lay_out(home: Path) -> None:
    """Put the stage that goes wrong into a folder, where its code may be changed."""
    shutil.copy(STAGES, home)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of a client."""

    client: int
    began: float
    ended: float
    code: Code | None
    """None when it was answered."""
    reason: str = ""
    message: str = ""


class Load:
    """Clients in closed loops, as an async context manager."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._tasks: list[asyncio.Task[None]] = []
        self.calls: list[Call] = []
        self.struck = 0.0
        """When the fault came."""

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._call(n)) for n in range(CLIENTS)]
        await self.calm()
        self.calls.clear()  # what came before the fault, of which HAProxy may still be recovering
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks, timeout=OVER)

    def strike(self) -> None:
        """Say that the fault comes now."""
        self.struck = time.monotonic()

    @property
    def report(self) -> "Report":
        """What the clients have seen so far."""
        return Report(self.calls, self.struck)

    async def calm(self) -> None:
        """Wait until each client has had some answers in a row; raises TimeoutError."""
        since = time.monotonic()
        try:
            await until(lambda: all(n >= CALM for n in self._in_a_row(since)))
        except TimeoutError:
            late = [call for call in self.calls if call.began >= since]
            raise TimeoutError(f"{self._in_a_row(since)} in a row, {failures(late)}") from None

    def _in_a_row(self, since: float) -> list[int]:
        rows = [0] * CLIENTS
        for call in self.calls:
            if call.began >= since:
                rows[call.client] = rows[call.client] + 1 if call.code is None else 0
        return rows

    async def _call(self, client: int) -> None:
        retry = Retry(burst=0) if client % 2 else None
        batch = Batch(rows=1, columns={"data": Tensor.texts([b"x"])})
        async with Client(self._target, timeout=TIMEOUT, channels=1, retry=retry) as mesh:
            while True:
                began = time.monotonic()
                code, reason, message = None, "", ""
                try:
                    result = await mesh.run("work", batch)
                    result.raise_for_failures()
                except ConvoyError as error:
                    code, reason, message = error.code, error.reason, str(error)
                ended = time.monotonic()
                self.calls.append(
                    Call(
                        client=client,
                        began=began,
                        ended=ended,
                        code=code,
                        reason=reason,
                        message=message,
                    )
                )
                if code is not None:
                    await asyncio.sleep(AFTER_FAILURE)


@dataclass(frozen=True, slots=True)
class Report:
    """What the clients saw of a fault."""

    calls: list[Call]
    struck: float

    @property
    def bare(self) -> list[Call]:
        """The calls of the clients that do not retry."""
        return [call for call in self.calls if call.client % 2]

    @property
    def retried(self) -> list[Call]:
        """The calls of the clients that do."""
        return [call for call in self.calls if not call.client % 2]

    @property
    def recovery(self) -> float:
        """Seconds until every client that had failed was answered again; 0 where none had."""
        return max((self._recovery(client) for client in range(1, CLIENTS, 2)), default=0.0)

    @property
    def slowest(self) -> float:
        """Seconds that the longest call took that was answered."""
        return max(call.ended - call.began for call in self.calls if call.code is None)

    def _recovery(self, client: int) -> float:
        calls = [call for call in self.calls if call.client == client and call.ended > self.struck]
        failed = [n for n, call in enumerate(calls) if call.code is not None]
        if not failed:
            return 0.0
        return calls[failed[-1] + 1].ended - self.struck


def failures(calls: list[Call]) -> Counter[str]:
    """Count the failures by what their callers were told."""
    return Counter(call.message for call in calls if call.code is not None)


def find(mesh: LocalMesh, name: str) -> list[Process]:
    """Find the processes of a mesh that bear this name."""
    return [process for process in mesh.members() if process.name == name]


async def kill(mesh: LocalMesh, load: Load, name: str) -> float:
    """Kill the newest process of this name; give the seconds until there is another.

    One that was killed for an earlier fault may not be back: it is waited for.
    """
    await until(lambda: bool(find(mesh, name)))
    before = find(mesh, name)
    victim = max(before, key=lambda process: process.started)
    load.strike()
    os.kill(victim.pid, signal.SIGKILL)
    known = {process.pid for process in before}
    await until(lambda: not {process.pid for process in find(mesh, name)} <= known)
    return time.monotonic() - load.struck


async def whole(mesh: LocalMesh) -> None:
    """Wait until each deployment has all its replicas, as Serve sees it, and Serve its own."""
    asked = LocalMesh.find(mesh.settings.name)
    assert asked is not None
    async with asyncio.timeout(OVER):
        while True:
            state = await asyncio.to_thread(asked.status)
            deployments = state["deployments"].values()
            names = {process["name"] for process in state["processes"]}
            if names >= SERVE and all(
                d["state"] == "HEALTHY" and set(d["replicas"]) == {"RUNNING"} for d in deployments
            ):
                return
            await asyncio.sleep(0.2)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition; raises TimeoutError."""
    async with asyncio.timeout(OVER):
        while not condition():  # noqa: ASYNC110 (other processes are polled)
            await asyncio.sleep(0.05)
