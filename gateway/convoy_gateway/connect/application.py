"""The services of the contract as one ASGI application."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing
from typing import Any

from connectrpc.compression.gzip import GzipCompression
from connectrpc.errors import ConnectError
from connectrpc.method import IdempotencyLevel, MethodInfo, StreamType
from connectrpc.request import RequestContext
from connectrpc.server import ConnectASGIApplication, Endpoint
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2
from starlette.types import Receive, Scope, Send

from convoy import ConvoyError
from convoy.v1 import (
    captioning_pb2,
    embedding_pb2,
    generation_pb2,
    pipeline_pb2,
    recommendation_pb2,
    relay_pb2,
    stage_pb2,
)
from convoy_gateway.connect.codec import Binary, Json, JsonText
from convoy_gateway.connect.error import to_connect
from convoy_gateway.connect.interceptor import Told
from convoy_gateway.connect.json import JsonForm
from convoy_gateway.connect.refusal import misfit, no_such_method, streams_in
from convoy_gateway.edge.body import GZIP_LEVEL
from convoy_gateway.edge.headers import to_call
from convoy_gateway.edge.status import retry_after
from convoy_gateway.outcome import outcome
from convoy_gateway.settings import Settings
from convoy_gateway.upstream import Call, Upstream

FILES = (
    captioning_pb2,
    embedding_pb2,
    generation_pb2,
    pipeline_pb2,
    recommendation_pb2,
    relay_pb2,
    stage_pb2,
    health_pb2,
)

TWINS = {
    "convoy.v1.RecommendationService.RecordEvents": "RecordEventBatch",
    "convoy.v1.RelayService.Relay": "RelayBatch",
}
"""What to call instead of a method whose client streams: over HTTP a request comes whole."""


def services() -> Iterator[ServiceDescriptor]:
    """Give the services that are offered."""
    for file in FILES:
        yield from file.DESCRIPTOR.services_by_name.values()


class Connect(ConnectASGIApplication[Upstream]):
    """Answers by calls of the same methods upstream; generated applications would only do that."""

    path = "/"

    def __init__(self, upstream: Upstream, settings: Settings) -> None:
        """Offer every method of the contract."""
        self._settings = settings
        self._json = JsonForm(settings)
        self._methods = {
            f"/{service.full_name}/{method.name}": method
            for service in services()
            for method in service.methods
        }
        super().__init__(
            service=upstream,
            endpoints=self._table,
            interceptors=[Told()],
            read_max_bytes=settings.max_body,
            compressions=[GzipCompression(GZIP_LEVEL)],
            codecs=[Binary(), Json()],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        outcome().dialect = "connect"
        method = self._methods.get(scope["path"])
        if method is None:
            await no_such_method(scope["path"])(scope, receive, send)
        elif method.client_streaming:
            await streams_in(method.name, TWINS[method.full_name])(scope, receive, send)
        elif refusal := misfit(scope, streams=method.server_streaming):
            await refusal(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    def _table(self, upstream: Upstream) -> Mapping[str, Any]:
        return {
            path: self._endpoint(path, method, upstream)
            for path, method in self._methods.items()
            if not method.client_streaming
        }

    def _endpoint(self, path: str, method: MethodDescriptor, upstream: Upstream) -> Any:
        asked, told = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
        json = self._json

        async def unary(request: bytes, context: RequestContext[Any, Any]) -> bytes:
            call = self._call(context)
            try:
                if not isinstance(request, JsonText):
                    return await upstream.unary(path, request, call)
                reply = await upstream.unary(path, await json.read(request, asked), call)
                return await json.write(reply, told)
            except ConvoyError as error:
                raise _failed(error, context) from error
            finally:
                _trail(call, context)

        async def stream(request: bytes, context: RequestContext[Any, Any]) -> AsyncIterator[bytes]:
            call = self._call(context)
            is_json = isinstance(request, JsonText)
            try:
                binary = await json.read(request, asked) if is_json else request
                async with aclosing(upstream.stream(path, binary, call)) as replies:
                    async for reply in replies:
                        yield await json.write(reply, told) if is_json else reply
            except ConvoyError as error:
                raise _failed(error, context) from error
            finally:
                _trail(call, context)

        if method.server_streaming:
            return Endpoint.server_stream(_info(method, StreamType.SERVER_STREAM), stream)
        return Endpoint.unary(_info(method, StreamType.UNARY), unary)

    def _call(self, context: RequestContext[Any, Any]) -> Call:
        now = asyncio.get_running_loop().time()
        try:
            call = to_call(context.request_headers, self._settings, now)
        except ConvoyError as error:
            raise to_connect(error) from error
        if context.timeout_ms is not None:
            call.deadline = now + min(context.timeout_ms / 1000, self._settings.max_timeout)
        return call


def _info(method: MethodDescriptor, kind: StreamType) -> MethodInfo[Any, Any]:
    return MethodInfo(
        name=method.name,
        service_name=method.containing_service.full_name,
        input=GetMessageClass(method.input_type),
        output=GetMessageClass(method.output_type),
        idempotency_level=IdempotencyLevel.UNKNOWN,
        stream_type=kind,
    )


def _failed(error: ConvoyError, context: RequestContext[Any, Any]) -> ConnectError:
    for key, value in retry_after(error).items():
        context.response_headers[key] = value
    return to_connect(error)


def _trail(call: Call, context: RequestContext[Any, Any]) -> None:
    for key, value in call.trailers.items():
        context.response_trailers[key] = value
