"""The bet of design.md §5.2: both ingress replicas are replaced under load, and no call fails."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx2 as httpx
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
    """A mesh with two ingress replicas, and a gateway beside it."""
    mesh = LocalMesh.start(CONFIG, name="tests-rolling", gateway_port=0)
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
    """Keep a stream open; one whose server says that it leaves is closed, and another opened."""
    while not done.is_set():
        stream = relay_pb2_grpc.RelayServiceStub(channel).Relay()
        outcomes["streams"] += 1
        leaving = False
        while not leaving and not done.is_set():
            call = relay_pb2.RelayCall(id=outcomes["calls"], start=RELAYED)
            await stream.write(relay_pb2.RelayRequest(calls=[call]))
            replies: list[relay_pb2.RelayReply] = []
            while not replies:
                message = await asyncio.wait_for(stream.read(), TIMEOUT)
                leaving = leaving or message.leaving
                replies += message.replies
            assert replies[0].message
            outcomes["calls"] += 1
        await stream.done_writing()
        while (message := await stream.read()) is not grpc.aio.EOF:
            assert message.leaving
        outcomes[(await stream.code()).name] += 1


async def post_until(done: asyncio.Event, url: str, outcomes: Counter[str]) -> None:
    """Call through the gateway, which tries nothing twice that may have begun."""
    request = run_request("echo", [b"x" * 100]).SerializeToString()
    headers = {"content-type": "application/proto"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=TIMEOUT) as client:
        while not done.is_set():
            answer = await client.post(RELAYED.method, content=request)
            outcomes["ok" if answer.status_code == 200 else answer.text] += 1


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
    posted: Counter[str] = Counter()
    assert mesh.url
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
            *(post_until(done, mesh.url, posted) for _ in range(STREAMS)),
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
    assert set(posted) == {"ok"}
    assert set(relayed) == {"streams", "calls", "OK"}
    assert relayed["streams"] > STREAMS
