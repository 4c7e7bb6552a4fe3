"""A mesh that gives what it is told to, and an app with the protocol's routes before it."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient
from google.protobuf.message import Message

from convoy import Code, ConvoyError
from convoy.oip.v2 import inference_pb2 as pb
from convoy_gateway.edge.edge import Edge
from convoy_gateway.edge.status import http_status
from convoy_gateway.oip import errors
from convoy_gateway.oip.binary import HEADER
from convoy_gateway.oip.routes import router
from convoy_gateway.settings import Settings
from convoy_gateway.upstream import Call

SERVICE = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"]

INFER = "/v2/models/echo/infer"


class FakeMesh:
    """Answers each method with a message, an error, or what a function makes of the request."""

    def __init__(self, **replies: Any) -> None:
        self.replies = replies
        self.asked: list[Any] = []
        self.calls: list[Call] = []
        self.trailers: dict[str, str] = {}

    async def unary(self, method: str, request: bytes, call: Call) -> bytes:
        service, _, name = method.rpartition("/")
        assert service == "/inference.GRPCInferenceService"
        described = SERVICE.methods_by_name[name].input_type
        asked = getattr(pb, described.name).FromString(request)
        self.asked.append(asked)
        self.calls.append(call)
        call.trailers.update(self.trailers)
        reply = self.replies[name]
        if isinstance(reply, ConvoyError):
            raise reply
        told: Message = reply(asked) if isinstance(reply, Callable) else reply
        return told.SerializeToString()


def echo(asked: pb.ModelInferRequest) -> pb.ModelInferResponse:
    """Give the inputs back, or those that are wanted."""
    wanted = {output.name for output in asked.outputs}
    response = pb.ModelInferResponse(
        model_name=asked.model_name, model_version=asked.model_version or "1", id=asked.id
    )
    for tensor, raw in zip(asked.inputs, asked.raw_input_contents, strict=True):
        if tensor.name in wanted or not wanted:
            response.outputs.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
            response.raw_output_contents.append(raw)
    return response


class Switch:
    """Calls the mesh of the test: one app serves all, for its routes take long to describe."""

    mesh: FakeMesh

    async def unary(self, method: str, request: bytes, call: Call) -> bytes:
        return await self.mesh.unary(method, request, call)

    def stream(self, method: str, request: bytes, call: Call) -> AsyncIterator[bytes]:
        raise AssertionError


switch = Switch()
app = FastAPI()
app.include_router(router(switch, Edge(Settings())))


@app.exception_handler(ConvoyError)
async def answer(request: Request, error: ConvoyError) -> JSONResponse:
    """Answer errors as the gateway does."""
    return JSONResponse(errors.body(error), http_status(error))


def client(mesh: FakeMesh) -> TestClient:
    """A client of the routes, which call this mesh until there is another client."""
    switch.mesh = mesh
    return TestClient(app)


def tensor(datatype: str, shape: list[Any], data: Any = None, **more: Any) -> dict[str, Any]:
    """An input, named x, as JSON."""
    given = {"name": "x", "datatype": datatype, "shape": shape, **more}
    return given if data is None else {**given, "data": data}


def with_tail(asked: dict[str, Any], *raws: bytes) -> dict[str, Any]:
    """What a POST is given, to send bytes after the JSON."""
    head = json.dumps(asked).encode()
    return {"content": b"".join([head, *raws]), "headers": {HEADER: str(len(head))}}


UNAVAILABLE = ConvoyError(Code.UNAVAILABLE, "there is no mesh", "MESH_UNREACHABLE", retry_after=1.0)
