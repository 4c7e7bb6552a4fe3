"""The seam that Ray does not promise: native servicers on Serve's own gRPC server, over a socket.

These fail when a new Ray moves the seam.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.rpc.status_pb2 import Status
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from ray.serve._private.grpc_util import enable_server_reflection, gRPCGenericServer

from convoy import Code, ConvoyError
from convoy.oip.v2 import inference_pb2, inference_pb2_grpc
from convoy.status import from_status
from convoy.v1 import pipeline_pb2 as pb
from convoy.v1 import pipeline_pb2_grpc, relay_pb2, relay_pb2_grpc
from convoy_services import ingress
from convoy_services.rpc import native
from convoy_services.rpc.call import Call
from convoy_services.rpc.traffic import QUIET

TIMEOUT = 30.0


class Answers:
    """A dispatcher that tells what it is asked."""

    def __init__(self) -> None:
        self.waiting, self.go = asyncio.Event(), asyncio.Event()

    async def unary(self, method: str, request: bytes, call: Call) -> bytes:
        if b"wait" in request:
            self.waiting.set()
            await self.go.wait()
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
def answers() -> Answers:
    return Answers()


@pytest.fixture
async def server(
    monkeypatch: pytest.MonkeyPatch, answers: Answers
) -> AsyncIterator[gRPCGenericServer]:
    monkeypatch.setattr(ingress, "_dispatcher", answers)
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


def refusal(error: grpc.aio.AioRpcError) -> ConvoyError:
    trailers = dict(error.trailing_metadata())
    return from_status(Status.FromString(trailers["grpc-status-details-bin"]))


@pytest.mark.parametrize("method", ["/convoy.v1.PipelineService/Nope", "/a.B/C", "/", "/a"])
async def test_a_method_that_there_is_not_is_refused_with_details(
    channel: grpc.aio.Channel, method: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await channel.unary_unary(method)(b"", timeout=TIMEOUT)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert refusal(caught.value).reason == "NO_SUCH_METHOD"
    stream = channel.stream_stream(method)(timeout=TIMEOUT)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stream.read()
    assert refusal(caught.value).reason == "NO_SUCH_METHOD"


async def test_what_serve_adds_itself_is_still_answered(server: gRPCGenericServer) -> None:
    port = server.add_insecure_port("127.0.0.1:0")
    enable_server_reflection(server)  # after our services and before the start, as Serve does
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        ask = reflection_pb2.ServerReflectionRequest(list_services="")
        call = stub.ServerReflectionInfo(iter([ask]), timeout=TIMEOUT)
        services = (await call.read()).list_services_response.service
    assert "convoy.v1.PipelineService" in {service.name for service in services}


@pytest.mark.parametrize("method", ["List", "RunStream"])
async def test_a_call_without_a_message_is_refused(channel: grpc.aio.Channel, method: str) -> None:
    """grpc.aio left it without an answer until the client went away."""
    call = channel.stream_unary(f"/convoy.v1.PipelineService/{method}")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(iter([]), timeout=TIMEOUT)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal(caught.value).reason == "MALFORMED_MESSAGE"


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
        assert (await stream.read()).leaving
        assert await stream.read() is grpc.aio.EOF
        assert await stream.code() is grpc.StatusCode.OK


async def test_stopping_the_server_tells_inference_streams_that_it_leaves(
    server: gRPCGenericServer, channel: grpc.aio.Channel
) -> None:
    stream = inference_pb2_grpc.GRPCInferenceServiceStub(channel).ModelStreamInfer(timeout=TIMEOUT)
    await stream.write(inference_pb2.ModelInferRequest(id="seven"))
    assert (await stream.read()).infer_response.id == "seven"
    async with asyncio.timeout(TIMEOUT):
        await server.stop(TIMEOUT)
        assert await stream.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_server_that_stops_answers_those_that_still_come(
    server: gRPCGenericServer, channel: grpc.aio.Channel
) -> None:
    """They were cancelled, where HAProxy had not yet been told: a code that nobody retries."""
    stub = pipeline_pb2_grpc.PipelineServiceStub(channel)
    await stub.List(pb.ListRequest(), timeout=TIMEOUT)
    stopping = asyncio.create_task(server.stop(TIMEOUT))
    for _ in range(20):
        await asyncio.sleep(QUIET / 10)
        assert (await stub.List(pb.ListRequest(), timeout=TIMEOUT)).pipelines
        assert not stopping.done()
    await asyncio.wait_for(stopping, TIMEOUT)


async def test_a_server_that_stops_answers_those_who_call_when_what_hung_is_answered(
    server: gRPCGenericServer, channel: grpc.aio.Channel, answers: Answers
) -> None:
    """They were reset: while nothing came the server had stopped, for it took that for quiet."""
    stub = pipeline_pb2_grpc.PipelineServiceStub(channel)
    hanging = [stub.Run(pb.RunRequest(pipeline="wait"), timeout=TIMEOUT) for _ in range(3)]
    async with asyncio.timeout(TIMEOUT):
        await answers.waiting.wait()
        stopping = asyncio.create_task(server.stop(TIMEOUT))
        await asyncio.wait([stopping], timeout=3 * QUIET)
        answers.go.set()
        await asyncio.gather(*hanging)
        assert (await stub.List(pb.ListRequest(), timeout=TIMEOUT)).pipelines
        await stopping
