"""The process that owns a mesh: it starts Ray and Serve, watches them, and takes them down.

``python -m convoy_services.local.supervisor STATE``, in the environment that ``settings`` gives.
It writes its events to a file, and tells its state to whoever connects to its control socket.
"""

import asyncio
import importlib
import json
import logging
import os
import signal
import sys
import time
from asyncio import StreamReader, StreamWriter
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import ray

from convoy_services.config import ConfigError, MeshConfig, Source, read
from convoy_services.local import deployer, processes
from convoy_services.local.balancer import Balancer
from convoy_services.local.errors import MeshError, last_error
from convoy_services.local.events import Event, Kind
from convoy_services.local.gateway import Gateway
from convoy_services.local.head import Head, start_head
from convoy_services.local.processes import Process
from convoy_services.local.settings import Settings
from convoy_services.mesh.graph import plan
from convoy_services.mesh.plan import MeshPlan
from convoy_services.rpc.forward import INGRESS

log = logging.getLogger(__name__)

PERIOD = 1.0
"""Seconds between two looks at Ray's processes."""


def main() -> NoReturn:
    """Run one mesh until it is told to end, or breaks."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    settings = Settings.read(Path(sys.argv[1]))
    me = Process.find(os.getpid())
    assert me is not None
    try:
        config = read(settings.config)
        supervisor = _Supervisor(settings, config.mesh, plan(config), me)
        asyncio.new_event_loop().run_until_complete(supervisor.live())
    except (MeshError, ConfigError) as exc:
        _report(settings, str(exc))
    except BaseException as exc:
        log.exception("the mesh ends")
        _report(settings, _unexpected(exc, settings))
    finally:
        processes.sweep(settings.run, me)
        os._exit(0)  # without waiting for threads that wait for Ray


class _Supervisor:
    def __init__(self, settings: Settings, config: MeshConfig, mesh: MeshPlan, me: Process) -> None:
        self._settings = settings
        self._config = config
        self._mesh = mesh
        self._me = me
        self._gateway = (
            None if settings.ports.gateway is None else Gateway(settings, config.ingress.replicas)
        )
        self._ready = False
        self._updating = asyncio.Lock()

    async def live(self) -> None:
        """Start the mesh and stay until told to end; raises MeshError when it breaks."""
        loop = asyncio.get_running_loop()
        head = self._start_ray()
        life = asyncio.gather(self._start(), self._watch(head))
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, life.cancel)
        updates: set[asyncio.Task[None]] = set()
        loop.add_signal_handler(
            signal.SIGHUP, lambda: updates.add(loop.create_task(self._update()))
        )
        if self._settings.attached:
            loop.add_reader(sys.stdin, life.cancel)
        with suppress(asyncio.CancelledError):
            await life
        loop.remove_reader(sys.stdin)
        if self._gateway:
            await self._gateway.stop()
        if self._ready:
            log.info("ending")
            await deployer.stop_serve()

    def _start_ray(self) -> Head:
        deployments = self._mesh.deployments.values()
        ingress = self._config.ingress
        cpus = sum(d.cpus * d.replicas for d in deployments) + ingress.cpus * ingress.replicas
        head = start_head(self._settings, cpus)
        self._event(Kind.RAY, time.time() - self._settings.started)
        gpus = sum(d.gpus * d.replicas for d in deployments)
        resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        if gpus > (there := resources.get("GPU", 0)):
            raise MeshError(f"the stages ask for {gpus:g} GPUs; this machine has {there:g}")
        return head

    async def _start(self) -> None:
        await asyncio.start_unix_server(self._tell, self._settings.control)
        await asyncio.gather(self._start_serve(), self._deploy(), self._start_gateway())
        balancer = None if self._settings.plain else Balancer(self._settings, self._me)
        if balancer:
            await balancer.settle(self._config.ingress.replicas)
        await deployer.answer(self._settings.ports)
        self._event(Kind.READY, time.time() - self._settings.started)
        self._ready = True
        watchers = [thing.watch() for thing in (balancer, self._gateway) if thing]
        await asyncio.gather(*watchers)

    async def _start_serve(self) -> None:
        began = time.monotonic()
        await asyncio.to_thread(deployer.start_serve, self._settings.ports, self._settings.host)
        self._event(Kind.SERVE, time.monotonic() - began)

    async def _start_gateway(self) -> None:
        if self._gateway:
            began = time.monotonic()
            await self._gateway.start()
            self._event(Kind.GATEWAY, time.monotonic() - began)

    async def _deploy(self) -> None:
        cpus = self._config.ingress.cpus
        await asyncio.to_thread(deployer.deploy, self._mesh, ingress_cpus=cpus)
        async for event in deployer.stages_ready(self._mesh):
            event.write(self._settings.events)

    async def _update(self) -> None:
        """Roll the next configuration out; where it does not start, the last comes back."""
        began = time.time()
        try:
            async with self._updating:
                source = read(self._settings.next)
                _forget(source)
                await self._replace(plan(source), source.mesh)
                self._settings.next.replace(self._settings.config)
        except (MeshError, ConfigError) as exc:
            _report(self._settings, str(exc))
        except Exception as exc:
            log.exception("the update has failed")
            _report(self._settings, _unexpected(exc, self._settings))
        else:
            self._event(Kind.READY, time.time() - began)

    async def _replace(self, mesh: MeshPlan, config: MeshConfig) -> None:
        """Deploy another mesh; raises MeshError, with the one before deployed again."""
        before = self._mesh, self._config
        self._mesh, self._config = mesh, config
        try:
            await self._deploy()
        except MeshError as exc:
            self._mesh, self._config = before
            try:
                await self._deploy()
            except MeshError as again:
                raise MeshError(f"{exc}; nor does what ran before: {again}") from exc
            raise MeshError(f"{exc}; what ran before runs again") from exc

    async def _watch(self, head: Head) -> NoReturn:
        """Notice when Ray dies."""
        while True:
            if dead := head.dead_processes():  # type: ignore[no-untyped-call]
                self._ready = False
                raise MeshError(f"Ray has died: {', '.join(name for name, _ in dead)}")
            await asyncio.sleep(PERIOD)

    async def _tell(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Answer the one question of a connection and close it."""
        what = (await reader.readline()).strip()
        names = (*self._mesh.deployments, INGRESS)
        told = await deployer.spans(names) if what == b"spans" else await self._state()
        writer.write(json.dumps(told).encode())
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async def _state(self) -> dict[str, Any]:
        application, traffic, versions = await asyncio.gather(
            deployer.status(), deployer.traffic(), deployer.versions(self._mesh)
        )
        deployments = application.deployments if application else {}
        return {
            "state": application.status if application else "STARTING",
            "pipelines": sorted(self._mesh.pipelines),
            "traffic": traffic,
            "versions": versions,
            "deployments": {
                name: {
                    "state": deployment.status,
                    "replicas": {str(k): n for k, n in deployment.replica_states.items() if n},
                    "message": deployment.message,
                }
                for name, deployment in deployments.items()
            },
        }

    def _event(self, kind: Kind, seconds: float) -> None:
        Event(kind=kind, seconds=seconds).write(self._settings.events)


def _forget(source: Source) -> None:
    """Let the stages' modules be imported anew: their code may have changed since the last time."""
    stages = source.mesh.stages.values()
    packages = {stage.cls.partition(":")[0].partition(".")[0] for stage in stages}
    for name in list(sys.modules):
        if name.partition(".")[0] in packages - {"convoy_services"}:
            del sys.modules[name]
    importlib.invalidate_caches()


def _unexpected(exc: BaseException, settings: Settings) -> str:
    return f"{type(exc).__name__}: {last_error(str(exc))}; see {settings.log}"


def _report(settings: Settings, message: str) -> None:
    seconds = time.time() - settings.started
    Event(kind=Kind.FAILED, seconds=seconds, message=message).write(settings.events)


if __name__ == "__main__":
    main()
