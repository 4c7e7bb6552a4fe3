"""A streaming stage whose rows count, and an incremental one behind it."""

import threading
from collections.abc import Callable

import numpy as np

from convoy import Batch
from convoy.errors import invalid
from convoy_services.mesh.column import Column, Columns
from convoy_services.mesh.increment import Ids, Increment
from convoy_services.mesh.stage import Incremental, Streaming
from convoy_services.mesh.stream_status import StreamStatus

MOST = 1_000_000


class Ticks(Streaming):
    """Counts from 0, one number a step: n INT64 [] → count INT64 [-1], last INT64 [].

    A row for a negative number is refused. ``submitted`` and ``held`` tell tests what it did.
    """

    consumes = Columns(n=Column("INT64"))
    produces = Columns(count=Column("INT64", [-1]), last=Column("INT64"))

    def __init__(self, *, period: float = 0.005) -> None:
        """Take a step each ``period`` seconds."""
        self._period = period
        self._lock = threading.Lock()
        self._rows: dict[int, list[int]] = {}
        self._stop = threading.Event()
        self.broken = False
        self.submitted = 0

    def open(self, emit: Callable[[Increment], None]) -> None:
        self._emit = emit
        threading.Thread(target=self._run, daemon=True).start()

    def submit(self, ids: Ids, batch: Batch) -> None:
        self.submitted += len(ids)
        wanted = batch["n"].array
        if (wanted >= MOST).any():
            raise RuntimeError("secret: /etc/passwd")
        with self._lock:
            self._rows |= {
                i: [0, n] for i, n in zip(ids.tolist(), wanted.tolist(), strict=True) if n >= 0
            }
        refused = ids[wanted < 0]
        if len(refused):
            failures = dict.fromkeys(range(len(refused)), invalid("n", "count upwards"))
            self._emit(self._increment(refused, [[]] * len(refused), failures, ended=True))

    def cancel(self, ids: Ids) -> None:
        with self._lock:
            for i in ids.tolist():
                self._rows.pop(i, None)

    @property
    def held(self) -> int:
        """How many rows it counts for."""
        return len(self._rows)

    def status(self) -> StreamStatus:
        return StreamStatus(running=len(self._rows))

    def check(self) -> None:
        if self.broken:
            raise RuntimeError("broken")

    def close(self) -> None:
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.wait(self._period):
            with self._lock:
                counting = dict(self._rows)
                ids = np.array(list(counting), np.uint64)
                counts = [[row[0]] if row[1] else [] for row in counting.values()]
                ended = np.array([row[0] + 1 >= row[1] for row in counting.values()], np.bool_)
                for i, row in counting.items():
                    row[0] += 1
                    if row[0] >= row[1]:
                        del self._rows[i]
            if len(ids):
                self._emit(self._increment(ids, counts, {}, ended=ended))

    def _increment(self, ids, counts, failures, *, ended) -> Increment:  # type: ignore[no-untyped-def]
        last = [row[-1] if row else -1 for row in counts]
        batch = self.produces.pack(rows=len(ids), count=counts, last=last, failures=failures)
        return Increment(ids=ids, batch=batch, ended=np.broadcast_to(ended, len(ids)))


class Say(Incremental):
    """Writes what was counted, and ends at a number: count INT64 [-1], stop INT64 [] → said BYTES.

    ``said`` is each number with a blank after it.
    """

    consumes = Columns(count=Column("INT64", [-1]), stop=Column("INT64", default=-1))
    produces = Columns(said=Column("BYTES"))

    def __init__(self) -> None:
        self.stops: dict[int, int] = {}

    def begin(self, ids: Ids, batch: Batch) -> None:
        self.stops |= dict(zip(ids.tolist(), batch["stop"].array.tolist(), strict=True))

    def advance(self, increment: Increment) -> Increment:
        said, ended = [], increment.ended.copy()
        for n, (i, counted) in enumerate(
            zip(increment.ids.tolist(), increment.batch["count"].tolist(), strict=True)
        ):
            ended[n] |= self.stops[i] in counted
            said.append("".join(f"{one} " for one in counted if one != self.stops[i]))
        batch = self.produces.pack(rows=len(said), said=said)
        return Increment(ids=increment.ids, batch=batch, ended=ended)

    def forget(self, ids: Ids) -> None:
        for i in ids.tolist():
            del self.stops[i]
