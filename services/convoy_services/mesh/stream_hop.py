"""The last hop of a pipeline that streams: rows are begun there, and their results come later."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from opentelemetry.context import Context

from convoy_services.mesh.admission import Piece
from convoy_services.mesh.context import RowContext
from convoy_services.mesh.executor import outward
from convoy_services.mesh.hop import StageRequest
from convoy_services.mesh.journey import Crossing, Journey
from convoy_services.mesh.observer import Observer
from convoy_services.mesh.plan import HopPlan, PipelinePlan
from convoy_services.mesh.request import Request
from convoy_services.mesh.streamed_row import StreamedRow
from convoy_services.mesh.streams import Streams
from convoy_services.mesh.table import Table
from convoy_services.mesh.trace import headers, stream_span


class StreamHop:
    """Begins with the rows of a batch, and lets go of those that nobody waits for any more."""

    def __init__(
        self, plan: PipelinePlan, hop: HopPlan, streams: Streams, observer: Observer
    ) -> None:
        """Take the hop ``hop`` of ``plan`` over ``streams``."""
        self._plan = plan
        self._hop = hop
        self._streams = streams
        self._observer = observer
        self.names = _names(plan, hop)
        """The increments' column that each of the pipeline's outputs is."""

    def begin(
        self, pieces: Sequence[Piece], table: Table, rows: RowContext, trace: Context
    ) -> None:
        """Begin with the rows of a batch that have not failed; the others fail now."""
        sinks: list[StreamedRow] = []
        start = 0
        for piece in pieces:
            stop = start + piece.stop - piece.start
            if piece.request.ended:
                table.alive[start:stop] = False
            begun = np.flatnonzero(table.alive[start:stop])
            sinks += [self._sink(piece.request, piece.start + row) for row in begun.tolist()]
            if len(begun):
                let_go = partial(self._streams.cancel, rows.ids[start + begun])
                piece.request.on_end.append(let_go)
            for row in range(start, stop):
                if error := table.failures.get(row):
                    self._sink(piece.request, piece.start + row - start).fail(error)
            start = stop
        index = np.flatnonzero(table.alive)
        if len(index):
            request = StageRequest(
                stage=self._hop.steps[0].stage,
                pipeline=self._plan.name,
                step=self._hop.name,
                trace=headers(trace),
                rows=rows.take(index),
                batch=outward(self._hop, table.inputs(self._hop.consumes, index)),
            )
            self._streams.begin(request, sinks)

    def _sink(self, request: Request, row: int) -> StreamedRow:
        return StreamedRow(request, row, self._hop.name, self._plan.outputs, self.names, self._end)

    def _end(self, request: Request, crossing: Crossing) -> None:
        """Write down what became of a row."""
        stream_span(request.context, self._hop, crossing)
        self._observer.streamed(self._plan.name, crossing)
        request.journeys.append(
            Journey(
                rows=1, requests=1, left=crossing.began, landed=crossing.ended, crossings=[crossing]
            )
        )


def _names(plan: PipelinePlan, hop: HopPlan) -> dict[str, str]:
    """Find the column of the hop's answers that each output is: a lone step keeps its own names."""
    if len(hop.steps) > 1:
        return dict(plan.sources)
    theirs = {ours: theirs for theirs, ours in hop.steps[0].produces.items()}
    return {output: theirs[ours] for output, ours in plan.sources.items()}
