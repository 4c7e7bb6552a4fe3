"""What happens on a node, for all who watch it."""

import asyncio
from collections.abc import AsyncGenerator, Callable

from convoy_services.telemetry.look import Change, Look

PERIOD = 1.0
"""Seconds between two looks."""


class Lookout:
    """Looks once a period for as long as anybody watches; all who do share each look."""

    def __init__(self, look: Callable[[], Look]) -> None:
        """Call ``look``, in a thread, for what is now."""
        self._look = look
        self._watchers = 0
        self._looking: asyncio.Task[None] | None = None

    async def changes(self) -> AsyncGenerator[Change]:
        """Give what happens, period by period; raises what a look raises."""
        self._watchers += 1
        try:
            while True:
                if self._looking is None or self._looking.done():  # a look that failed ended it
                    self._next = asyncio.get_running_loop().create_future()
                    self._looking = asyncio.create_task(self._keep_looking())
                yield await asyncio.shield(self._next)
        finally:
            self._watchers -= 1
            if not self._watchers and self._looking:
                self._looking.cancel()
                self._looking = None

    async def _keep_looking(self) -> None:
        try:
            before = await asyncio.to_thread(self._look)
            while True:
                await asyncio.sleep(PERIOD)
                now = await asyncio.to_thread(self._look)
                seen: asyncio.Future[Change] = self._next
                self._next = asyncio.get_running_loop().create_future()
                seen.set_result(Change(before, now))
                before = now
        except Exception as exc:
            self._next.set_exception(exc)
