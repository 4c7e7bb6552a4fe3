"""The Open Inference Protocol over a real port, with stubs of our own."""

import asyncio
import struct
from collections.abc import AsyncIterator, Iterable
from typing import Any

import grpc
import numpy as np
import pytest

from convoy import Code
from convoy.oip.v2 import inference_pb2 as pb
from convoy.oip.v2 import inference_pb2_grpc
from convoy.v1 import embedding_pb2, embedding_pb2_grpc
from tests.mesh.calls import TIMEOUT, details

Stub = inference_pb2_grpc.GRPCInferenceServiceStub


def lengths_first(elements: Iterable[bytes]) -> bytes:
    return b"".join(struct.pack("<I", len(element)) + element for element in elements)


def typed(model: str, name: str, *elements: bytes, **more: Any) -> pb.ModelInferRequest:
    return pb.ModelInferRequest(
        model_name=model,
        inputs=[
            pb.ModelInferRequest.InferInputTensor(
                name=name,
                datatype="BYTES",
                shape=[len(elements)],
                contents=pb.InferTensorContents(bytes_contents=elements),
            )
        ],
        **more,
    )


def raw(model: str, name: str, shape: list[int], elements: Iterable[bytes]) -> pb.ModelInferRequest:
    return pb.ModelInferRequest(
        model_name=model,
        inputs=[pb.ModelInferRequest.InferInputTensor(name=name, datatype="BYTES", shape=shape)],
        raw_input_contents=[lengths_first(elements)],
    )


async def infer(channel: grpc.aio.Channel, request: pb.ModelInferRequest) -> pb.ModelInferResponse:
    response: pb.ModelInferResponse = await Stub(channel).ModelInfer(request, timeout=TIMEOUT)
    return response


async def test_bytes_travel_typed_and_raw(channel: grpc.aio.Channel) -> None:
    elements = [b"one", b"", b"\xff\x00"]
    response = await infer(channel, typed("echo", "data", *elements, id="7"))
    assert response.id == "7"
    assert list(response.outputs[0].contents.bytes_contents) == elements
    response = await infer(channel, raw("echo", "data", [3], elements))
    assert list(response.outputs[0].shape) == [3]
    assert list(response.raw_output_contents) == [lengths_first(elements)]


async def test_rows_may_be_lists(channel: grpc.aio.Channel) -> None:
    words = [b"a", b"bc", b"", b"d", b"ef", b"g"]
    response = await infer(channel, raw("reverse", "words", [2, 3], words))
    assert list(response.outputs[0].shape) == [2, 3]
    reversed_ = [b"", b"bc", b"a", b"g", b"ef", b"d"]
    assert list(response.raw_output_contents) == [lengths_first(reversed_)]


async def test_vectors_are_those_of_the_embedding_service(channel: grpc.aio.Channel) -> None:
    texts = ["Parse a date.", "Remove a directory tree."]
    response = await infer(channel, raw("embedding", "text", [2], [t.encode() for t in texts]))
    vectors = np.frombuffer(response.raw_output_contents[0], "<f4").reshape(
        response.outputs[0].shape
    )
    stub = embedding_pb2_grpc.EmbeddingServiceStub(channel)
    embedded = await stub.Embed(embedding_pb2.EmbedRequest(texts=texts), timeout=TIMEOUT)
    expected = np.array([embedding.values for embedding in embedded.embeddings])
    np.testing.assert_allclose(vectors, expected, atol=1e-5)


async def test_concurrent_requests_get_their_own_answers(channel: grpc.aio.Channel) -> None:
    async def ask(n: int) -> None:
        elements = [f"{n}-{row}".encode() for row in range(n % 5 + 1)]
        response = await infer(channel, typed("echo", "data", *elements))
        assert list(response.outputs[0].contents.bytes_contents) == elements

    await asyncio.gather(*map(ask, range(200)))


