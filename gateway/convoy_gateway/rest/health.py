"""Whether the gateway lives, and whether the mesh behind it is ready."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request
from grpc_health.v1 import health_pb2 as pb
from starlette.responses import JSONResponse

from convoy import Code, ConvoyError
from convoy_gateway.edge.edge import Edge
from convoy_gateway.upstream import Upstream
from convoy_gateway.upstream.failure import unavailable

WITHIN = 2.0
"""Seconds after which a mesh that says nothing is not ready."""

CHECK = "/grpc.health.v1.Health/Check"

Service = Annotated[
    str, Query(max_length=256, description="As grpc.health.v1 names it: pipeline/NAME, stage/NAME")
]


def router(upstream: Upstream, edge: Edge) -> APIRouter:
    """Tell what orchestrators and balancers ask."""
    routes = APIRouter(tags=["Health"])

    @routes.get("/livez")
    async def livez() -> dict[str, str]:
        """Tell that the gateway runs."""
        return {"status": "SERVING"}

    @routes.get("/readyz", responses={404: {}, 503: {}, 400: {}})
    async def readyz(request: Request, service: Service = "") -> JSONResponse:
        """Tell whether the mesh, or one service of it, takes calls."""
        asked = pb.HealthCheckRequest(service=service).SerializeToString()
        call = edge.call(request.headers)
        call.deadline = min(call.deadline, asyncio.get_running_loop().time() + WITHIN)
        try:
            raw = await upstream.unary(CHECK, asked, call)
        except ConvoyError as error:
            if error.code is not Code.DEADLINE_EXCEEDED:
                raise
            raise unavailable("the mesh does not answer") from error
        if pb.HealthCheckResponse.FromString(raw).status != pb.HealthCheckResponse.SERVING:
            raise unavailable("the mesh is not ready")
        return JSONResponse({"status": "SERVING"})

    return routes
