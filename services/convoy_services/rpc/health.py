"""grpc.health.v1: what is ready, asked once or watched.

Protocol: https://github.com/grpc/grpc/blob/master/doc/health-checking.md
"""

import asyncio
from collections.abc import AsyncIterator, Mapping

from grpc_health.v1 import health_pb2 as pb

from convoy import Code, ConvoyError
from convoy_services.mesh.mesh import Mesh
from convoy_services.rpc.call import Call
from convoy_services.rpc.dispatch import Dispatcher

PERIOD = 0.2
"""Seconds between two looks of a watcher."""

_Response = pb.HealthCheckResponse
SERVING, NOT_SERVING = _Response.SERVING, _Response.NOT_SERVING


class HealthServicer:
    """Tells whether the mesh (the empty name), a pipeline, a stage or a service is ready.

    ``pipeline/NAME`` is ready while it admits requests and a replica of each stage is there that
    it cannot do without, ``stage/NAME`` while a replica of it is; the mesh while every pipeline
    is; a service with the pipeline that answers it, or else with the mesh.
    """

    descriptor = pb.DESCRIPTOR.services_by_name["Health"]

    def __init__(self, mesh: Mesh, services: Mapping[str, str | None]) -> None:
        """Tell of ``mesh`` and of ``services``: full names, and the pipeline that answers each."""
        self._mesh = mesh
        self._services = services

    async def Check(self, request: pb.HealthCheckRequest, call: Call) -> pb.HealthCheckResponse:
        """Tell of one name; raises ConvoyError NOT_FOUND for one that there is not."""
        ready = self._ready(request.service)
        if ready is None:
            raise ConvoyError(
                Code.NOT_FOUND,
                f"there is no {request.service[:64]!r}; "
                f"there are: {', '.join(map(repr, self._names))}",
                "SERVICE_NOT_FOUND",
            )
        return _response(ready)

    async def List(self, request: pb.HealthListRequest, call: Call) -> pb.HealthListResponse:
        """Tell of every name."""
        return pb.HealthListResponse(
            statuses={name: _response(bool(self._ready(name))) for name in self._names}
        )

    async def Watch(
        self, request: pb.HealthCheckRequest, call: Call
    ) -> AsyncIterator[pb.HealthCheckResponse]:
        """Tell of one name now and whenever it changes, until this ingress leaves."""
        last = None
        while True:
            ready = self._ready(request.service)
            now = _Response(status=_Response.SERVICE_UNKNOWN) if ready is None else _response(ready)
            if now != last:
                yield now
                last = now
            if self._mesh.leaving:
                return
            await asyncio.sleep(PERIOD)

    @property
    def _names(self) -> list[str]:
        plan = self._mesh.plan
        pipelines = (f"pipeline/{name}" for name in sorted(plan.pipelines))
        stages = (f"stage/{name}" for name in sorted(plan.stages))
        return ["", *pipelines, *stages, *self._services]

    def _ready(self, name: str) -> bool | None:
        """Tell whether what has this name is ready; None where nothing has it."""
        plan = self._mesh.plan
        kind, _, rest = name.partition("/")
        here = not self._mesh.leaving
        if not name:
            return self._mesh.ready
        if kind == "pipeline" and rest in plan.pipelines:
            return self._mesh.pipeline(rest).ready and here
        if kind == "stage" and rest in plan.stages:
            return self._mesh.replicas(plan.stages[rest].deployment) > 0 and here
        if name not in self._services:
            return None
        pipeline = self._services[name]
        if pipeline is None:
            return self._mesh.ready
        return pipeline in plan.pipelines and self._mesh.pipeline(pipeline).ready and here


class HealthWithoutMesh:
    """Passes calls on, and answers for the mesh where it cannot be reached."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        """Pass calls on to ``dispatcher``."""
        self._dispatcher = dispatcher

    async def unary(self, method: str, request: bytes, call: Call) -> bytes:
        """Answer with one message; raises ConvoyError."""
        try:
            return await self._dispatcher.unary(method, request, call)
        except ConvoyError as error:
            if method != "/grpc.health.v1.Health/Check" or error.code is Code.NOT_FOUND:
                raise
            return bytes(_response(False).SerializeToString())

    async def stream(self, method: str, request: bytes, call: Call) -> AsyncIterator[bytes]:
        """Answer with many messages; raises ConvoyError."""
        try:
            async for reply in self._dispatcher.stream(method, request, call):
                yield reply
        except ConvoyError:
            if method != "/grpc.health.v1.Health/Watch":
                raise
            yield bytes(_response(False).SerializeToString())  # and the end: the watcher asks again


def _response(ready: bool) -> pb.HealthCheckResponse:  # noqa: FBT001 (it has but one meaning)
    return _Response(status=SERVING if ready else NOT_SERVING)
