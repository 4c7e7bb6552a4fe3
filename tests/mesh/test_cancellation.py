"""Callers that give up, in every way and at every moment: what they no longer want is not done."""

import asyncio
import random
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from convoy import Batch
from convoy.v1 import pipeline_pb2 as pb
from convoy.v1 import pipeline_pb2_grpc
from convoy_services.local.mesh import LocalMesh
from convoy_services.local.state import ask
from tests.mesh.calls import TIMEOUT, run, run_request

CANCELS = 10_000
AT_ONCE = 200
MEASURED = 400
"""Calls that are not cancelled, to see how long they take."""
PIPELINE = "fussy"

CLIENT = """
import asyncio, sys, grpc
from convoy.v1 import pipeline_pb2 as pb, pipeline_pb2_grpc

async def main():
    async with grpc.aio.insecure_channel(sys.argv[1]) as channel:
        stub = pipeline_pb2_grpc.PipelineServiceStub(channel)
        request = pb.RunRequest.FromString(bytes.fromhex(sys.argv[2]))
        calls = [stub.Run(request, timeout=60) for _ in range(40)]
        await asyncio.gather(*calls)

asyncio.run(main())
"""


def traffic(mesh: LocalMesh, pipeline: str) -> dict[str, int]:
    until = time.monotonic() + TIMEOUT
    while True:
        told: dict[str, dict[str, int]] = ask(mesh.settings.control, "state")["traffic"]
        if pipeline in told:  # an ingress that is busy is not waited for
            return told[pipeline]
        assert time.monotonic() < until, "no ingress tells"


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT):
        while not await asyncio.to_thread(holds):
            pass


@dataclass
class Busy:
    """A pipeline with a batch in every slot: what comes now waits in its queue."""

    mesh: LocalMesh
    left: int
    """The batches that had left when the last slot was taken."""

    @property
    def waiting(self) -> int:
        return traffic(self.mesh, PIPELINE)["waiting"]

    async def emptied(self) -> None:
        """Wait until nothing waits any more; none of it may have left."""
        await until(lambda: not self.waiting)
        assert traffic(self.mesh, PIPELINE)["left"] == self.left


@pytest.fixture
async def busy(channel: grpc.aio.Channel, mesh: LocalMesh, tmp_path: Path) -> AsyncIterator[Busy]:
    before = traffic(mesh, PIPELINE)["left"]
    end = tmp_path / "end"
    wait = f"wait for {str(end).encode().hex()}".encode()
    held: list[asyncio.Task[Batch]] = []
    while True:
        held.append(asyncio.create_task(run(channel, PIPELINE, [wait], timeout=60)))
        await until(lambda: sum(seen(mesh, before)) == len(held))
        if seen(mesh, before)[1]:
            break
    held.pop().cancel()
    await until(lambda: not seen(mesh, before)[1])
    yield Busy(mesh, before + len(held))
    end.touch()
    for task in held:
        assert not (await task).failures


def seen(mesh: LocalMesh, before: int) -> tuple[int, int]:
    """Count the batches that left since, and the rows that wait."""
    counts = traffic(mesh, PIPELINE)
    return counts["left"] - before, counts["waiting"]


async def test_nothing_that_was_cancelled_enters_a_hop(
    channel: grpc.aio.Channel, mesh: LocalMesh
) -> None:
    chance = random.Random(3)
    gate = asyncio.Semaphore(AT_ONCE)
    done = {"answered": 0, "cancelled": 0}
    took: deque[float] = deque(maxlen=MEASURED)

    async def one(n: int) -> None:
        async with gate:
            call = asyncio.create_task(run(channel, "echo", [str(n).encode()]))
            if n >= MEASURED:  # at any moment of their way, however fast the machine is
                usual = sum(took) / len(took)
                asyncio.get_running_loop().call_later(chance.uniform(0, 2 * usual), call.cancel)
            began = time.monotonic()
            try:
                assert (await call)["data"].elements() == [str(n).encode()]
                done["answered"] += 1
                took.append(time.monotonic() - began)
            except asyncio.CancelledError:
                done["cancelled"] += 1

    before = traffic(mesh, "echo")
    await asyncio.gather(*map(one, range(MEASURED)))
    await asyncio.gather(*map(one, range(MEASURED, MEASURED + CANCELS)))
    assert min(done.values()) > CANCELS // 50
    after = traffic(mesh, "echo")
    assert after["orphans"] == 0
    assert after["answered"] - before["answered"] >= done["answered"]
    assert (await run(channel, "echo", [b"still here"]))["data"].elements() == [b"still here"]


async def test_what_is_cancelled_in_the_queue_costs_no_hop(
    channel: grpc.aio.Channel, mesh: LocalMesh, busy: Busy
) -> None:
    calls = [asyncio.create_task(run(channel, PIPELINE, [b"x"])) for _ in range(50)]
    await until(lambda: busy.waiting == 50)
    for call in calls:
        call.cancel()
    await busy.emptied()


async def test_what_a_killed_client_wanted_leaves_the_queue(mesh: LocalMesh, busy: Busy) -> None:
    request = run_request(PIPELINE, [b"x"]).SerializeToString().hex()
    command = [sys.executable, "-c", CLIENT, mesh.target, request]
    client = await asyncio.create_subprocess_exec(*command)
    await until(lambda: busy.waiting == 40)
    client.kill()
    await client.wait()
    await busy.emptied()


@pytest.mark.parametrize("streaming", [False, True])
async def test_what_a_closed_channel_wanted_leaves_the_queue(
    mesh: LocalMesh, busy: Busy, streaming: bool
) -> None:
    request = run_request(PIPELINE, [b"x"] * 3)
    async with grpc.aio.insecure_channel(mesh.target) as channel:
        stub = pipeline_pb2_grpc.PipelineServiceStub(channel)
        if streaming:
            call = stub.RunStream(
                pb.RunStreamRequest(pipeline=PIPELINE, batch=request.batch), timeout=TIMEOUT
            )
        else:
            call = stub.Run(request, timeout=TIMEOUT)
        await until(lambda: busy.waiting == 3)
    assert call.done()
    await busy.emptied()


async def test_a_deadline_shorter_than_the_queue_costs_no_hop(
    channel: grpc.aio.Channel, mesh: LocalMesh, busy: Busy
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await run(channel, PIPELINE, [b"x"], timeout=0.3)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await busy.emptied()
