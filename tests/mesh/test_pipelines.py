"""Pipelines over a real port and real Serve deployments."""

import asyncio

import grpc
import numpy as np
import pytest

from convoy import Batch, Code, Tensor
from convoy.v1 import pipeline_pb2 as pb
from convoy.v1 import pipeline_pb2_grpc, stage_pb2, stage_pb2_grpc
from convoy.wire import read_batch, write_batch
from convoy_services.local.mesh import LocalMesh
from tests.mesh.calls import TIMEOUT, details, run, run_request


async def test_echo_gives_back_what_it_was_given(channel: grpc.aio.Channel) -> None:
    result = await run(channel, "echo", [b"one", b"", b"\xff\x00"])
    assert result["data"].elements() == [b"one", b"", b"\xff\x00"]


async def test_concurrent_requests_get_their_own_answers(channel: grpc.aio.Channel) -> None:
    async def ask(n: int) -> None:
        data = [f"{n}-{row}".encode() * (n % 7) for row in range(n % 5 + 1)]
        assert (await run(channel, "echo", data))["data"].elements() == data

    await asyncio.gather(*map(ask, range(300)))


@pytest.mark.parametrize("size", [1 << 20, 6 << 20, 24 << 20])
async def test_large_rows_travel(channel: grpc.aio.Channel, size: int) -> None:
    """By value, and by reference past 3 MiB; 4 MiB is where gRPC's own default would refuse."""
    data = np.random.default_rng(0).bytes(size)
    assert (await run(channel, "echo", [data]))["data"].elements() == [data]


async def test_many_rows_are_cut_into_batches_and_put_together(channel: grpc.aio.Channel) -> None:
    data = [str(n).encode() for n in range(4000)]
    assert (await run(channel, "echo", data))["data"].elements() == data


async def test_a_stream_answers_every_row_once(channel: grpc.aio.Channel) -> None:
    data = [str(n).encode() for n in range(1000)]
    request = run_request("echo", data)
    stub = pipeline_pb2_grpc.PipelineServiceStub(channel)
    call = stub.RunStream(
        pb.RunStreamRequest(pipeline=request.pipeline, batch=request.batch), timeout=TIMEOUT
    )
    parts = {part.first_row: read_batch(part.batch)["data"].elements() async for part in call}
    assert len(parts) > 1
    assert [element for row in sorted(parts) for element in parts[row]] == data


async def test_one_bad_row_fails_alone(channel: grpc.aio.Channel) -> None:
    async def ask(n: int) -> Batch:
        return await run(channel, "fussy", [b"bad" if n == 31 else str(n).encode()])

    results = await asyncio.gather(*map(ask, range(64)))
    failed = [n for n, result in enumerate(results) if result.failures]
    assert failed == [31]
    error = results[31].failures[0]
    assert (error.code, error.stage) == (Code.INTERNAL, "fussy")
    assert "secret" not in str(error)
    assert all(
        results[n]["data"].elements() == [str(n).encode()] for n in range(64) if n not in failed
    )


async def test_an_optional_step_that_is_late_falls_back(channel: grpc.aio.Channel) -> None:
    result = await run(channel, "forgiving", [b"sleep 0.5"])
    assert result["data"].elements() == [b"instead"]
    assert [(d.step, d.reason, d.rows) for d in result.degradations] == [
        ("fussy", "BUDGET_EXCEEDED", (0,))
    ]


async def test_steps_of_one_deployment_share_a_hop(channel: grpc.aio.Channel) -> None:
    result = await run(channel, "shared", [b"ab", b"abcd", b"", b"abcdefgh"])
    assert result["length"].tolist() == [2, 4, 0, 8]
    assert result["doubled"].tolist() == [-1, 8, -1, 16]


async def test_a_stage_answers_when_called_alone(channel: grpc.aio.Channel) -> None:
    request = stage_pb2.PreprocessRequest(stage="measure")
    write_batch(Batch(rows=1, columns={"data": Tensor.texts([b"abc"])}), request.batch)
    stub = stage_pb2_grpc.PreprocessServiceStub(channel)
    response = await stub.Preprocess(request, timeout=TIMEOUT)
    assert read_batch(response.batch)["length"].tolist() == [3]


async def test_a_stage_alone_keeps_the_calls_deadline(channel: grpc.aio.Channel) -> None:
    request = stage_pb2.InferRequest(stage="fussy")
    write_batch(Batch(rows=1, columns={"data": Tensor.texts([b"sleep 2"])}), request.batch)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stage_pb2_grpc.InferenceServiceStub(channel).Infer(request, timeout=0.3)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_a_stage_alone_takes_no_more_than_a_batch(channel: grpc.aio.Channel) -> None:
    request = stage_pb2.InferRequest(stage="fussy")
    write_batch(Batch(rows=257, columns={"data": Tensor.texts([b""] * 257)}), request.batch)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stage_pb2_grpc.InferenceServiceStub(channel).Infer(request, timeout=TIMEOUT)
    assert details(caught.value).violations[0].field == "batch.rows"


async def test_a_fault_is_found_in_the_logs_by_its_id(
    channel: grpc.aio.Channel, mesh: LocalMesh
) -> None:
    """The replica's buffered log lost every one of them."""
    fault_id = (await run(channel, "fussy", [b"bad"])).failures[0].metadata["id"]
    logs = mesh.settings.ray.rglob("logs/serve/*fussy*.log")
    assert any(fault_id in log.read_text() for log in logs)


async def test_pipelines_describe_themselves(channel: grpc.aio.Channel) -> None:
    stub = pipeline_pb2_grpc.PipelineServiceStub(channel)
    listed = await stub.List(pb.ListRequest(), timeout=TIMEOUT)
    assert list(listed.pipelines) == [
        "captioning",
        "echo",
        "embedding",
        "forgiving",
        "fussy",
        "generation",
        "generation_ahead",
        "mean",
        "reverse",
        "shared",
    ]
    described = await stub.Describe(pb.DescribeRequest(pipeline="shared"), timeout=TIMEOUT)
    assert [(s.name, s.deployment, s.when) for s in described.steps] == [
        ("measure", "measure", ""),
        ("double", "measure", "long"),
    ]


async def test_an_unknown_pipeline_is_not_found(channel: grpc.aio.Channel) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await run(channel, "ecko", [b"x"])
    error = details(caught.value)
    assert (caught.value.code(), error.reason) == (
        grpc.StatusCode.NOT_FOUND,
        "PIPELINE_NOT_FOUND",
    )
    assert "echo" in error.message


async def test_a_deadline_ends_a_call_that_waits(channel: grpc.aio.Channel) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await run(channel, "fussy", [b"sleep 2"], timeout=0.3)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
