"""The load of the suite ``generation``: so many streams at once, all begun at the same moment.

When the last has ended they begin anew, until the time is over.
"""

import asyncio
import itertools
import statistics
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from benchmarks.prompts import prompts
from benchmarks.worker import Line

CHANNELS = 2
TIMEOUT = 300.0


@dataclass(slots=True)
class _Found:
    first: list[float] = field(default_factory=list)
    """Seconds from each call to its first token."""
    queue: list[float] = field(default_factory=list)
    """Seconds until the engine began, as the mesh tells it."""
    inside: list[float] = field(default_factory=list)
    """Seconds to the first token, as the mesh tells it."""
    between: list[float] = field(default_factory=list)
    """Seconds a token after the first, by stream."""
    messages: int = 0


async def measure(
    *,
    address: str,
    streams: int,
    tokens: int,
    seconds: float,
    application: str = "",
    sampling: dict[str, Any],
    **_: Any,
) -> dict[str, float]:
    """Load one contestant; each stream is of ``tokens`` tokens."""
    import grpc

    from convoy.v1 import generation_pb2 as pb
    from convoy.v1 import generation_pb2_grpc as grpc_pb

    texts = prompts()
    metadata = (("application", application),) if application else None
    found = _Found()
    number = itertools.count()
    async with AsyncExitStack() as stack:
        stubs = []
        for _n in range(CHANNELS):
            options = [("grpc.use_local_subchannel_pool", 1)]
            channel = grpc.aio.insecure_channel(address, options=options)
            await stack.enter_async_context(channel)
            await channel.channel_ready()
            stubs.append(grpc_pb.GenerationServiceStub(channel))

        async def stream() -> None:
            n = next(number)
            request = pb.GenerateStreamRequest(
                text=texts[n % len(texts)],
                sampling=pb.SamplingParameters(max_tokens=tokens, **sampling),
            )
            start, first, count = time.perf_counter(), 0.0, 0
            call = stubs[n % CHANNELS].GenerateStream
            async for reply in call(request, timeout=TIMEOUT, metadata=metadata):
                count += sum(len(chunk.token_ids) for chunk in reply.chunks)
                found.messages += 1
                if count and not first:
                    first = time.perf_counter()
                if reply.HasField("timings"):
                    found.queue.append(reply.timings.queue.ToNanoseconds() / 1e9)
                    taken = reply.timings.time_to_first_token.ToNanoseconds()
                    found.inside.append(taken / 1e9)
            if count != tokens:
                raise ValueError(f"{count} tokens, not {tokens}")
            found.first.append(first - start)
            found.between.append((time.perf_counter() - first) / max(1, tokens - 1))

        spent, start = time.process_time(), time.perf_counter()
        while time.perf_counter() - start < seconds or not found.first:
            await asyncio.gather(*(stream() for _ in range(streams)))
        took, spent = time.perf_counter() - start, time.process_time() - spent
    return _summary(found, len(found.first) * tokens, took, spent)


def _summary(found: _Found, tokens: int, took: float, spent: float) -> dict[str, float]:
    found.first.sort()
    summary = {
        "rate": tokens / took,
        "told": tokens,
        "p50_ms": statistics.median(found.first) * 1e3,
        "p99_ms": found.first[int(len(found.first) * 0.99)] * 1e3,
        "per_token_ms": statistics.median(found.between) * 1e3,
        "tokens_a_message": tokens / found.messages,
        "client_cpu_us": spent / tokens * 1e6,
    }
    if found.queue:
        summary["queue_ms"] = statistics.median(found.queue) * 1e3
        summary["inside_ms"] = statistics.median(found.inside) * 1e3
    return summary


if __name__ == "__main__":
    line = Line()
    line.say(ready=True)
    line.serve(lambda **question: asyncio.run(measure(**question)))
