"""A load generator that sends at a rate, whether or not earlier calls are answered.

Arrivals are a Poisson process, and each latency counts from when its call was due: a generator
that falls behind would otherwise hide what its callers wait for (coordinated omission).
"""

import asyncio
import itertools
import random
import time
from collections import Counter
from contextlib import AsyncExitStack
from typing import Any

import grpc

from benchmarks.worker import Line
from convoy import Batch, Code, Tensor
from convoy.v1 import pipeline_pb2 as pb
from convoy.v1 import pipeline_pb2_grpc
from convoy.wire import write_batch

CHANNELS = 4
OK = "OK"


async def measure(
    *, address: str, seconds: float, streams: dict[str, list[float]], **_: Any
) -> dict[str, Any]:
    """Send ``streams``: by name the calls a second, their deadline in seconds and priority."""
    async with AsyncExitStack() as stack:
        options = [("grpc.use_local_subchannel_pool", 1)]
        channels = [
            await stack.enter_async_context(grpc.aio.insecure_channel(address, options=options))
            for _ in range(CHANNELS)
        ]
        stubs = [pipeline_pb2_grpc.PipelineServiceStub(channel) for channel in channels]
        found = await asyncio.gather(
            *(_stream(stubs, seconds, *terms) for terms in streams.values())
        )
    return dict(zip(streams, found, strict=True))


async def _stream(
    stubs: list[Any], seconds: float, rate: float, deadline: float, priority: float
) -> dict[str, Any]:
    chance = random.Random(1)
    request = pb.RunRequest(pipeline="sleep")
    write_batch(Batch(rows=1, columns={"data": Tensor.texts([b"x" * 100])}), request.batch)
    metadata = (("convoy-priority", str(int(priority))),)
    latencies: list[float] = []
    ended: Counter[str] = Counter()
    late = 0.0
    turns = itertools.cycle(stubs)

    async def one(stub: Any, due: float) -> None:
        try:
            reply = await stub.Run(request, timeout=deadline, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            ended[error.code().name] += 1
            return
        failures = reply.batch.failures
        ended[Code(failures[0].code).name if failures else OK] += 1
        if not failures:
            latencies.append(time.perf_counter() - due)

    calls: set[asyncio.Task[None]] = set()
    began = due = time.perf_counter()
    while due - began < seconds:
        due += chance.expovariate(rate)
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        late = max(late, time.perf_counter() - due)
        call = asyncio.create_task(one(next(turns), due))
        calls.add(call)
        call.add_done_callback(calls.discard)
    took = time.perf_counter() - began
    await asyncio.gather(*calls)
    latencies.sort()
    return {
        "offered": sum(ended.values()) / took,
        "goodput": ended[OK] / took,
        "p50_ms": latencies[len(latencies) // 2] * 1e3 if latencies else 0.0,
        "p99_ms": latencies[int(len(latencies) * 0.99)] * 1e3 if latencies else 0.0,
        "sender_late_ms": late * 1e3,
        "ended": dict(ended),
    }


if __name__ == "__main__":
    line = Line()
    line.say(ready=True)
    line.serve(lambda **question: asyncio.run(measure(**question)))
