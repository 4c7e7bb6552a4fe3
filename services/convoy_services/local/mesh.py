"""A mesh on this machine, for whoever starts one: command line, demo, tests, benchmarks."""

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from convoy_services.local import events, processes
from convoy_services.local.errors import MeshError
from convoy_services.local.events import Event, Kind
from convoy_services.local.ports import LOOPBACK, Ports, is_taken
from convoy_services.local.processes import Process
from convoy_services.local.settings import Settings, environment
from convoy_services.local.state import MeshState, ask

GRACE = 40.0
"""Seconds that a mesh has to end by itself."""

PERIOD = 0.05
"""Seconds between two looks at what it is doing."""


class LocalMesh:
    """A mesh that runs, or once ran, under a supervisor; this process needs no Ray.

    As a context manager it waits until the mesh is ready, and stops it at the end.
    """

    def __init__(self, settings: Settings, supervisor: Process) -> None:
        """Hold on to a mesh; ``start`` and ``find`` give one."""
        self.settings = settings
        self._supervisor = supervisor
        self._child: subprocess.Popen[bytes] | None = None

    @classmethod
    def start(
        cls,
        config: str,
        *,
        name: str = "default",
        home: Path | None = None,
        port: int = 0,
        metrics_port: int = 0,
        gateway_port: int | None = None,
        host: str = LOOPBACK,
        plain: bool = False,
        detach: bool = False,
    ) -> Self:
        """Begin to start the mesh that ``config``, the text of a mesh.yaml, describes.

        ``home`` is the folder where stages are looked for besides the installed packages and
        where relative paths begin; a port 0 takes a free one; without ``gateway_port`` there is no
        gateway; ``host`` is the interface where callers find the mesh; without ``detach`` the mesh
        ends with this process. Raises MeshError where the name or the port is taken.
        """
        state = _state(name)
        if (there := cls.find(name)) is not None:
            if there.alive:
                raise MeshError(f"the mesh {name} already runs, on {there.target}")
            there.stop()
        for wanted in filter(None, (port, metrics_port, gateway_port)):
            if is_taken(wanted):
                raise MeshError(f"port {wanted} is taken: stop what has it or choose another")
        ports, claim = Ports.choose(port, metrics_port, gateway_port)
        settings = Settings(
            name=name,
            state=state,
            run=Path(tempfile.mkdtemp(prefix="convoy-", dir="/tmp")),  # sockets need short paths
            home=(home or Path.cwd()).absolute(),
            ports=ports,
            host=host,
            plain=plain,
            attached=not detach,
            started=time.time(),
        )
        state.mkdir(parents=True, exist_ok=True)
        settings.events.unlink(missing_ok=True)
        settings.config.write_text(config)
        settings.token.touch(mode=0o600)
        settings.token.write_text(secrets.token_hex(32))
        settings.write()
        if not plain:
            # Here: it brings numpy and protobuf, which no other command needs.
            from convoy_services.local.balancer import install

            install(settings)
        with claim, settings.log.open("wb") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "convoy_services.local.supervisor", str(state)],
                env=environment(settings),
                cwd=settings.home,
                stdin=subprocess.DEVNULL if detach else subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=[claim.fileno()],
            )
        supervisor = Process.find(child.pid)
        if supervisor is None:
            raise MeshError(f"the supervisor ended at once; see {settings.log}")
        _leader(state).write_text(json.dumps([supervisor.pid, supervisor.started]))
        mesh = cls(settings, supervisor)
        mesh._child = child
        return mesh

    @classmethod
    def find(cls, name: str) -> Self | None:
        """Give the mesh of that name, dead or alive, or None where there is none."""
        state = _state(name)
        try:
            pid, started = json.loads(_leader(state).read_text())
            settings = Settings.read(state)
        except FileNotFoundError:
            return None
        return cls(settings, Process(pid=pid, parent=0, started=started))

    @property
    def target(self) -> str:
        """What a gRPC client dials."""
        return self.settings.ports.target

    @property
    def url(self) -> str | None:
        """Where HTTP callers find it, or None without a gateway."""
        port = self.settings.ports.gateway
        return None if port is None else f"http://{LOOPBACK}:{port}"

    @property
    def alive(self) -> bool:
        """Whether its supervisor runs."""
        if self._child is not None:
            self._child.poll()
        return self._supervisor.alive

    def wait(
        self, on_event: Callable[[Event], None] = lambda _: None, *, within: float | None = None
    ) -> None:
        """Wait until the mesh answers, giving every event to ``on_event``.

        Raises MeshError, with the mesh gone, where it cannot start or takes more than ``within``
        seconds.
        """
        try:
            self._follow(0, on_event, within)
        except MeshError:
            self.stop()
            raise

    def update(
        self,
        config: str,
        on_event: Callable[[Event], None] = lambda _: None,
        *,
        within: float | None = None,
    ) -> None:
        """Replace every replica by one of ``config``, the text of a mesh.yaml, as calls go on.

        Raises MeshError where the new replicas do not start; what ran before then runs again.
        """
        seen = sum(1 for _ in events.read(self.settings.events))
        self.settings.next.write_text(config)
        os.kill(self._supervisor.pid, signal.SIGHUP)
        self._follow(seen, on_event, within)

    def _follow(self, seen: int, on_event: Callable[[Event], None], within: float | None) -> None:
        """Give the events after the first ``seen`` to ``on_event`` until READY; or MeshError."""
        began = time.monotonic()
        while True:
            alive = self.alive
            for event in events.read(self.settings.events, skip=seen):
                seen += 1
                on_event(event)
                if event.kind is Kind.READY:
                    return
                if event.kind is Kind.FAILED:
                    raise MeshError(event.message)
            if not alive:
                raise MeshError(f"the supervisor has died; see {self.settings.log}")
            if within is not None and time.monotonic() - began > within:
                raise MeshError(f"the mesh is not ready after {within:g} s")
            time.sleep(PERIOD)

    def stay(self) -> None:
        """Wait until the mesh ends; raises MeshError where it broke."""
        while self.alive:
            time.sleep(PERIOD)
        for event in events.read(self.settings.events):
            if event.kind is Kind.FAILED:
                raise MeshError(event.message)

    def stop(self) -> None:
        """End the mesh, and whatever is left of it; no process and no folder stays behind."""
        if self.alive:
            os.kill(self._supervisor.pid, signal.SIGTERM)
            deadline = time.monotonic() + GRACE
            while self.alive and time.monotonic() < deadline:
                time.sleep(PERIOD)
        processes.sweep(self.settings.run, self._supervisor)
        if self._child is not None:
            self._child.wait()
            if self._child.stdin:
                self._child.stdin.close()
        shutil.rmtree(self.settings.run, ignore_errors=True)
        _leader(self.settings.state).unlink(missing_ok=True)

    def members(self) -> list[Process]:
        """Find every process of the mesh."""
        return processes.members(self.settings.run, self._supervisor)

    def status(self) -> MeshState:
        """Tell the state of the mesh and each of its processes."""
        settings = self.settings
        told, message = self._ask()
        happened = list(events.read(settings.events))
        last = [e for e in happened if e.kind in (Kind.READY, Kind.FAILED)][-1:]
        ready = {event.deployment: event for event in happened if event.kind is Kind.STAGE}
        return MeshState(
            name=settings.name,
            state=told["state"],
            message=next((event.message for event in last), "") or message,
            target=self.target,
            url=self.url,
            mode="plain" if settings.plain else "haproxy",
            since=settings.started,
            pid=self._supervisor.pid,
            config=str(settings.config),
            log=str(settings.log),
            ports=settings.ports.named(),
            pipelines=told.get("pipelines", []),
            traffic=told.get("traffic", {}),
            versions=told.get("versions", {}),
            start_s={e.kind.value: e.seconds for e in reversed(happened) if e.kind in _MILESTONES},
            deployments={
                name: {
                    "state": deployment["state"],
                    "replicas": deployment["replicas"],
                    "message": deployment["message"],
                    "stages": list(ready[name].stages) if name in ready else [],
                    "seconds": ready[name].seconds if name in ready else None,
                    "import_s": ready[name].import_s if name in ready else None,
                    "load_s": ready[name].load_s if name in ready else None,
                }
                for name, deployment in told.get("deployments", {}).items()
            },
            processes=[
                {"pid": process.pid, "name": process.name, "memory": process.memory}
                for process in self.members()
            ],
        )

    def spans(self) -> list[dict[str, Any]]:
        """Give the last spans of every process of the mesh, as plain data.

        Raises MeshError where it does not answer.
        """
        try:
            spans: list[dict[str, Any]] = ask(self.settings.control, "spans")
        except OSError as exc:
            raise MeshError(f"the mesh {self.settings.name} does not answer") from exc
        return spans

    def _ask(self) -> tuple[dict[str, Any], str]:
        if not self.alive:
            return {"state": "DEAD"}, "its supervisor is gone"
        try:
            return ask(self.settings.control, "state"), ""
        except OSError:
            return {"state": "STARTING"}, ""

    def __enter__(self) -> Self:
        """Wait until the mesh is ready; raises MeshError as ``wait`` does."""
        self.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Stop the mesh."""
        self.stop()


_MILESTONES = (Kind.RAY, Kind.SERVE, Kind.GATEWAY, Kind.READY)


def _state(name: str) -> Path:
    """Give the folder of the mesh of that name; raises MeshError for what is no name."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,62}", name):
        raise MeshError(f"{name!r} is no name: take lower-case letters, digits, - and _")
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state"
    return Path(home) / "convoy" / name


def _leader(state: Path) -> Path:
    """Give the file with the supervisor's process id and start; with it a mesh is known."""
    return state / "supervisor.json"
