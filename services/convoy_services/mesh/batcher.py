"""The dynamic batcher: group commit, without a timer."""

import asyncio
from collections.abc import Awaitable, Callable

from convoy_services.mesh.admission import AdmissionQueue, Piece
from convoy_services.mesh.plan import Limits
from convoy_services.mesh.request import Request
from convoy_services.mesh.slots import Slots

POLL = 0.01
"""Seconds between looks at a queue that waits for slots of other pipelines, while draining."""

LOOKS = 32
"""Turns of the event loop without an arrival after which no more are on their way."""

Run = Callable[[list[Piece]], Awaitable[None]]


class DynamicBatcher:
    """Forms the batches of one pipeline.

    While a slot is free, whatever waits leaves; while all are busy, what arrives waits together.
    What waits is split evenly over the free slots, so that replicas share it.

    Urgent rows need not wait for a slot: one batch of them may be under way beyond those, for a
    replica computes them before what waits there.

    A lone request leaves at once. Where there is company, under way or in the last batch, a batch
    first lets in what the server has received but not yet handed over: gRPC hands over one call
    in several turns of the event loop, and each batch that leaves takes turns away from that. So
    it waits until a few turns have brought nothing; an idle loop makes them in well under a
    millisecond.
    """

    def __init__(
        self,
        queue: AdmissionQueue,
        limits: Limits,
        slots: Callable[[], tuple[Slots, int]],
        run: Run,
    ) -> None:
        """Take batches from ``queue`` and ``run`` each in a slot.

        ``slots`` gives those of the moment, and how many of them this pipeline may hold.
        """
        self._queue = queue
        self._limits = limits
        self._slots = slots
        self._run = run
        self._flights: set[asyncio.Task[None]] = set()
        self._woken = False
        self._looks = 0
        self._company = False

    @property
    def in_flight(self) -> int:
        """How many batches are under way."""
        return len(self._flights)

    def submit(self, request: Request) -> None:
        """Admit a request; raises ConvoyError when the queue refuses it."""
        self._queue.add(request)
        self._looks = LOOKS
        self.wake()

    def wake(self) -> None:
        """Look at the queue in the next turn of the event loop."""
        if not self._woken:
            self._woken = True
            asyncio.get_running_loop().call_soon(self._leave)

    def _leave(self) -> None:
        self._woken = False
        slots, most = self._slots()
        while self._queue.rows:
            free = min(slots.free, most - self.in_flight)
            if free < 1 and self._queue.urgent and self.in_flight <= most:
                free = 1
            if free < 1:
                return
            if self._looks and (self._flights or self._company):
                self._looks -= 1
                self.wake()
                return
            share = -(-self._queue.rows // free)
            rows = min(share, self._limits.batch_rows)
            pieces = self._queue.take(rows, self._limits.batch_bytes, slots=most)
            if not pieces:
                return
            self._company = len(pieces) > 1
            slots.acquire()
            self._flights.add(asyncio.create_task(self._fly(pieces, slots)))

    async def _fly(self, pieces: list[Piece], slots: Slots) -> None:
        flight = asyncio.current_task()
        assert flight is not None
        try:
            await self._run(pieces)
        finally:
            self._flights.discard(flight)
            slots.release()

    async def drain(self) -> None:
        """Wait until nothing waits and nothing is under way."""
        while self._queue.rows or self._flights:
            self.wake()
            if self._flights:
                await asyncio.wait(self._flights)
            else:
                await asyncio.sleep(POLL)
