"""Serve on a running Ray: the mesh's application, deployed and watched until it is healthy."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

import grpc.aio
from ray import serve
from ray.serve import RunTarget
from ray.serve._private.application_state import StatusOverview
from ray.serve.config import HTTPOptions, gRPCOptions
from ray.serve.context import _get_global_client
from ray.serve.schema import ApplicationStatusOverview

from convoy.v1 import pipeline_pb2, pipeline_pb2_grpc
from convoy_services.app import assemble
from convoy_services.local.errors import MeshError, not_started
from convoy_services.local.events import Event, Kind
from convoy_services.local.ports import Ports
from convoy_services.mesh.plan import MeshPlan
from convoy_services.rpc.forward import APP, INGRESS
from convoy_services.serve_config import AT_FAULT, DEPLOY_FAILED, HEALTHY, SERVICERS

PERIOD = 0.25
"""Seconds between two looks at what Serve is doing."""

PATIENCE = 2.0
"""Seconds that the ingress has to tell what it has done."""

_one_at_a_time = threading.Lock()
"""Held while Serve makes configurations: in two threads at once it fails (its pickling does)."""


def start_serve(ports: Ports, host: str) -> None:
    """Start Serve, with its proxies on an interface, and wait for them."""
    serve.start(
        http_options=HTTPOptions(host=host, port=ports.http),
        grpc_options=gRPCOptions(port=ports.grpc, grpc_servicer_functions=[SERVICERS]),
    )


def deploy(mesh: MeshPlan, *, ingress_cpus: float) -> None:
    """Hand the application to Serve once it has a controller, without waiting for replicas.

    The controller takes an application while the proxies that ``start_serve`` waits for start.
    """
    while _get_global_client(raise_if_no_controller_running=False) is None:
        time.sleep(PERIOD)
    with _one_at_a_time:
        serve.run_many(
            [RunTarget(assemble(mesh, ingress_cpus=ingress_cpus), name=APP)],
            wait_for_ingress_deployment_creation=False,
            wait_for_applications_running=False,
        )


async def stages_ready(mesh: MeshPlan) -> AsyncIterator[Event]:
    """Give an event for each deployment as it becomes healthy, until all are.

    Raises MeshError with the name of the stage that cannot start and why.
    """
    client = _get_global_client()
    assert client is not None
    started = time.monotonic()
    waiting = {*mesh.deployments, INGRESS}
    while waiting:
        await asyncio.sleep(PERIOD)
        overview = await asyncio.to_thread(client.get_serve_status, APP)
        if overview.app_status.status == DEPLOY_FAILED:
            raise _error(overview)
        healthy = {d.name for d in overview.deployment_statuses if d.status == HEALTHY}
        for name in sorted(waiting & healthy):
            waiting.remove(name)
            if name in mesh.deployments:
                yield await _event(mesh, name, time.monotonic() - started)


async def status() -> ApplicationStatusOverview | None:
    """Give what Serve knows of the application, its replicas included; tens of milliseconds."""
    return await asyncio.to_thread(_status)


def _status() -> ApplicationStatusOverview | None:
    with _one_at_a_time:
        return serve.status().applications.get(APP)


async def traffic() -> dict[str, dict[str, int]]:
    """Add up what every ingress replica has done, by pipeline; empty where none answers."""
    total: dict[str, Counter[str]] = {}
    for replica in await _ask_all(INGRESS, "traffic"):
        for pipeline, count in replica.items():
            total.setdefault(pipeline, Counter()).update(count)
    return {pipeline: dict(count) for pipeline, count in total.items()}


async def spans(deployments: Iterable[str]) -> list[dict[str, Any]]:
    """Give the last spans of every replica of the deployments; those that do not answer have none.

    Each is as ``telemetry.ring`` has it.
    """
    told = await asyncio.gather(*(_ask_all(name, "spans") for name in deployments))
    return [span for replicas in told for replica in replicas for span in replica]


async def versions(mesh: MeshPlan) -> dict[str, str]:
    """Name the versions that are live of each stage that has such: several while they change."""
    stages = [stage for stage in mesh.stages.values() if stage.repository]
    names = list(dict.fromkeys(stage.deployment for stage in stages))
    told = await asyncio.gather(*(_ask_all(name, "versions") for name in names))
    found: dict[str, set[str]] = {stage.name: set() for stage in stages}
    for replica in (replica for replicas in told for replica in replicas):
        for stage, version in replica.items():
            found[stage].add(version)
    return {stage: ", ".join(sorted(versions)) for stage, versions in found.items()}


async def _ask_all(deployment: str, method: str) -> list[Any]:
    """Call a method of every replica; an empty list where they do not all answer in time."""
    try:
        handle = serve.get_deployment_handle(deployment, APP)
        asked = handle.broadcast(method)
        return await asyncio.to_thread(asked.results, timeout_s=PATIENCE)
    except Exception:  # Serve's many ways to say that it is not there, or is leaving
        return []


async def answer(ports: Ports) -> None:
    """Wait until a call through the mesh's port is answered."""
    async with grpc.aio.insecure_channel(ports.target) as channel:
        stub = pipeline_pb2_grpc.PipelineServiceStub(channel)
        while True:
            try:
                await stub.List(pipeline_pb2.ListRequest(), timeout=2)
            except grpc.aio.AioRpcError:
                await asyncio.sleep(PERIOD)
            else:
                return


async def stop_serve() -> None:
    """Let what is under way finish and end every replica; gives up after half a minute."""
    await serve.shutdown_async()  # type: ignore[no-untyped-call]


async def _event(mesh: MeshPlan, name: str, seconds: float) -> Event:
    described: Mapping[str, Any] = await serve.get_deployment_handle(name, APP).describe.remote()
    return Event(
        kind=Kind.STAGE,
        seconds=seconds,
        deployment=name,
        stages=mesh.deployments[name].stages,
        import_s=described["import_s"],
        load_s=described["load_s"],
    )


def _error(overview: StatusOverview) -> MeshError:
    messages = {d.name: d.message for d in overview.deployment_statuses if d.status in AT_FAULT}
    return not_started(messages, overview.app_status.message)
