"""A row whose results come piece by piece, on their way to its request."""

import time
from collections.abc import Callable, Mapping

from convoy import Batch, ConvoyError, Tensor
from convoy_services.mesh.column import Columns
from convoy_services.mesh.fold import Fold
from convoy_services.mesh.increment import Increment, News
from convoy_services.mesh.journey import Crossing
from convoy_services.mesh.request import Request


class StreamedRow:
    """Hands its results to the request as they come, or all at once when it has ended."""

    def __init__(
        self,
        request: Request,
        row: int,
        hop: str,
        columns: Columns,
        names: Mapping[str, str],
        on_end: Callable[[Request, Crossing], None],
    ) -> None:
        """Take results for the request's row ``row``; ``on_end`` is called once, before the last.

        ``names`` says which of an increment's columns each of ``columns`` is.
        """
        self._request = request
        self._crossing = Crossing(hop=hop, rows=1, began=time.monotonic())
        self._row = row
        self._columns = columns
        self._names = names
        self._fold = Fold(columns, names)
        self._on_end = on_end

    def add(self, increment: Increment, place: int) -> None:
        """Take what came of the row."""
        request, last = self._request, bool(increment.ended[place])
        if request.ended:
            return
        if last:
            self._end()
        if request.on_news:
            request.on_news(self._row, News(increment, place, self._names))
            whole = Batch(rows=1, columns={})
        else:
            part = self._fold.add(increment, place)
            if request.on_part:
                request.on_part(self._row, part)
            whole = self._fold.result() if last else part
        if last:
            request.finish(self._row, whole)

    def fail(self, error: ConvoyError) -> None:
        """Give up on the row."""
        self._crossing.error = error.reason
        self._end()
        zeros = {
            name: Tensor.zeros(1, column.datatype, column.shape)
            for name, column in self._columns.items()
        }
        if self._request.on_news:
            zeros = {}
        self._request.deliver(self._row, Batch(rows=1, columns=zeros, failures={0: error}))

    def _end(self) -> None:
        self._crossing.ended = time.monotonic()
        self._on_end(self._request, self._crossing)
