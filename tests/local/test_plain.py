"""Serve's default proxy, where every call is forwarded to the ingress by its handle."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import grpc
import pytest

from convoy import Code
from convoy.oip.v2 import inference_pb2, inference_pb2_grpc
from convoy.v1 import pipeline_pb2 as pb
from convoy.v1 import pipeline_pb2_grpc, relay_pb2, relay_pb2_grpc
from convoy_services.local.mesh import LocalMesh
from tests.mesh.calls import TIMEOUT, details, run, run_request
from tests.mesh.conftest import START

CONFIG = (Path(__file__).parent / "echo.yaml").read_text()


@pytest.fixture(scope="module")
def mesh() -> Iterator[LocalMesh]:
    mesh = LocalMesh.start(CONFIG, name="tests-plain", plain=True)
    mesh.wait(within=START)
    yield mesh
    mesh.stop()


@pytest.fixture
async def channel(mesh: LocalMesh) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(mesh.target) as channel:
        yield channel


async def test_calls_are_forwarded(channel: grpc.aio.Channel) -> None:
    assert (await run(channel, "echo", [b"one", b"two"]))["data"].elements() == [b"one", b"two"]


async def test_streams_are_forwarded(channel: grpc.aio.Channel) -> None:
    batch = run_request("echo", [b"x"] * 600).batch
    stub = pipeline_pb2_grpc.PipelineServiceStub(channel)
    call = stub.RunStream(pb.RunStreamRequest(pipeline="echo", batch=batch), timeout=TIMEOUT)
    assert sum([part.batch.rows async for part in call]) == 600


async def test_relayed_calls_are_forwarded(channel: grpc.aio.Channel) -> None:
    request = run_request("echo", [b"x"]).SerializeToString()
    start = relay_pb2.RelayStart(method="/convoy.v1.PipelineService/Run", request=request)
    stream = relay_pb2_grpc.RelayServiceStub(channel).Relay(timeout=TIMEOUT)
    calls = [relay_pb2.RelayCall(id=n, start=start) for n in range(5)]
    await stream.write(relay_pb2.RelayRequest(calls=calls))
    await stream.done_writing()
    replies = [reply async for message in stream for reply in message.replies]
    assert sorted(reply.id for reply in replies if reply.message) == list(range(5))


async def test_inference_streams_are_forwarded(channel: grpc.aio.Channel) -> None:
    requests = [
        inference_pb2.ModelInferRequest(
            model_name=model,
            id=str(n),
            inputs=[
                inference_pb2.ModelInferRequest.InferInputTensor(
                    name="data",
                    datatype="BYTES",
                    shape=[1],
                    contents=inference_pb2.InferTensorContents(bytes_contents=[b"x"]),
                )
            ],
        )
        for n, model in enumerate(["echo", "ecko", "echo"])
    ]
    stub = inference_pb2_grpc.GRPCInferenceServiceStub(channel)
    assert (await stub.ModelInfer(requests[0], timeout=TIMEOUT)).id == "0"
    stream = stub.ModelStreamInfer(iter(requests), timeout=TIMEOUT)
    responses = {response.infer_response.id: response async for response in stream}
    assert {n for n, response in responses.items() if response.error_message} == {"1"}
    assert responses.keys() == {"0", "1", "2"}


async def test_errors_keep_their_details(channel: grpc.aio.Channel) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await run(channel, "ecko", [b"x"])
    error = details(caught.value)
    assert (error.code, error.reason) == (Code.NOT_FOUND, "PIPELINE_NOT_FOUND")
