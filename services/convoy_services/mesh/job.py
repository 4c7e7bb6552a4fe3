"""A batch inside a replica."""

import time
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from convoy import Batch
from convoy.tensor import Index
from convoy_services.mesh.bisect import blank
from convoy_services.mesh.column import Columns
from convoy_services.mesh.context import RowContext
from convoy_services.mesh.hop import StageReport, StageResponse
from convoy_services.mesh.request import expired


class Computed(NamedTuple):
    """A part of a job that was computed, perhaps together with parts of others."""

    ended_ns: int
    """When, in nanoseconds since the epoch."""
    seconds: float
    rows: int
    together: int
    """How many rows were computed in that time, those of other jobs among them."""
    bisections: int

    @property
    def share(self) -> float:
        """The seconds that fall to these rows."""
        return self.seconds * self.rows / self.together


class Job:
    """The rows of one batch that a stage has still to do, and what became of the others."""

    def __init__(self, batch: Batch, rows: RowContext, produces: Columns) -> None:
        """Begin with all rows to be done."""
        self.left: Index = np.arange(batch.rows)
        """The rows still to be done, in ascending order."""
        self._batch = batch
        self._rows = rows
        self._produces = produces
        self._parts: list[tuple[Index, Batch]] = []
        self._arrived = time.perf_counter()
        self._queue_s: float | None = None
        self._expired = 0
        self.computed: list[Computed] = []

    @property
    def waiting(self) -> Batch:
        """What the stage is to be given of the rows that are left."""
        whole = len(self.left) == self._batch.rows
        return self._batch if whole else self._batch.take(self.left)

    @property
    def urgency(self) -> Index:
        """The priority of each row that is left."""
        return self._rows.priorities[self.left].astype(np.int64)

    def drop_late(self, now: float) -> None:
        """Let the rows fail whose deadline has passed."""
        late = self._rows.deadlines[self.left] <= now
        if late.any():
            failures = dict.fromkeys(range(int(late.sum())), expired())
            self._expired += len(failures)
            self._finish(late, blank(len(failures), self._produces, failures))

    def add(self, places: Index, result: Batch, *, seconds: float, of: int, splits: int) -> None:
        """Take the result of the rows at ``places``, ascending, of those left, and its cost.

        They were computed among ``of`` rows, of several jobs perhaps, in ``seconds`` for all.
        """
        part = Computed(time.time_ns(), seconds, len(places), of, splits)
        self.computed.append(part)
        chosen = np.zeros(len(self.left), np.bool_)
        chosen[places] = True
        if self._queue_s is None:
            self._queue_s = time.perf_counter() - self._arrived - seconds
        self._finish(chosen, result)

    def response(self) -> StageResponse:
        """Put the rows back into their order; none may be left."""
        if len(self._parts) == 1:
            result = self._parts[0][1]
        else:
            order = np.concatenate([rows for rows, _ in self._parts])
            result = Batch.concat([part for _, part in self._parts])
            result = result.spread(order, self._batch.rows)
        return StageResponse(
            batch=result,
            report=StageReport(
                queue_us=round((self._queue_s or 0.0) * 1e6),
                compute_us=round(sum(part.share for part in self.computed) * 1e6),
                expired=self._expired,
                bisections=sum(part.bisections for part in self.computed),
            ),
        )

    def _finish(self, chosen: NDArray[np.bool_], result: Batch) -> None:
        self._parts.append((self.left[chosen], result))
        self.left = self.left[~chosen]
