"""An engine without a model: each stream gets a token at each tick."""

import threading
from collections.abc import Callable

import numpy as np

from convoy import Batch
from convoy_services.mesh.column import Column, Columns
from convoy_services.mesh.increment import Ids, Increment
from convoy_services.mesh.stage import Streaming

LENGTH = 2
"""FINISH_REASON_LENGTH."""


class Ticker(Streaming):
    """Gives as many tokens as asked for, with the columns that GenerationService answers from."""

    consumes = Columns(prompt=Column("BYTES"), max_tokens=Column("INT32"))
    produces = Columns(
        text=Column("BYTES"),
        token_ids=Column("INT32", [-1]),
        finish_reason=Column("INT32"),
        prompt_tokens=Column("INT32"),
        queue_us=Column("INT64"),
    )

    def __init__(self, *, period: float) -> None:
        """Tick each ``period`` seconds."""
        self._period = period
        self._lock = threading.Lock()
        self._left: dict[int, int] = {}
        self._stop = threading.Event()

    def open(self, emit: Callable[[Increment], None]) -> None:
        self._emit = emit
        threading.Thread(target=self._run, daemon=True).start()

    def submit(self, ids: Ids, batch: Batch) -> None:
        with self._lock:
            wanted = batch["max_tokens"].array.tolist()
            self._left |= dict(zip(ids.tolist(), wanted, strict=True))

    def cancel(self, ids: Ids) -> None:
        with self._lock:
            for id in ids.tolist():
                self._left.pop(id, None)

    def close(self) -> None:
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.wait(self._period):
            with self._lock:
                left = {id: n - 1 for id, n in self._left.items()}
                self._left = {id: n for id, n in left.items() if n > 0}
            if left:
                self._emit(_step(left))


def _step(left: dict[int, int]) -> Increment:
    rows = len(left)
    ended = np.array([n <= 0 for n in left.values()], np.bool_)
    batch = Ticker.produces.pack(
        rows=rows,
        text=[b" word"] * rows,
        token_ids=[[n] for n in left.values()],
        finish_reason=(ended * LENGTH).astype(np.int32),
        prompt_tokens=np.ones(rows, np.int32),
        queue_us=np.zeros(rows, np.int64),
    )
    return Increment(ids=np.array(list(left), np.uint64), batch=batch, ended=ended)
