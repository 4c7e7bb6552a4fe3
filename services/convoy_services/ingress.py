"""The deployment that answers gRPC: it holds the mesh that the servicers of its process call."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

from ray.serve._private import constants
from ray.serve.handle import DeploymentHandle

from convoy_services.mesh.link import ServeLink
from convoy_services.mesh.mesh import Mesh
from convoy_services.mesh.observer import Observers
from convoy_services.mesh.pipeline import Pipeline
from convoy_services.mesh.plan import MeshPlan
from convoy_services.mesh.serve_replicas import ServeReplicas
from convoy_services.mesh.streams import Streams
from convoy_services.rpc.call import Call
from convoy_services.rpc.dispatch import Local
from convoy_services.rpc.forward import INGRESS
from convoy_services.rpc.services import servicers
from convoy_services.rpc.watch import WatchServicer
from convoy_services.telemetry import endpoint, place
from convoy_services.telemetry.look import Look
from convoy_services.telemetry.lookout import Lookout
from convoy_services.telemetry.metrics import Metrics
from convoy_services.telemetry.refusals import Refusals
from convoy_services.telemetry.tracing import install, ring

PERIOD = 1.0
"""Seconds between two looks at queues and slots, for the gauges."""

_mesh: Mesh | None = None
_dispatcher: Local | None = None


def dispatcher() -> Local | None:
    """Give what answers calls in this process, or None where no ingress is."""
    return _dispatcher


def leave() -> None:
    """Let the mesh of this process, if it has one, tell who watches that it is leaving."""
    if _mesh is not None:
        _mesh.leaving = True


class Ingress:
    """Holds one mesh, for native servicers and for calls that Serve's proxies forward."""

    def __init__(self, plan: MeshPlan, hosts: Mapping[str, DeploymentHandle[Any]]) -> None:
        """Run ``plan`` over a handle to each deployment.

        Raises RuntimeError where Serve runs user code beside its server's event loop: native
        servicers would then reach the mesh from a foreign thread.
        """
        global _dispatcher, _mesh
        if constants.RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD:
            raise RuntimeError(
                "set RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD=0: see docs/architecture.md"
            )
        streaming = {name for name, deployment in plan.deployments.items() if deployment.streaming}
        links = {
            name: ServeLink(handle, {s: plan.stages[s] for s in plan.deployments[name].stages})
            for name, handle in hosts.items()
            if name not in streaming
        }
        streams = {name: Streams(ServeReplicas(hosts[name], name)) for name in streaming}
        install(INGRESS)
        folder = place.folder()
        metrics = Metrics(folder)
        metrics.begin(plan)
        self._mesh = _mesh = Mesh(plan, links, streams, Observers(metrics, Refusals()))
        node = endpoint.Node(folder)
        lookout = Lookout(lambda: Look.of(node.collect()))
        self._local = _dispatcher = Local([*servicers(_mesh), WatchServicer(_mesh, lookout)])
        self._tasks = [
            asyncio.create_task(_look(metrics, _mesh)),
            asyncio.create_task(endpoint.serve()),
        ]

    async def unary(
        self, method: str, request: bytes, timeout: float | None, metadata: dict[str, str]
    ) -> tuple[bytes, dict[str, str]]:
        """Answer a forwarded call with the reply and its trailers; raises ConvoyError."""
        call = _call(timeout, metadata)
        return await self._local.unary(method, request, call), call.trailers

    async def stream(
        self, method: str, request: bytes, timeout: float | None, metadata: dict[str, str]
    ) -> AsyncIterator[bytes | dict[str, str]]:
        """Answer a forwarded call with many messages, then its trailers; raises ConvoyError."""
        call = _call(timeout, metadata)
        async for reply in self._local.stream(method, request, call):
            yield reply
        if call.trailers:
            yield call.trailers

    def spans(self) -> list[dict[str, Any]]:
        """Give the last spans of this replica."""
        return ring.spans()

    def traffic(self) -> dict[str, dict[str, int]]:
        """Count, for each pipeline, what this replica has done since it started."""
        return {name: _traffic(self._mesh.pipeline(name)) for name in self._mesh.plan.pipelines}


def _traffic(pipeline: Pipeline) -> dict[str, int]:
    so_far = pipeline.statistics
    return {
        "waiting": pipeline.waiting,
        "answered": so_far.success.count,
        "failed": so_far.fail.count,
        "left": so_far.left,
        "rows": so_far.rows,
        "sent_again": so_far.sent.again,
        "orphans": so_far.sent.orphans,
    }


async def _look(metrics: Metrics, mesh: Mesh) -> None:
    """Keep gauges and versions true for as long as the process lives."""
    while True:
        mesh.follow()
        metrics.look(mesh)
        await asyncio.sleep(PERIOD)


def _call(timeout: float | None, metadata: Mapping[str, str]) -> Call:
    now = asyncio.get_running_loop().time()
    return Call(deadline=None if timeout is None else now + timeout, metadata=metadata)
