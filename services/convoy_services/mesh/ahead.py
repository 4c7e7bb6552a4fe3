"""Rows on their way to a streaming stage, in the steps that are placed with it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from convoy import Code, ConvoyError
from convoy.tensor import Index
from convoy_services.mesh.hop import StageRequest
from convoy_services.mesh.increment import Ids
from convoy_services.mesh.inside import Inside
from convoy_services.mesh.table import Table

MOST_ROWS = 1024
MOST_BYTES = 64 << 20
"""What is ahead at once: the ingress counts it as begun, so nothing else holds it back."""


@dataclass(slots=True, eq=False)
class _Group:
    """The rows of one request that are still wanted."""

    left: set[int]
    task: asyncio.Task[None] | None = None


class Ahead:
    """Takes rows through the steps ahead, and stops where nobody wants them any more."""

    def __init__(self) -> None:
        """Have none."""
        self._groups: dict[int, _Group] = {}
        self._bytes = 0

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self._groups)

    def begin(
        self,
        steps: Inside,
        ids: Ids,
        request: StageRequest,
        done: Callable[[Table | Exception], None],
    ) -> None:
        """Take a request's rows through ``steps``, then tell ``done`` of them.

        Raises ConvoyError RESOURCE_EXHAUSTED where too many are under way.
        """
        nbytes = request.batch.nbytes
        full = self.rows + len(ids) > MOST_ROWS or self._bytes + nbytes > MOST_BYTES
        if self.rows and full:
            raise ConvoyError(
                Code.RESOURCE_EXHAUSTED, "too many rows wait already", "STAGE_FULL", retry_after=1.0
            )
        group = _Group(set(ids.tolist()))
        self._groups |= dict.fromkeys(group.left, group)
        self._bytes += nbytes
        group.task = asyncio.create_task(self._run(group, steps, ids, request, done))
        group.task.add_done_callback(lambda _: self._free(nbytes))

    def forget(self, ids: Ids) -> None:
        """Let go of rows; others are passed over."""
        for key in ids.tolist():
            if group := self._groups.pop(key, None):
                group.left.discard(key)
                if not group.left and group.task:
                    group.task.cancel()

    async def _run(
        self,
        group: _Group,
        steps: Inside,
        ids: Ids,
        request: StageRequest,
        done: Callable[[Table | Exception], None],
    ) -> None:
        def gone() -> Index:
            return np.flatnonzero([key not in group.left for key in ids.tolist()])

        outcome: Table | Exception
        try:
            outcome, _ = await steps.run(request, gone)
        except Exception as exc:
            outcome = exc
        for key in group.left:
            del self._groups[key]
        done(outcome)

    def _free(self, nbytes: int) -> None:
        self._bytes -= nbytes
