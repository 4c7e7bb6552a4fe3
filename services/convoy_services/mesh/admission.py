"""The bounded queue in front of a pipeline."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from convoy import Batch, Code, ConvoyError
from convoy.errors import invalid
from convoy_services.mesh.context import BACKGROUND, URGENT
from convoy_services.mesh.plan import Limits
from convoy_services.mesh.request import Request


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
        self.rows = 0
        self.bytes = 0

    def add(self, request: Request) -> None:
        """Admit a request.

        Raises ConvoyError INVALID_ARGUMENT for one that could never fit, RESOURCE_EXHAUSTED for
        one that does not fit now.
        """
        limits, rows, size = self._limits, request.inputs.rows, request.nbytes
        if rows > limits.rows:
            raise invalid("batch.rows", f"{rows} rows; the limit is {limits.rows}")
        if size > limits.bytes:
            raise invalid("batch", f"{size} bytes; the limit is {limits.bytes}")
        if self.rows + rows > limits.rows or self.bytes + size > limits.bytes:
            raise ConvoyError(
                Code.RESOURCE_EXHAUSTED,
                f"the queue is full: {self.rows} of {limits.rows} rows, "
                f"{self.bytes} of {limits.bytes} bytes",
                "QUEUE_FULL",
                retry_after=0.1,
            )
        self.rows += rows
        self.bytes += size
        self._waiting[request.priority][request] = None
        request.on_end.append(lambda: self._forget(request))

    def take(self, rows: int, size: int) -> list[Piece]:
        """Take up to ``rows`` rows and about ``size`` bytes; at least one row where any waits."""
        pieces: list[Piece] = []
        for request in self._in_order():
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
        self.rows -= count
        self.bytes -= count * share if request.waiting else before

    def _in_order(self) -> Iterator[Request]:
        """Go through the requests that wait, dropping those that are done with."""
        for waiting in self._waiting.values():
            while waiting:
                request = next(iter(waiting))
                if request.waiting and not request.ended:
                    yield request
                if not request.waiting or request.ended:
                    waiting.pop(request, None)
