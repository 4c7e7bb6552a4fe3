"""Native servicers: calls answered on Serve's own grpc.aio server, with grpc's own context."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, ClassVar, NoReturn

import grpc
from google.protobuf.descriptor import MethodDescriptor

from convoy import ConvoyError
from convoy.errors import invalid
from convoy.status import brief, to_status
from convoy_services import ingress
from convoy_services.rpc import reflection, services
from convoy_services.rpc.call import Call
from convoy_services.rpc.dispatch import Dispatcher, StreamServicer, no_such_method
from convoy_services.rpc.events import EventStream
from convoy_services.rpc.forward import Forward
from convoy_services.rpc.health import HealthWithoutMesh
from convoy_services.rpc.oip.stream import InferenceStream
from convoy_services.rpc.relay import Relay
from convoy_services.rpc.traffic import PATIENCE, Traffic

CODES = {code.value[0]: code for code in grpc.StatusCode}

STOP = 2.0
"""Seconds of a server's grace that are kept for the end of what is under way after all."""


def add_services_to_server(_: object, server: Any) -> None:
    """Register every service of the mesh on a gRPC server of Serve's.

    Serve calls this, by its name in ``grpc_servicer_functions``, once for each server that it
    starts. In an ingress replica the mesh is in the process; elsewhere calls are forwarded.
    """
    dispatcher: Dispatcher = ingress.dispatcher() or HealthWithoutMesh(Forward())
    calls, streams = Traffic(), Traffic()
    streaming: list[StreamServicer] = [
        Relay(dispatcher),
        InferenceStream(dispatcher),
        EventStream(dispatcher),
    ]
    own = {
        method.full_name: _streaming(getattr(servicer, method.name), streams)
        for servicer in streaming
        for method in servicer.descriptor.methods
        if hasattr(servicer, method.name)
    }
    for service in (*services.DESCRIPTORS, Relay.descriptor):
        handlers = {
            method.name: own.get(method.full_name) or _handler(method, dispatcher, calls)
            for method in service.methods
        }
        _add(server, service.full_name, handlers)
    _add(server, reflection.SERVICE, reflection.handlers(services.NAMES))
    _refuse_the_rest(server)
    _drain_before_stop(server, calls, streams, streaming)


def _add(server: Any, service: str, handlers: "dict[str, grpc.RpcMethodHandler[Any, Any]]") -> None:
    server.add_passthrough_service(service)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    server.add_registered_method_handlers(service, handlers)


def _refuse_the_rest(server: Any) -> None:
    """Answer what no service has, once Serve has added its own services."""
    start = server.start

    async def refuse_and_start() -> None:
        server.add_generic_rpc_handlers((_Rest(),))
        await start()

    server.start = refuse_and_start


class _Rest(grpc.GenericRpcHandler):
    """Refuses every method with the details that all errors have; gRPC's own refusal has none."""

    _method_handlers: ClassVar[dict[str, Any]] = {}  # Serve looks here for what to take over

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> "grpc.RpcMethodHandler[Any, Any]":
        """Give what refuses the method."""

        async def refuse(_: object, context: Any) -> None:
            error = no_such_method(handler_call_details.method)
            await _abort(context, error, Call())

        return grpc.stream_stream_rpc_method_handler(refuse)


def _drain_before_stop(
    server: Any, calls: Traffic, streams: Traffic, streaming: Sequence[StreamServicer]
) -> None:
    """Stop only once no calls come, and let streams without an end of their own finish before.

    A server that stops answers CANCELLED to a call that comes then. Serve takes it off HAProxy's
    list before, and waits for that a fixed time. But the HAProxy of before lives on as long as
    connections do on which a call waits, and sends the next ones here.
    """
    stop = server.stop

    async def drain_and_stop(grace: float | None) -> None:
        clock = asyncio.get_running_loop().time
        end = clock() + (PATIENCE if grace is None else grace)
        ingress.leave()
        await calls.cease(end - STOP - clock())
        for servicer in streaming:
            servicer.drain()
        await asyncio.gather(*(t.cease(end - STOP - clock()) for t in (calls, streams)))
        await stop(None if grace is None else max(end - clock(), 0.0))

    server.stop = drain_and_stop


def _handler(
    method: MethodDescriptor, dispatcher: Dispatcher, traffic: Traffic
) -> "grpc.RpcMethodHandler[Any, Any]":
    path = f"/{method.containing_service.full_name}/{method.name}"

    async def unary(_: object, context: Any) -> bytes:
        with traffic:
            call = _call(context)
            try:
                reply = await dispatcher.unary(path, await _request(context), call)
            except ConvoyError as error:
                await _abort(context, error, call)
            if call.trailers:
                context.set_trailing_metadata(tuple(call.trailers.items()))
            return reply

    async def stream(_: object, context: Any) -> AsyncIterator[bytes]:
        with traffic:
            call = _call(context)
            try:
                request = await _request(context)
                async for reply in dispatcher.stream(path, request, call):
                    yield reply
            except ConvoyError as error:
                await _abort(context, error, call)
            if call.trailers:
                context.set_trailing_metadata(tuple(call.trailers.items()))

    if method.server_streaming:
        return grpc.stream_stream_rpc_method_handler(stream)
    return grpc.stream_unary_rpc_method_handler(unary)


async def _request(context: Any) -> bytes:
    """Read the one message of a call; raises ConvoyError INVALID_ARGUMENT where there is none.

    It is read here, and handlers are those of a client that streams, because grpc.aio itself never
    answers a call that ends before its message does.
    """
    request = await context.read()
    if request is grpc.aio.EOF:
        raise invalid("", "the call ends before its message does", reason="MALFORMED_MESSAGE")
    return bytes(request)


def _streaming(
    answer: Callable[[AsyncIterator[bytes], Call], AsyncIterator[bytes]], traffic: Traffic
) -> "grpc.RpcMethodHandler[Any, Any]":
    async def stream(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        with traffic:
            call = _call(context)
            try:
                async for reply in answer(requests, call):
                    yield reply
            except ConvoyError as error:
                await _abort(context, error, call)

    return grpc.stream_stream_rpc_method_handler(stream)


def _call(context: Any) -> Call:
    """Read the deadline and metadata that the client sent."""
    remaining = context.time_remaining()
    now = asyncio.get_running_loop().time()
    return Call(
        deadline=None if remaining is None else now + remaining,
        metadata=dict(context.invocation_metadata() or ()),
    )


async def _abort(context: Any, error: ConvoyError, call: Call) -> NoReturn:
    """End the call with a rich status."""
    status = to_status(brief(error))
    details = ("grpc-status-details-bin", status.SerializeToString())
    context.set_trailing_metadata((details, *call.trailers.items()))
    await context.abort(CODES[status.code], status.message)
    raise AssertionError("abort raises")
