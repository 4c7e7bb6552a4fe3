"""The seam that Ray does not promise: native servicers on Serve's own gRPC server, over a socket.

These fail when a new Ray moves the seam.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.rpc.status_pb2 import Status
from ray.serve._private.grpc_util import gRPCGenericServer

from convoy import Code, ConvoyError
from convoy.status import from_status
from convoy.v1 import pipeline_pb2 as pb
from convoy.v1 import pipeline_pb2_grpc, relay_pb2, relay_pb2_grpc
from convoy_services import ingress
from convoy_services.rpc import native
from convoy_services.rpc.call import Call

TIMEOUT = 10.0


class Answers:
    """A dispatcher that tells what it is asked."""

    async def unary(self, method: str, request: bytes, call: Call) -> bytes:
        if request == b"wait":
            await asyncio.Event().wait()
        if method.endswith("Describe"):
            raise ConvoyError(Code.NOT_FOUND, "no such thing", "NOTHING", retry_after=1.5)
        left = 0.0 if call.deadline is None else call.timeout(0)
        told = [method, call.metadata.get("convoy-tenant", ""), "in time" if 0 < left <= 5 else ""]
        return pb.ListResponse(pipelines=told).SerializeToString()

    async def stream(self, method: str, request: bytes, call: Call) -> AsyncIterator[bytes]:
        for row in range(3):
            yield pb.RunStreamResponse(first_row=row).SerializeToString()


def never(**_: Any) -> Any:
    async def answer(*_: Any) -> bytes:
        raise AssertionError("Serve dispatched a call that a native servicer should answer")

    return answer


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[gRPCGenericServer]:
    monkeypatch.setattr(ingress, "_dispatcher", Answers())
    server = gRPCGenericServer(never)
    native.add_services_to_server(None, server)
    yield server
    await server.stop(0)


@pytest.fixture
async def channel(server: gRPCGenericServer) -> AsyncIterator[grpc.aio.Channel]:
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel


async def test_a_call_brings_its_deadline_and_metadata(channel: grpc.aio.Channel) -> None:
    stub = pipeline_pb2_grpc.PipelineServiceStub(channel)
    reply = await stub.List(pb.ListRequest(), timeout=5, metadata=[("convoy-tenant", "acme")])
    assert list(reply.pipelines) == ["/convoy.v1.PipelineService/List", "acme", "in time"]


async def test_an_error_arrives_with_its_details(channel: grpc.aio.Channel) -> None:
    stub = pipeline_pb2_grpc.PipelineServiceStub(channel)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Describe(pb.DescribeRequest(), timeout=TIMEOUT)
    trailers = dict(caught.value.trailing_metadata())
    error = from_status(Status.FromString(trailers["grpc-status-details-bin"]))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert (error.reason, error.retry_after) == ("NOTHING", 1.5)


async def test_a_stream_is_answered(channel: grpc.aio.Channel) -> None:
    stub = pipeline_pb2_grpc.PipelineServiceStub(channel)
    call = stub.RunStream(pb.RunStreamRequest(), timeout=TIMEOUT)
    assert [part.first_row async for part in call] == [0, 1, 2]


async def test_stopping_the_server_ends_idle_relay_streams(
    server: gRPCGenericServer, channel: grpc.aio.Channel
) -> None:
    stream = relay_pb2_grpc.RelayServiceStub(channel).Relay(timeout=TIMEOUT)
    start = relay_pb2.RelayStart(method="/convoy.v1.PipelineService/List")
    await stream.write(relay_pb2.RelayRequest(calls=[relay_pb2.RelayCall(id=1, start=start)]))
    assert (await stream.read()).replies[0].id == 1
    async with asyncio.timeout(TIMEOUT):
        await server.stop(TIMEOUT)
        assert await stream.read() is grpc.aio.EOF
        assert await stream.code() is grpc.StatusCode.OK
