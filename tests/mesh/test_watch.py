"""Watch over the gRPC port, while callers are at work."""

import asyncio

import grpc

from convoy import Client
from convoy.v1 import pipeline_pb2 as pb
from convoy.v1.pipeline_pb2_grpc import PipelineServiceStub
from convoy_services.local.mesh import LocalMesh

CALLERS = 8
WITHIN = 60.0
"""Seconds; a deadline, never an expectation."""


async def test_what_the_pipelines_do_is_told_while_they_do_it(
    mesh: LocalMesh, channel: grpc.aio.Channel
) -> None:
    watching = PipelineServiceStub(channel).Watch(pb.WatchRequest(), timeout=WITHIN)
    async with Client(mesh.target, timeout=WITHIN) as client:
        callers = [asyncio.create_task(keep_calling(client)) for _ in range(CALLERS)]
        try:
            async for told in watching:
                echo = next(p for p in told.pipelines if p.pipeline == "echo")
                if echo.batch_requests > 1:
                    break
        finally:
            watching.cancel()
            for caller in callers:
                caller.cancel()
    assert [p.pipeline for p in told.pipelines] == sorted(p.pipeline for p in told.pipelines)
    assert echo.ready
    assert echo.requests_per_second > 0
    assert echo.failures_per_second == 0
    assert 0 < echo.p50_seconds <= echo.p99_seconds
    for step in echo.steps:
        assert step.replicas >= 1
        assert step.batches_per_second > 0
        assert step.in_flight > step.computing >= 0


async def keep_calling(client: Client) -> None:
    while True:
        await client.run("echo", {"data": ["x"]})


async def test_it_ends_in_peace_before_its_deadline(channel: grpc.aio.Channel) -> None:
    told = [one async for one in PipelineServiceStub(channel).Watch(pb.WatchRequest(), timeout=4.0)]
    assert told
