"""What a server has under way, so that it stops when nobody is left waiting or about to call."""

import asyncio
import math

QUIET = 0.5
"""Seconds without a call that begins or ends after which nobody is held to send any more."""

PATIENCE = 8.0
"""Seconds that a server goes on answering calls which keep coming, before it stops all the same.

More than a HAProxy takes that missed its successor: local/balancer.py tells it after six."""

PERIOD = 0.05
"""Seconds between two looks."""


class Traffic:
    """Counts calls, each as a context manager.

    Who waits for an answer sends the next call when it comes, often on the same connection: so
    calls under way that hang are waited for like those that keep coming.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._open = 0
        self._last = -math.inf

    def __enter__(self) -> None:
        self._open += 1
        self._last = asyncio.get_running_loop().time()

    def __exit__(self, *_: object) -> None:
        self._open -= 1
        self._last = asyncio.get_running_loop().time()

    async def cease(self, at_most: float) -> None:
        """Wait until none is open and none has come for a while; ``at_most`` in seconds."""
        clock = asyncio.get_running_loop().time
        end, patience = clock() + at_most, PATIENCE
        while (now := clock()) < end and patience > 0:
            busy = now - self._last < QUIET
            if not busy and not self._open:
                return
            patience -= PERIOD if busy else 0.0
            await asyncio.sleep(PERIOD)
