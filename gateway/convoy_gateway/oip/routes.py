"""The protocol's paths."""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request, Response

from convoy.oip.v2 import inference_pb2 as pb
from convoy.oip.v2 import model_config_pb2 as config_pb
from convoy_gateway.edge.edge import Edge
from convoy_gateway.oip import openapi
from convoy_gateway.oip.message import schema
from convoy_gateway.oip.models import Models
from convoy_gateway.oip.openapi import Operation
from convoy_gateway.oip.repository import Repository
from convoy_gateway.oip.requests import IndexRequest, InferRequest, RepositoryRequest
from convoy_gateway.oip.server import Server
from convoy_gateway.oip.service import Service
from convoy_gateway.upstream import Upstream

Handler = Callable[[Request], Awaitable[Response]]

METADATA = Operation(
    summary="Tell what the server is",
    right=schema(pb.ServerMetadataResponse),
)
LIVE = Operation(
    summary="Tell whether the mesh answers",
    right=schema(pb.ServerLiveResponse),
    unready=True,
)
READY = Operation(
    summary="Tell whether every model can answer",
    right=schema(pb.ServerReadyResponse),
    unready=True,
)
STATISTICS = Operation(
    summary="Tell what each model has done",
    right=schema(pb.ModelStatisticsResponse),
)
MODEL_METADATA = Operation(
    summary="Tell a model's tensors",
    right=schema(pb.ModelMetadataResponse),
)
MODEL_READY = Operation(
    summary="Tell whether a model can answer",
    right=openapi.named(schema(pb.ModelReadyResponse)),
    unready=True,
)
MODEL_CONFIG = Operation(
    summary="Tell a model's configuration",
    right=schema(config_pb.ModelConfig),
)
MODEL_STATISTICS = Operation(
    summary="Tell what a model has done",
    right=schema(pb.ModelStatisticsResponse),
)
INFER = Operation(
    summary="Run rows through a model",
    right=openapi.inference(),
    body=InferRequest,
    raw=True,
)
INDEX = Operation(
    summary="Name the models",
    right={"type": "array", "items": schema(pb.RepositoryIndexResponse.ModelIndex)},
    body=IndexRequest,
)
LOAD = Operation(
    summary="Open a model",
    right=schema(pb.RepositoryModelLoadResponse),
    body=RepositoryRequest,
)
UNLOAD = Operation(
    summary="Close a model",
    right=schema(pb.RepositoryModelUnloadResponse),
    body=RepositoryRequest,
)

ABSENT = {
    "/systemsharedmemory/{rest:path}": "SystemSharedMemoryStatus",
    "/cudasharedmemory/{rest:path}": "CudaSharedMemoryStatus",
    "/trace/setting": "TraceSetting",
    "/models/{model}/trace/setting": "TraceSetting",
    "/logging": "LogSettings",
}
"""Triton's paths to what a mesh has not, each with a method that says why."""


def router(upstream: Upstream, edge: Edge) -> APIRouter:
    """Answer the protocol from the mesh; what fails raises ConvoyError, for ``errors.body``."""
    service = Service(upstream, edge)
    server, models, repository = Server(service), Models(service), Repository(service)
    routes = APIRouter(prefix="/v2", tags=["Open Inference Protocol"])

    def add(path: str, handler: Handler, operation: Operation) -> None:
        routes.add_api_route(
            path,
            handler,
            methods=[operation.method],
            summary=operation.summary,
            responses=operation.responses(),
            openapi_extra=operation.extra(path),
        )

    add("", server.metadata, METADATA)
    add("/health/live", server.live, LIVE)
    add("/health/ready", server.ready, READY)
    add("/models/stats", models.statistics, STATISTICS)  # before a model that is named so
    for of in ("/models/{model}", "/models/{model}/versions/{version}"):
        add(of, models.metadata, MODEL_METADATA)
        add(f"{of}/ready", models.ready, MODEL_READY)
        add(f"{of}/config", models.config, MODEL_CONFIG)
        add(f"{of}/stats", models.statistics, MODEL_STATISTICS)
        add(f"{of}/infer", models.infer, INFER)
    add("/repository/index", repository.index, INDEX)
    add("/repository/models/{model}/load", repository.load, LOAD)
    add("/repository/models/{model}/unload", repository.unload, UNLOAD)
    for path, method in ABSENT.items():
        handler = server.absent(method)
        routes.add_api_route(path, handler, methods=["GET", "POST"], include_in_schema=False)
    return routes
