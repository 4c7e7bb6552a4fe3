"""The processes of a mesh, found in /proc: also those whose parents have died."""

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from convoy_services.local.settings import MARK

PROC = Path("/proc")

MODULES = {"convoy_services.local.supervisor": "supervisor", "convoy_gateway": "gateway"}
"""What programs are called that Python runs by these names."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process, told from a later one of the same id by the time of its start."""

    pid: int
    parent: int
    started: int
    """In clock ticks since the machine's start."""

    @classmethod
    def find(cls, pid: int) -> "Process | None":
        """Give the process of this id, or None where there is none or only its exit status."""
        try:
            stat = (PROC / str(pid) / "stat").read_text()
        except OSError:
            return None
        state, parent, *rest = stat.rpartition(")")[2].split()
        return None if state in "ZX" else cls(pid, int(parent), int(rest[17]))

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        now = Process.find(self.pid)
        return now is not None and now.started == self.started

    @property
    def age(self) -> float:
        """The seconds since its start."""
        up = time.clock_gettime(time.CLOCK_BOOTTIME)
        return up - self.started / os.sysconf("SC_CLK_TCK")

    @property
    def command(self) -> str:
        """Its command line, or the title that it has given itself; empty when it is gone."""
        return _read(self.pid, "cmdline").replace("\0", " ").strip()

    @property
    def name(self) -> str:
        """What it is, in a few words."""
        words = self.command.split()
        first = words[0] if words else "?"
        if first.startswith("ray::"):
            return first.removeprefix("ray::").split(".")[0]
        for module, name in MODULES.items():
            if module in words:
                return name
        return Path(first).name

    @property
    def memory(self) -> int:
        """The bytes that it holds, pages shared with others counted in part (PSS)."""
        for line in _read(self.pid, "smaps_rollup").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
        return 0


def members(run: Path, leader: Process) -> list[Process]:
    """Find every process of a mesh whose supervisor is, or was, ``leader``, but for this one.

    They share the session that the supervisor leads, or carry the mesh's mark: some of Ray's
    write their title over their environment, some programs leave their session.
    """
    own = os.getpid()
    ours = [pid for pid in _pids() if _in_session(pid, leader) or _is_marked(pid, run)]
    found = [Process.find(pid) for pid in ours if pid != own]
    return [process for process in found if process is not None]


def session(leader: Process) -> list[Process]:
    """Find the processes of the session that ``leader`` leads or led."""
    found = [Process.find(pid) for pid in _pids() if _in_session(pid, leader)]
    return [process for process in found if process is not None]


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


def _pids() -> list[int]:
    return [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]


def _in_session(pid: int, leader: Process) -> bool:
    """Whether a process is in the session that ``leader`` leads or led.

    Its id is not given away while a process of the session lives: where another process has it,
    the session is empty.
    """
    try:
        if os.getsid(pid) != leader.pid:
            return False
    except OSError:
        return False
    now = Process.find(leader.pid)
    return now is None or now.started == leader.started


def _is_marked(pid: int, run: Path) -> bool:
    """Whether the environment of a process names the mesh with this folder."""
    return f"{MARK}={run}\0" in _read(pid, "environ")


def _read(pid: int, file: str) -> str:
    try:
        return (PROC / str(pid) / file).read_text(errors="replace")
    except OSError:
        return ""
