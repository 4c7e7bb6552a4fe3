"""Native servicers: calls answered on Serve's own grpc.aio server, with grpc's own context."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, NoReturn

import grpc
from google.protobuf.descriptor import MethodDescriptor

from convoy import ConvoyError
from convoy.status import brief, to_status
from convoy_services import ingress
from convoy_services.rpc import services
from convoy_services.rpc.call import Call
from convoy_services.rpc.dispatch import Dispatcher
from convoy_services.rpc.forward import Forward
from convoy_services.rpc.relay import Relay

CODES = {code.value[0]: code for code in grpc.StatusCode}


def add_services_to_server(_: object, server: Any) -> None:
    """Register every service of the mesh on a gRPC server of Serve's.

    Serve calls this, by its name in ``grpc_servicer_functions``, once for each server that it
    starts. In an ingress replica the mesh is in the process; elsewhere calls are forwarded.
    """
    dispatcher: Dispatcher = ingress.dispatcher() or Forward()
    relay = Relay(dispatcher)
    for service in services.DESCRIPTORS:
        handlers = {method.name: _handler(method, dispatcher) for method in service.methods}
        _add(server, service.full_name, handlers)
    _add(server, relay.descriptor.full_name, {"Relay": _bidirectional(relay.Relay)})
    _drain_before_stop(server, relay)


def _add(server: Any, service: str, handlers: "dict[str, grpc.RpcMethodHandler[Any, Any]]") -> None:
    server.add_passthrough_service(service)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    server.add_registered_method_handlers(service, handlers)


def _drain_before_stop(server: Any, relay: Relay) -> None:
    """Let streams without an end of their own finish before the server waits for its calls."""
    stop = server.stop

    async def drain_and_stop(grace: float | None) -> None:
        relay.drain()
        await stop(grace)

    server.stop = drain_and_stop


def _handler(method: MethodDescriptor, dispatcher: Dispatcher) -> "grpc.RpcMethodHandler[Any, Any]":
    path = f"/{method.containing_service.full_name}/{method.name}"

    async def unary(request: bytes, context: Any) -> bytes:
        try:
            return await dispatcher.unary(path, request, _call(context))
        except ConvoyError as error:
            await _abort(context, error)

    async def stream(request: bytes, context: Any) -> AsyncIterator[bytes]:
        try:
            async for reply in dispatcher.stream(path, request, _call(context)):
                yield reply
        except ConvoyError as error:
            await _abort(context, error)

    if method.server_streaming:
        return grpc.unary_stream_rpc_method_handler(stream)
    return grpc.unary_unary_rpc_method_handler(unary)


def _bidirectional(
    answer: Callable[[AsyncIterator[bytes], Call], AsyncIterator[bytes]],
) -> "grpc.RpcMethodHandler[Any, Any]":
    async def stream(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        try:
            async for reply in answer(requests, _call(context)):
                yield reply
        except ConvoyError as error:
            await _abort(context, error)

    return grpc.stream_stream_rpc_method_handler(stream)


def _call(context: Any) -> Call:
    """Read the deadline and metadata that the client sent."""
    remaining = context.time_remaining()
    return Call(
        deadline=None if remaining is None else asyncio.get_running_loop().time() + remaining,
        metadata=dict(context.invocation_metadata() or ()),
    )


async def _abort(context: Any, error: ConvoyError) -> NoReturn:
    """End the call with a rich status."""
    status = to_status(brief(error))
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    await context.abort(CODES[status.code], status.message)
    raise AssertionError("abort raises")