@pytest.mark.parametrize(
    ("request_", "code", "field"),
    [
        (typed("ecko", "data", b"x"), Code.NOT_FOUND, None),
        (typed("echo", "data", b"x", model_version="7"), Code.NOT_FOUND, None),
        (typed("echo", "date", b"x"), Code.INVALID_ARGUMENT, "inputs[0].name"),
        (raw("echo", "data", [2], [b"x"]), Code.INVALID_ARGUMENT, "raw_input_contents[0]"),
        (typed("fussy", "data", b"x", b"bad"), Code.INTERNAL, "rows[1]"),
    ],
)
async def test_errors_arrive_with_their_details(
    channel: grpc.aio.Channel, request_: pb.ModelInferRequest, code: Code, field: str | None
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await infer(channel, request_)
    error = details(caught.value)
    assert error.code is code
    assert field is None or field in [violation.field for violation in error.violations]


async def test_a_timeout_ends_a_request(channel: grpc.aio.Channel) -> None:
    timeout = {"timeout": pb.InferParameter(int64_param=300_000)}
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await infer(channel, typed("fussy", "data", b"sleep 1", parameters=timeout))
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_a_fallback_is_told(channel: grpc.aio.Channel) -> None:
    response = await infer(channel, typed("forgiving", "data", b"sleep 0.5"))
    assert list(response.outputs[0].contents.bytes_contents) == [b"instead"]
    assert response.parameters["convoy_degraded"].string_param == "fussy"


async def test_a_stream_answers_each_request_as_it_completes(channel: grpc.aio.Channel) -> None:
    stream = Stub(channel).ModelStreamInfer(timeout=TIMEOUT)
    await stream.write(typed("fussy", "data", b"sleep 0.5", id="slow"))
    for n in range(50):
        await stream.write(typed("echo", "data", str(n).encode(), id=str(n)))
    await stream.write(typed("nope", "data", b"x", id="nope"))
    await stream.done_writing()
    responses = [response async for response in stream]
    answers = {r.infer_response.id: r for r in responses if not r.error_message}
    assert answers.keys() == {"slow", *map(str, range(50))}
    for n in range(50):
        (output,) = answers[str(n)].infer_response.outputs
        assert list(output.contents.bytes_contents) == [str(n).encode()]
    (failed,) = (r for r in responses if r.error_message)
    assert failed.infer_response.id == "nope"
    assert "there is no pipeline 'nope'" in failed.error_message
    assert responses[-1].infer_response.id == "slow"


async def test_a_stream_without_ids_keeps_its_order(channel: grpc.aio.Channel) -> None:
    async def requests() -> AsyncIterator[pb.ModelInferRequest]:
        yield typed("fussy", "data", b"sleep 0.3")
        for n in range(20):
            yield typed("echo", "data", str(n).encode())

    stream = Stub(channel).ModelStreamInfer(requests(), timeout=TIMEOUT)
    responses = [response.infer_response async for response in stream]
    told = [response.outputs[0].contents.bytes_contents[0] for response in responses]
    assert told == [b"sleep 0.3", *(str(n).encode() for n in range(20))]


async def statistics(channel: grpc.aio.Channel, model: str) -> pb.ModelStatistics:
    asked = pb.ModelStatisticsRequest(name=model)
    response = await Stub(channel).ModelStatistics(asked, timeout=TIMEOUT)
    (told,) = response.model_stats
    return told


async def test_statistics_are_true(channel: grpc.aio.Channel) -> None:
    before = await statistics(channel, "echo")
    requests = [typed("echo", "data", *[b"x"] * (n % 3 + 1)) for n in range(30)]
    await asyncio.gather(*(infer(channel, request) for request in requests))
    after = await statistics(channel, "echo")

    def grown(get: Any) -> int:
        return int(get(after) - get(before))

    assert grown(lambda told: told.inference_count) == 60
    assert grown(lambda told: told.inference_stats.success.count) == 30
    assert grown(lambda told: told.inference_stats.fail.count) == 0
    assert grown(lambda told: told.inference_stats.queue.count) == 30
    assert 1 <= grown(lambda told: told.execution_count) <= 60
    rows = sum(b.batch_size * b.compute_infer.count for b in after.batch_stats)
    assert rows == after.inference_count
    compute = grown(lambda told: told.inference_stats.compute_infer.ns)
    assert 0 < compute < grown(lambda told: told.inference_stats.success.ns)
    assert after.last_inference >= before.last_inference


async def test_a_model_may_be_unloaded_and_loaded(channel: grpc.aio.Channel) -> None:
    stub = Stub(channel)
    running = asyncio.ensure_future(infer(channel, typed("forgiving", "data", b"sleep 0.1")))
    asked = pb.RepositoryModelUnloadRequest(model_name="forgiving")
    await stub.RepositoryModelUnload(asked, timeout=TIMEOUT)
    try:
        ready = await stub.ModelReady(pb.ModelReadyRequest(name="forgiving"), timeout=TIMEOUT)
        assert not ready.ready
        index = await stub.RepositoryIndex(pb.RepositoryIndexRequest(), timeout=TIMEOUT)
        states = {model.name: model.state for model in index.models}
        assert (states["forgiving"], states["echo"]) == ("UNAVAILABLE", "READY")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await infer(channel, typed("forgiving", "data", b"x"))
        assert details(caught.value).reason == "PIPELINE_CLOSED"
    finally:
        asked = pb.RepositoryModelLoadRequest(model_name="forgiving")
        await stub.RepositoryModelLoad(asked, timeout=TIMEOUT)
        await asyncio.wait([running])
    response = await infer(channel, typed("forgiving", "data", b"x"))
    assert list(response.outputs[0].contents.bytes_contents) == [b"x"]


async def test_shared_memory_is_refused(channel: grpc.aio.Channel) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await Stub(channel).SystemSharedMemoryStatus(
            pb.SystemSharedMemoryStatusRequest(), timeout=TIMEOUT
        )
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert "shared memory" in str(caught.value.details())
