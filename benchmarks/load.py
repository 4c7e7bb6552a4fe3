"""The load generator: a closed loop with N in flight, the same process for every contestant.

Each of N clients sends, waits, checks the answer and sends again. A few channels share the load,
as the documentation advises callers. What happens before the warm-up has passed does not count.
"""

import asyncio
import itertools
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

from benchmarks.worker import Line

CHANNELS = 2
EVENTS = 100
"""Of a call."""
TIMEOUT = 30.0
CLOSE_TO_ONE = 0.99
"""The least cosine similarity of an embedding to float32's: bfloat16 has 0.9999."""

Send = Callable[[int], Awaitable[None]]
"""Sends request number i and checks its answer."""


async def measure(
    *, work: str, in_flight: int, seconds: float, warmup: float, **target: Any
) -> dict[str, Any]:
    """Load one contestant; rows are one a request."""
    steps: dict[str, list[float]] = {}
    async with AsyncExitStack() as stack:
        send = await SENDERS[work, target["protocol"]](
            stack, in_flight=in_flight, steps=steps, **target
        )
        await _loop(send, in_flight, warmup)
        steps.clear()
        spent = time.process_time()
        latencies, seconds = await _loop(send, in_flight, seconds)
        spent = time.process_time() - spent
    latencies.sort()
    return {
        "rate": len(latencies) / seconds,
        "seconds": seconds + warmup,
        "p50_ms": statistics.median(latencies) * 1e3,
        "p99_ms": latencies[int(len(latencies) * 0.99)] * 1e3,
        "client_cpu_us": spent / len(latencies) * 1e6,
        **{
            f"{step}_p{q}_ms": statistics.quantiles(took, n=100)[q - 1]
            for step, took in steps.items()
            for q in (50, 99)
        },
    }


async def _loop(send: Send, in_flight: int, seconds: float) -> tuple[list[float], float]:
    latencies: list[float] = []
    number = itertools.count()
    began = time.perf_counter()

    async def client() -> None:
        while (start := time.perf_counter()) - began < seconds:
            await send(next(number))
            latencies.append(time.perf_counter() - start)

    await asyncio.gather(*(client() for _ in range(in_flight)))
    return latencies, time.perf_counter() - began


async def _echo_grpc(stack: AsyncExitStack, *, pipeline: str = "echo", **target: Any) -> Send:
    from benchmarks.texts import payloads
    from convoy import Batch, Tensor
    from convoy.v1 import pipeline_pb2 as pb
    from convoy.v1 import pipeline_pb2_grpc as grpc_pb
    from convoy.wire import write_batch

    requests = []
    for data in payloads():
        request = pb.RunRequest(pipeline=pipeline)
        write_batch(Batch(rows=1, columns={"data": Tensor.texts([data])}), request.batch)
        requests.append((data, request))
    calls = await _calls(stack, grpc_pb.PipelineServiceStub, "Run", **target)

    async def send(i: int) -> None:
        data, request = requests[i % len(requests)]
        reply = await calls[i % len(calls)](request)
        if reply.batch.tensors[0].data != data:
            raise ValueError("the echo is not what was sent")

    return send


async def _echo_http(stack: AsyncExitStack, *, address: str, in_flight: int, **_: Any) -> Send:
    from benchmarks.texts import payloads

    rows = [data.hex() for data in payloads()]  # JSON has no bytes
    post = await _posts(stack, address, in_flight)

    async def send(i: int) -> None:
        data = rows[i % len(rows)]
        if (await post({"data": data}))["data"] != data:
            raise ValueError("the echo is not what was sent")

    return send


async def _embed_grpc(stack: AsyncExitStack, *, reference: str, **target: Any) -> Send:
    from benchmarks.texts import texts
    from convoy.v1 import embedding_pb2 as pb
    from convoy.v1 import embedding_pb2_grpc as grpc_pb

    check = _checker(reference)
    requests = [pb.EmbedRequest(texts=[text]) for text in texts()]
    calls = await _calls(stack, grpc_pb.EmbeddingServiceStub, "Embed", **target)

    async def send(i: int) -> None:
        i %= len(requests)
        reply = await calls[i % len(calls)](requests[i])
        check(i, reply.embeddings[0].values)

    return send


