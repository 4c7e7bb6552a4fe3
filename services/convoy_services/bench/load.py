"""Closed and open loops of calls over one client.

In a closed loop each of N callers waits for its answer before it sends again: what is slow is
asked less. In an open loop calls come at random times at a rate (a Poisson process), whether or not
earlier ones are answered, and each latency counts from when its call was due: time that a late
generator loses is not hidden (coordinated omission; Tene, "How NOT to Measure Latency").
"""

import asyncio
import itertools
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from convoy import Batch, Client, Code, ConvoyError, Timing

TIMED = 10
"""Of so many calls one asks where its time goes."""

WARM_UP = 0.2
"""The part of the duration that is loaded before anything counts."""


@dataclass(slots=True)
class Seen:
    """What the callers saw."""

    latencies: list[float] = field(default_factory=list)
    """Seconds, of the calls that were answered."""
    codes: Counter[str] = field(default_factory=Counter)
    error: str = ""
    """What became of the first call that failed."""
    timings: list[Timing] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)
    """Seconds by which calls of an open loop left late."""
    seconds: float = 0.0
    cpu: float = 0.0
    """Seconds of CPU that this process took meanwhile."""


Send = Callable[["Seen", float], Awaitable[None]]
"""Sends one call that was due at a time, and notes what became of it."""


def sending(client: Client, pipeline: str, batches: Iterator[Batch], timeout: float) -> Send:
    """Make what sends one batch after the other."""
    numbers = itertools.count()

    async def send(seen: Seen, due: float) -> None:
        timing = Timing() if next(numbers) % TIMED == 0 else None
        try:
            result = await client.run(pipeline, next(batches), timeout=timeout, timing=timing)
            result.raise_for_failures()
        except ConvoyError as error:
            seen.codes[error.code.name] += 1
            seen.error = seen.error or str(error)
            return
        seen.codes[Code.OK.name] += 1
        seen.latencies.append(time.perf_counter() - due)
        if timing is not None:
            seen.timings.append(timing)

    return send


async def closed(send: Send, callers: int, seconds: float) -> Seen:
    """Keep so many calls in flight."""

    async def loop(seen: Seen) -> None:
        async def caller() -> None:
            while (now := time.perf_counter()) < until:
                await send(seen, now)

        until = time.perf_counter() + seen.seconds
        await asyncio.gather(*(caller() for _ in range(callers)))

    return await _measured(loop, seconds)


async def opened(send: Send, rate: float, seconds: float) -> Seen:
    """Begin so many calls a second."""
    chance = random.Random(1)

    async def loop(seen: Seen) -> None:
        due = time.perf_counter()
        until = due + seen.seconds
        calls: set[asyncio.Task[None]] = set()
        while (due := due + chance.expovariate(rate)) < until:
            await asyncio.sleep(due - time.perf_counter())
            seen.lags.append(max(0.0, time.perf_counter() - due))
            call = asyncio.ensure_future(send(seen, due))
            calls.add(call)
            call.add_done_callback(calls.discard)
        await asyncio.gather(*calls)

    return await _measured(loop, seconds)


async def _measured(loop: Callable[[Seen], Awaitable[None]], seconds: float) -> Seen:
    await loop(Seen(seconds=seconds * WARM_UP))
    seen = Seen(seconds=seconds)
    began, spent = time.perf_counter(), time.process_time()
    await loop(seen)
    seen.seconds, seen.cpu = time.perf_counter() - began, time.process_time() - spent
    return seen
