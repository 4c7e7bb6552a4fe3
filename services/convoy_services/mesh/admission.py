"""The bounded queue in front of a pipeline."""

import asyncio
import math
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from convoy import Batch, Code, ConvoyError
from convoy.errors import invalid
from convoy_services.mesh.context import BACKGROUND, URGENT
from convoy_services.mesh.pace import Pace
from convoy_services.mesh.plan import Limits
from convoy_services.mesh.request import Request

EXPECTED = 5.0
"""Seconds after an urgent request for which more are expected."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some consecutive rows of a request that travel in one batch."""

    request: Request
    start: int
    stop: int

    @property
    def inputs(self) -> Batch:
        """The rows' input columns."""
        return self.request.inputs.slice(self.start, self.stop)


class _Room(NamedTuple):
    rows: int
    bytes: int


class AdmissionQueue:
    """Requests that wait for a slot, bounded in rows and bytes, the most urgent first.

    A request that ends while it waits leaves at once: its rows count no longer.
    """

    def __init__(self, limits: Limits) -> None:
        """Start empty."""
        self._limits = limits
        self._waiting = {
            priority: OrderedDict[Request, None]() for priority in range(URGENT, BACKGROUND - 1, -1)
        }
        self._rows = dict.fromkeys(self._waiting, 0)
        self.rows = 0
        self.bytes = 0
        self.pace = Pace()
        self._last_urgent = -math.inf

    def add(self, request: Request) -> None:
        """Admit a request; where there is no room for it, less urgent ones give way.

        Raises ConvoyError INVALID_ARGUMENT for one that could never fit, RESOURCE_EXHAUSTED for
        one that does not fit now, or whose answer would come after its deadline as things go.
        """
        limits, rows, size = self._limits, request.inputs.rows, request.nbytes
        if rows > limits.rows:
            raise invalid("batch.rows", f"{rows} rows; the limit is {limits.rows}")
        if size > limits.bytes:
            raise invalid("batch", f"{size} bytes; the limit is {limits.bytes}")
        ahead = self._ahead(request.priority)
        if ahead and self._late(request, ahead, request.arrived):
            raise self._too_long(rows)
        if not self._fits(rows, size):
            self._make_room(request)
        if request.priority == URGENT:
            self._last_urgent = request.arrived
        self._rows[request.priority] += rows
        self.rows += rows
        self.bytes += size
        self._waiting[request.priority][request] = None
        request.on_end.append(lambda: self._forget(request))

    def _late(self, request: Request, ahead: int, now: float) -> bool:
        """Whether it cannot be in time behind so many rows, as things go."""
        return self.pace.until_answer(ahead, now) > request.deadline - now

    def _too_long(self, rows: int) -> ConvoyError:
        return self._refusal("too long for the deadline", "QUEUE_TOO_LONG", rows)

    def _fits(self, rows: int, size: int) -> bool:
        return self.rows + rows <= self._limits.rows and self.bytes + size <= self._limits.bytes

    def _ahead(self, priority: int) -> int:
        """Count the rows that leave before one of this priority that comes now."""
        return sum(self._rows[p] for p in range(priority, URGENT + 1))

    def _make_room(self, request: Request) -> None:
        """End less urgent requests, the latest first; raises ConvoyError where that is too little.

        Those of which rows have left stay: they hold what was spent on them.
        """
        rows, size = request.inputs.rows, request.nbytes
        waiting = (self._waiting[p] for p in range(BACKGROUND, request.priority))
        giving_way = [r for requests in waiting for r in reversed(requests) if not r.taken]
        room = _Room(self._limits.rows - self.rows, self._limits.bytes - self.bytes)
        ending: list[Request] = []
        while giving_way and (room.rows < rows or room.bytes < size):
            ending.append(giving_way.pop(0))
            room = _Room(room.rows + ending[-1].inputs.rows, room.bytes + ending[-1].nbytes)
        if room.rows < rows or room.bytes < size:
            raise self._refusal("full", "QUEUE_FULL", rows)
        refusal = self._refusal("full", "QUEUE_FULL", rows)
        for less_urgent in ending:
            less_urgent.end(refusal)

    def _refusal(self, how: str, reason: str, rows: int) -> ConvoyError:
        limits = self._limits
        return ConvoyError(
            Code.RESOURCE_EXHAUSTED,
            f"the queue is {how}: {self.rows} of {limits.rows} rows, "
            f"{self.bytes} of {limits.bytes} bytes",
            reason,
            retry_after=self.pace.until_room(max(rows, self.rows // 2)),
        )

    @property
    def urgent(self) -> bool:
        """Whether urgent rows wait."""
        return self._rows[URGENT] > 0

    def take(self, rows: int, size: int, *, slots: int = 1) -> list[Piece]:
        """Take up to ``rows`` rows, and about ``size`` bytes.

        It is at least one row where any waits that is not too late.

        Fewer where so many would keep the first of them beyond its deadline: in a queue that
        grows, batches would otherwise grow until none comes back in time. And fewer where others
        would keep urgent ones waiting, those beside them or those to come.
        """
        pieces: list[Piece] = []
        now = asyncio.get_running_loop().time()
        others: int | None = None if now - self._last_urgent < EXPECTED else rows
        for request in self._in_order():
            if not request.taken and self._late(request, 0, now):
                request.end(self._too_long(request.waiting))
                continue
            if not pieces:
                rows = min(rows, self.pace.batch(request.deadline - now, slots))
            if request.priority < URGENT:
                if others is None:
                    others = self.pace.beside_urgent(sum(p.stop - p.start for p in pieces))
                rows = min(rows, others)
                others = rows
                if rows < 1:
                    break
            each = max(1, request.nbytes // request.inputs.rows)
            count = min(request.waiting, rows, size // each)
            if count < 1:
                if pieces:
                    break
                count = 1
            pieces.append(Piece(request, request.taken, request.taken + count))
            rows -= count
            size -= count * each
            self._leave(request, count)
            if rows < 1 or size < 1:
                break
        return pieces

    def _forget(self, request: Request) -> None:
        """Let go of a request that ended, wherever it stands: it may be large."""
        self._waiting[request.priority].pop(request, None)
        self._leave(request, request.waiting)

    def _leave(self, request: Request, count: int) -> None:
        """Count out rows that no longer wait; the last of a request takes its rounding along."""
        if not count:
            return
        share = request.nbytes // request.inputs.rows
        before = request.nbytes - request.taken * share
        request.taken += count
        self._rows[request.priority] -= count
        self.rows -= count
        self.bytes -= count * share if request.waiting else before

    def _in_order(self) -> Iterator[Request]:
        """Go through the requests that wait, dropping those that are done with."""
        for priority in range(URGENT, BACKGROUND - 1, -1):
            waiting = self._waiting[priority]
            while waiting:
                request = next(iter(waiting))
                if request.waiting and not request.ended:
                    yield request
                if not request.waiting or request.ended:
                    waiting.pop(request, None)