async def _embed_http(
    stack: AsyncExitStack, *, address: str, in_flight: int, reference: str, **_: Any
) -> Send:
    from benchmarks.texts import texts

    check = _checker(reference)
    rows = texts()
    post = await _posts(stack, address, in_flight)

    async def send(i: int) -> None:
        i %= len(rows)
        check(i, (await post({"text": rows[i]}))["values"])

    return send


async def _recommend_grpc(
    stack: AsyncExitStack, *, candidates: int = 0, steps: dict[str, list[float]], **target: Any
) -> Send:
    """Ask for recommendations; ``steps`` takes the milliseconds of each step of every call."""
    from benchmarks.requests import requests
    from convoy.v1 import recommendation_pb2_grpc as grpc_pb

    asked = requests(candidates)
    for request in asked:
        request.explain = True
    calls = await _calls(stack, grpc_pb.RecommendationServiceStub, "Recommend", **target)

    async def send(i: int) -> None:
        reply = await calls[i % len(calls)](asked[i % len(asked)])
        if len(reply.items) != asked[0].limit or reply.degraded:
            raise ValueError(f"{len(reply.items)} items; degraded: {list(reply.degraded)}")
        for outcome in reply.outcomes:
            steps.setdefault(outcome.step, []).append(outcome.seconds * 1e3)

    return send


async def _events_grpc(stack: AsyncExitStack, *, pipeline: str, **target: Any) -> Send:
    """Send events, EVENTS a call, by the generic service: it names the store's pipeline."""
    import numpy as np

    from convoy import Batch, Tensor
    from convoy.v1 import pipeline_pb2 as pb
    from convoy.v1 import pipeline_pb2_grpc as grpc_pb
    from convoy.wire import write_batch

    calls = await _calls(stack, grpc_pb.PipelineServiceStub, "Run", **target)
    chance = np.random.default_rng()

    async def send(i: int) -> None:
        columns = {
            "user": chance.integers(1, 10_000, EVENTS),
            "item": chance.integers(1, 100_000, EVENTS),
            "kind": np.full(EVENTS, 2, np.uint8),
            "seconds": np.zeros(EVENTS, np.float32),
            "time": time.time_ns() // 1000 + np.arange(EVENTS),
        }
        request = pb.RunRequest(pipeline=pipeline)
        packed = {name: Tensor.of(column) for name, column in columns.items()}
        write_batch(Batch(rows=EVENTS, columns=packed), request.batch)
        reply = await calls[i % len(calls)](request)
        if reply.batch.failures:
            raise ValueError(reply.batch.failures[0].failure.message)

    return send


async def _calls(
    stack: AsyncExitStack, stub: Any, method: str, *, address: str, application: str = "", **_: Any
) -> list[Any]:
    import grpc

    metadata = (("application", application),) if application else None
    calls = []
    for _n in range(CHANNELS):
        options = [("grpc.use_local_subchannel_pool", 1)]
        channel = await stack.enter_async_context(
            grpc.aio.insecure_channel(address, options=options)
        )
        call = getattr(stub(channel), method)
        calls.append(lambda r, call=call: call(r, timeout=TIMEOUT, metadata=metadata))
    return calls


async def _posts(stack: AsyncExitStack, address: str, in_flight: int) -> Any:
    import aiohttp

    connector = aiohttp.TCPConnector(limit=in_flight)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT)
    session = await stack.enter_async_context(
        aiohttp.ClientSession(connector=connector, timeout=timeout)
    )

    async def post(body: dict[str, Any]) -> Any:
        async with session.post(f"http://{address}/predict", json=body) as response:
            response.raise_for_status()
            return await response.json()

    return post


def _checker(reference: str) -> Callable[[int, Any], None]:
    import numpy as np

    right = np.load(reference)

    def check(i: int, values: Any) -> None:
        similarity = float(right[i] @ np.array(values, np.float32))
        if similarity < CLOSE_TO_ONE:
            raise ValueError(f"text {i}: the embedding's cosine to float32's is {similarity:.3f}")

    return check


SENDERS: dict[tuple[str, str], Any] = {
    ("echo", "grpc"): _echo_grpc,
    ("echo", "http"): _echo_http,
    ("embed", "grpc"): _embed_grpc,
    ("embed", "http"): _embed_http,
    ("recommend", "grpc"): _recommend_grpc,
    ("events", "grpc"): _events_grpc,
}


if __name__ == "__main__":
    line = Line()
    line.say(ready=True)
    line.serve(lambda **question: asyncio.run(measure(**question)))
