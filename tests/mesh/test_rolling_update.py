"""The bet of design.md §5.2: both ingress replicas are replaced under load, and no call fails."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from convoy.v1 import pipeline_pb2 as pb
from convoy.v1 import pipeline_pb2_grpc, relay_pb2, relay_pb2_grpc
from convoy_services.local.mesh import LocalMesh
from tests.mesh.calls import TIMEOUT, run_request
from tests.mesh.conftest import START

CLIENTS = 16
STREAMS = 4
CONFIG = (Path(__file__).parent / "echo.yaml").read_text()
RELAYED = relay_pb2.RelayStart(
    method="/convoy.v1.PipelineService/Run",
    request=run_request("echo", [b"relayed"]).SerializeToString(),
)


@pytest.fixture
def mesh() -> Iterator[LocalMesh]:
    """A mesh with two ingress replicas."""
    mesh = LocalMesh.start(CONFIG, name="tests-rolling")
    mesh.wait(within=START)
    yield mesh
    mesh.stop()


async def call_until(
    done: asyncio.Event, channel: grpc.aio.Channel, outcomes: Counter[str]
) -> None:
    stub = pipeline_pb2_grpc.PipelineServiceStub(channel)
    while not done.is_set():
        try:
            await stub.Run(run_request("echo", [b"x" * 100]), timeout=TIMEOUT)
            outcomes["ok"] += 1
        except grpc.aio.AioRpcError as error:
            outcomes[f"{error.code().name} {error.details()}"] += 1


async def relay_until(
    done: asyncio.Event, channel: grpc.aio.Channel, outcomes: Counter[str]
) -> None:
    """Keep a stream open; one that ends with OK is opened anew, and its open call sent again."""
    while not done.is_set():
        stream = relay_pb2_grpc.RelayServiceStub(channel).Relay()
        outcomes["streams"] += 1
        while not done.is_set():
            try:
                call = relay_pb2.RelayCall(id=outcomes["calls"], start=RELAYED)
                await stream.write(relay_pb2.RelayRequest(calls=[call]))
                message = await asyncio.wait_for(stream.read(), TIMEOUT)
            except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
                message = grpc.aio.EOF
            if message is grpc.aio.EOF:
                outcomes[await how_it_ended(stream)] += 1
                break
            assert message.replies[0].message
            outcomes["calls"] += 1
        else:
            await stream.done_writing()


async def how_it_ended(stream: Any) -> str:
    """Say it; a client of grpc.aio loses the status where it writes as the server ends."""
    if await stream.details() == "Internal error from Core":
        return "ended OK"
    return f"ended {(await stream.code()).name}"


async def stream_until(
    done: asyncio.Event, channel: grpc.aio.Channel, outcomes: Counter[str]
) -> None:
    request = run_request("echo", [b"x"] * 500)
    stub = pipeline_pb2_grpc.PipelineServiceStub(channel)
    while not done.is_set():
        call = stub.RunStream(
            pb.RunStreamRequest(pipeline="echo", batch=request.batch), timeout=TIMEOUT
        )
        assert sum([part.batch.rows async for part in call]) == 500
        outcomes["ok"] += 1


@pytest.mark.timeout(240)
async def test_no_call_fails_while_every_replica_is_replaced(mesh: LocalMesh) -> None:
    done = asyncio.Event()
    unary: Counter[str] = Counter()
    relayed: Counter[str] = Counter()
    streamed: Counter[str] = Counter()
    async with (
        grpc.aio.insecure_channel(mesh.target) as one,
        grpc.aio.insecure_channel(mesh.target) as other,
    ):
        load = asyncio.gather(
            *(
                call_until(done, channel, unary)
                for channel in (one, other)
                for _ in range(CLIENTS // 2)
            ),
            *(relay_until(done, other, relayed) for _ in range(STREAMS)),
            stream_until(done, one, streamed),
        )
        before = {p["pid"] for p in mesh.status()["processes"] if "ServeReplica" in p["name"]}
        update = asyncio.to_thread(mesh.update, CONFIG.replace("30s", "29s"), within=START)
        await update
        async with asyncio.timeout(TIMEOUT):
            while before & {p["pid"] for p in mesh.status()["processes"]}:  # noqa: ASYNC110 (polled)
                await asyncio.sleep(0.2)
        done.set()
        await asyncio.wait_for(load, TIMEOUT)
    assert set(unary) == {"ok"}
    assert set(streamed) == {"ok"}
    assert set(relayed) == {"streams", "calls", "ended OK"}
    assert relayed["streams"] > STREAMS
