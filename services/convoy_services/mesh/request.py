"""One caller's rows on their way through the mesh."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count

from opentelemetry.context import Context

from convoy import Batch, Code, ConvoyError
from convoy_services.mesh.context import NORMAL
from convoy_services.mesh.increment import News
from convoy_services.mesh.journey import Journey

_ids = count(1)


@dataclass(slots=True, kw_only=True, eq=False)
class Request:
    """Rows of one pipeline that one caller waits for.

    The rows may leave in several batches. ``parts`` hands out each piece of the result as soon
    as it is there; ``result`` waits for all of them.
    """

    inputs: Batch
    deadline: float
    """Seconds on the event loop's clock."""
    priority: int = NORMAL
    traceparent: str = ""
    tenant: str = ""
    on_part: Callable[[int, Batch], None] | None = None
    """Called with the first row's index and the piece of the result, as each is there."""
    on_news: Callable[[int, News], None] | None = None
    """Of a pipeline that streams: called with a row and what came of it, as it comes. Nothing of it
    is kept then."""

    context: Context = field(default_factory=Context, repr=False)
    """OpenTelemetry's: the span and the baggage of the call that it belongs to."""
    journeys: list[Journey] = field(default_factory=list, init=False)
    """What became of the batches that its rows were in, in the order in which they came back."""
    arrived: float = field(init=False)
    """When it was made, in seconds on the event loop's clock."""
    made: float = field(default_factory=time.monotonic, init=False)
    """The same on the clock of its journeys."""
    first_id: int = field(init=False)
    nbytes: int = field(init=False)
    taken: int = field(default=0, init=False)
    """How many rows have left the queue."""
    error: ConvoyError | None = field(default=None, init=False)
    """Why the request ended without a result."""
    failures: Mapping[int, ConvoyError] = field(default_factory=dict, init=False)
    """The rows of its result that have failed."""
    on_end: list[Callable[[], None]] = field(default_factory=list, init=False)
    """Called when the request ends early: whoever holds its rows lets go of them."""
    _done: asyncio.Future[Batch] = field(init=False)
    _parts: list[tuple[int, Batch]] = field(default_factory=list, init=False)
    _answered: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Number the rows and start waiting."""
        self.first_id = new_ids()
        self.nbytes = self.inputs.nbytes
        loop = asyncio.get_running_loop()
        self.arrived = loop.time()
        self._done = loop.create_future()

    @property
    def waiting(self) -> int:
        """How many rows are still in the queue."""
        return self.inputs.rows - self.taken

    @property
    def ended(self) -> bool:
        """Whether nobody waits for the rows any more."""
        return self._done.done()

    async def result(self) -> Batch:
        """Wait until every row has its result or its failure.

        Raises ConvoyError DEADLINE_EXCEEDED when the deadline passes first; a caller that is
        cancelled meanwhile takes the rows along.
        """
        timer = self._done.get_loop().call_at(self.deadline, self._expire)
        try:
            return await self._done
        except asyncio.CancelledError:
            self.end(ConvoyError(Code.CANCELLED, "the caller gave up", "CANCELLED_BY_CALLER"))
            raise
        finally:
            timer.cancel()

    def deliver(self, start: int, part: Batch) -> None:
        """Take the result of the rows from ``start`` on."""
        if self.ended:
            return
        if self.on_part:
            self.on_part(start, part)
        self.finish(start, part)

    def finish(self, start: int, part: Batch) -> None:
        """Take the result of the rows from ``start`` on, of which was told already."""
        self._parts.append((start, part))
        self._answered += part.rows
        if self._answered == self.inputs.rows:
            self._parts.sort(key=lambda part: part[0])
            self._done.set_result(Batch.concat([part for _, part in self._parts]))

    def end(self, error: ConvoyError) -> None:
        """Give up on every row that has no result."""
        if self.error is not None or (self.ended and not self._done.cancelled()):
            return
        self.error = error
        if not self._done.done():
            self._done.set_exception(error)
            self._done.exception()
        for let_go in self.on_end:
            let_go()

    def _expire(self) -> None:
        self.end(expired())


def new_ids() -> int:
    """Give the first of ``MAX_ROWS`` numbers that no other rows in this process have."""
    return next(_ids) << 16


def expired() -> ConvoyError:
    """Say that a deadline has passed."""
    return ConvoyError(
        Code.DEADLINE_EXCEEDED, "the deadline passed before there was a result", "DEADLINE_EXCEEDED"
    )
