"""The load of the suite ``generation``: so many streams at once, all begun at the same moment.

When the last has ended they begin anew, until the time is over.
"""

import asyncio
import itertools
import statistics
import time
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


class Load:
    """Streams over channels that stay open from one question to the next."""

    def __init__(self) -> None:
        self._texts = prompts()
        self._stubs: dict[str, list[Any]] = {}

    async def measure(
        self,
        *,
        address: str,
        streams: int,
        tokens: int,
        seconds: float,
        text: int = 0,
        application: str = "",
        pipeline: str = "",
        sampling: dict[str, Any],
        **_: Any,
    ) -> dict[str, float]:
        """Load one contestant; ``tokens`` tokens a stream, ``text`` is the first prompt."""
        from convoy.v1 import generation_pb2 as pb

        stubs = await self._connect(address)
        metadata = (("application", application),) if application else None
        found = _Found()
        number = itertools.count(text)

        async def stream() -> None:
            n = next(number)
            request = pb.GenerateStreamRequest(
                text=self._texts[n % len(self._texts)],
                pipeline=pipeline,
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

    async def _connect(self, address: str) -> list[Any]:
        import grpc

        from convoy.v1 import generation_pb2_grpc as grpc_pb

        if address not in self._stubs:
            options = [("grpc.use_local_subchannel_pool", 1)]
            channels = [
                grpc.aio.insecure_channel(address, options=options) for _ in range(CHANNELS)
            ]
            for channel in channels:
                await channel.channel_ready()
            self._stubs[address] = [grpc_pb.GenerationServiceStub(channel) for channel in channels]
        return self._stubs[address]


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
    load = Load()
    line.say(ready=True)
    with asyncio.Runner() as runner:
        line.serve(lambda **question: runner.run(load.measure(**question)))
