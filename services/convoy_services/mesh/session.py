"""What one ingress began in a replica, and what it is to be told."""

import asyncio
from itertools import takewhile

from convoy_services.mesh.increment import Increment


class Session:
    """Rows that are under way for one ingress, and the news that wait to be sent to it.

    Each step's news leave as one message; where the ingress is slower than the engine, those of
    several steps do.
    """

    def __init__(self) -> None:
        """Start with nothing under way."""
        self.rows: dict[int, int] = {}
        """The replica's number of a row, by the ingress's."""
        self._news: list[Increment] = []
        self._some = asyncio.Event()

    def tell(self, increment: Increment) -> None:
        """Let the ingress know; the rows are numbered as it does."""
        self._news.append(increment)
        self._some.set()

    async def news(self, within: float) -> Increment | None:
        """Wait for news, and give all that there are of the same columns.

        None where there are none within so many seconds.
        """
        try:
            async with asyncio.timeout(within):
                await self._some.wait()
        except TimeoutError:
            return None
        columns = self._news[0].batch.columns.keys()
        alike = list(takewhile(lambda one: one.batch.columns.keys() == columns, self._news))
        del self._news[: len(alike)]
        if not self._news:
            self._some.clear()
        return Increment.join(alike)
