"""Health and reflection over the mesh's port, by the libraries' own clients."""

import asyncio

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2 as reflection

from convoy_services.local.mesh import LocalMesh
from tests.mesh.calls import TIMEOUT

SERVING = health_pb2.HealthCheckResponse.SERVING


@pytest.mark.parametrize(
    "name",
    [
        "",
        "pipeline/embedding",
        "stage/encode",
        "stage/double",
        "convoy.v1.EmbeddingService",
        "convoy.v1.RelayService",
    ],
)
async def test_what_is_ready_serves(channel: grpc.aio.Channel, name: str) -> None:
    request = health_pb2.HealthCheckRequest(service=name)
    stub = health_pb2_grpc.HealthStub(channel)
    assert (await stub.Check(request, timeout=TIMEOUT)).status == SERVING


async def test_a_name_that_there_is_not_is_not_found(channel: grpc.aio.Channel) -> None:
    stub = health_pb2_grpc.HealthStub(channel)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Check(health_pb2.HealthCheckRequest(service="pipeline/no"), timeout=TIMEOUT)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_a_watcher_is_told_at_once(channel: grpc.aio.Channel) -> None:
    request = health_pb2.HealthCheckRequest(service="pipeline/echo")
    call = health_pb2_grpc.HealthStub(channel).Watch(request, timeout=TIMEOUT)
    async with asyncio.timeout(TIMEOUT):
        assert (await call.read()).status == SERVING
    call.cancel()


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
async def test_reflection_tells_every_service_and_its_messages(
    channel: grpc.aio.Channel, mesh: LocalMesh, version: str
) -> None:
    ask = channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection.ServerReflectionResponse.FromString,
    )
    call = ask(timeout=TIMEOUT)
    await call.write(reflection.ServerReflectionRequest(list_services=""))
    listed = {service.name for service in (await call.read()).list_services_response.service}
    ours = {"EmbeddingService", "InferenceService", "PipelineService", "RelayService"}
    assert listed >= {f"convoy.v1.{name}" for name in ours} | {"grpc.health.v1.Health"}
    symbol = "convoy.v1.EmbeddingService"
    await call.write(reflection.ServerReflectionRequest(file_containing_symbol=symbol))
    files = (await call.read()).file_descriptor_response.file_descriptor_proto
    assert "convoy/v1/embedding.proto" in {FileDescriptorProto.FromString(f).name for f in files}
    await call.done_writing()
