"""The mesh's GRPCInferenceService, as handlers of HTTP requests call it."""

from typing import TypeVar

from fastapi import Request, Response
from google.protobuf.message import Message
from pydantic_core import to_json

from convoy_gateway.edge.edge import Edge
from convoy_gateway.edge.timing import timed
from convoy_gateway.oip.requests import Asked
from convoy_gateway.upstream import Call, Upstream

SERVICE = "/inference.GRPCInferenceService"

Reply = TypeVar("Reply", bound=Message)
Body = TypeVar("Body", bound=Asked)


class Service:
    """Calls methods, each once for a request; what fails raises ConvoyError."""

    def __init__(self, upstream: Upstream, edge: Edge) -> None:
        """Call ``upstream``, with deadlines and metadata as ``edge`` reads them."""
        self._upstream = upstream
        self.edge = edge

    def call(self, request: Request) -> Call:
        """Give the call that a request makes; its deadline runs from now."""
        return self.edge.call(request.headers)

    async def ask(self, call: Call, method: str, asked: Message, reply: type[Reply]) -> Reply:
        """Give a method's reply."""
        raw = await self._upstream.unary(f"{SERVICE}/{method}", asked.SerializeToString(), call)
        return reply.FromString(raw)

    async def optional(self, request: Request, model: type[Body]) -> Body:
        """Give a request's body, which may be empty."""
        body = await self.edge.body(request)
        return self.edge.parse(body, model) if body else model()


def answer(told: object, call: Call, status: int = 200) -> Response:
    """Give JSON to the client."""
    return Response(to_json(told), status, timed(call), "application/json")
