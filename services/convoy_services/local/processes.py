"""The processes of a mesh, found in /proc: also those whose parents have died."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from convoy_services.local.settings import MARK

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Process:
    """A process, told from a later one of the same id by the time of its start."""

    pid: int
    parent: int
    session: int
    started: int
    """In clock ticks since the machine's start."""

    @classmethod
    def find(cls, pid: int) -> "Process | None":
        """Give the process of this id, or None where there is none or only its exit status."""
        try:
            stat = (PROC / str(pid) / "stat").read_text()
        except OSError:
            return None
        state, parent, _, session, *rest = stat.rpartition(")")[2].split()
        return None if state in "ZX" else cls(pid, int(parent), int(session), int(rest[15]))

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        now = Process.find(self.pid)
        return now is not None and now.started == self.started

    @property
    def command(self) -> str:
        """Its command line, or the title that it has given itself; empty when it is gone."""
        return self._read("cmdline").replace("\0", " ").strip()

    @property
    def name(self) -> str:
        """What it is, in a few words."""
        words = self.command.split()
        first = words[0] if words else "?"
        if first.startswith("ray::"):
            return first.removeprefix("ray::").split(".")[0]
        return "supervisor" if "convoy_services.local.supervisor" in words else Path(first).name

    @property
    def memory(self) -> int:
        """The bytes that it holds, pages shared with others counted in part (PSS)."""
        for line in self._read("smaps_rollup").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
        return 0

    def is_marked(self, run: Path) -> bool:
        """Whether its environment names the mesh with this folder."""
        return f"{MARK}={run}\0" in self._read("environ")

    def _read(self, file: str) -> str:
        try:
            return (PROC / str(self.pid) / file).read_text(errors="replace")
        except OSError:
            return ""


def members(run: Path, leader: Process) -> list[Process]:
    """Find every process of a mesh whose supervisor is, or was, ``leader``, but for this one.

    They share the session that the supervisor leads, or carry the mesh's mark: some of Ray's
    write their title over their environment, some programs leave their session. The session's id
    is not given away while a process of it lives, so where another process has it, it is empty.
    """
    now = Process.find(leader.pid)
    session = leader.pid if now is None or now.started == leader.started else None
    own = os.getpid()
    return [
        process
        for process in _all()
        if process.pid != own and (process.session == session or process.is_marked(run))
    ]


def orphans(run: Path, leader: Process, command: str) -> list[Process]:
    """Find members whose parent is none, by a part of their command line."""
    found = members(run, leader)
    parents = {process.pid for process in found} - {leader.pid}
    return [p for p in found if p.parent not in parents and command in p.command]


def sweep(run: Path, leader: Process) -> None:
    """End every process of a mesh but this one, those that come up meanwhile included."""
    while found := members(run, leader):
        kill(found)


def kill(processes: list[Process], within: float = 10.0) -> None:
    """Kill processes and wait until they are gone; raises TimeoutError when one is not."""
    for process in processes:
        with suppress(ProcessLookupError):
            if process.alive:
                os.kill(process.pid, signal.SIGKILL)
    deadline = time.monotonic() + within
    while left := [process.pid for process in processes if process.alive]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes {left} do not end")
        time.sleep(0.02)


def _all() -> Iterator[Process]:
    for entry in os.scandir(PROC):
        if entry.name.isdigit() and (process := Process.find(int(entry.name))):
            yield process
