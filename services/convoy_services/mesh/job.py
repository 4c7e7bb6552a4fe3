"""A batch inside a replica."""

import time

import numpy as np
from numpy.typing import NDArray

from convoy import Batch
from convoy.tensor import Index
from convoy_services.mesh.bisect import blank
from convoy_services.mesh.column import Columns
from convoy_services.mesh.context import RowContext
from convoy_services.mesh.hop import StageReport, StageResponse
from convoy_services.mesh.request import expired


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
        self._compute_s = 0.0
        self._expired = 0
        self._bisections = 0

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

    def add(self, places: Index, result: Batch, *, compute_s: float, bisections: int) -> None:
        """Take the result of the rows at ``places``, ascending, of those left, and its cost."""
        chosen = np.zeros(len(self.left), np.bool_)
        chosen[places] = True
        if self._queue_s is None:
            self._queue_s = time.perf_counter() - self._arrived - compute_s
        self._compute_s += compute_s
        self._bisections += bisections
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
                compute_us=round(self._compute_s * 1e6),
                expired=self._expired,
                bisections=self._bisections,
            ),
        )

    def _finish(self, chosen: NDArray[np.bool_], result: Batch) -> None:
        self._parts.append((self.left[chosen], result))
        self.left = self.left[~chosen]
