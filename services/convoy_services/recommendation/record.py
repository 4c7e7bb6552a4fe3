"""What users did, on its way into the feature store."""

import time

import numpy as np

from convoy import Batch, Code, ConvoyError
from convoy.errors import invalid
from convoy.v1 import recommendation_pb2
from convoy_services.mesh.column import Column, Columns
from convoy_services.mesh.stage import Preprocess
from convoy_services.recommendation.bounds import AHEAD
from convoy_services.recommendation.store import Events, Kind, StoreUnavailable, open_store

KINDS = {
    recommendation_pb2.EVENT_KIND_IMPRESSION: Kind.IMPRESSION,
    recommendation_pb2.EVENT_KIND_CLICK: Kind.CLICK,
    recommendation_pb2.EVENT_KIND_WATCH: Kind.WATCH,
}
"""What the contract's numbers mean."""


class Record(Preprocess):
    """Keeps events: all rows in one transaction, and an event that comes again counts once.

    user INT64 [], item INT64 [], kind UINT8 [] (1 impression, 2 click, 3 watch), seconds FP32 []
    (watched), time INT64 [] (µs since the epoch) → kept BOOL []. A row that comes back is kept,
    whatever process dies next.
    """

    consumes = Columns(
        user=Column("INT64"),
        item=Column("INT64"),
        kind=Column("UINT8"),
        seconds=Column("FP32", default=0.0, finite=True),
        time=Column("INT64"),
    )
    produces = Columns(kept=Column("BOOL"))

    def __init__(self, *, store: str) -> None:
        """Write to ``store``, a URL."""
        self._url = store

    def load(self) -> None:
        """Open the store; raises ValueError for a URL that is none, StoreUnavailable."""
        self._store = open_store(self._url)

    def process(self, batch: Batch) -> Batch:
        """Keep the events of every row that is one."""
        columns = {name: batch[name].array for name in self.consumes}
        wrong = (columns["user"] <= 0) | (columns["item"] < 0) | (columns["time"] < 0)
        wrong |= columns["time"] > (time.time() + AHEAD) * 1e6
        wrong |= ~np.isin(columns["kind"], list(KINDS)) | ~(columns["seconds"] >= 0)
        failures = dict.fromkeys(np.flatnonzero(wrong).tolist(), _NO_EVENT)
        told = {name: column[~wrong] for name, column in columns.items()}
        told["kind"] = np.array([KINDS[kind] for kind in told["kind"].tolist()], np.uint8)
        events = Events(**told)
        try:
            self._store.record(events)
        except StoreUnavailable:
            failures = {row: failures.get(row, _UNAVAILABLE) for row in range(batch.rows)}
        kept = np.ones(batch.rows, np.bool_)
        return self.produces.pack(rows=batch.rows, failures=failures, kept=kept)

    def close(self) -> None:
        """Close the store."""
        self._store.close()


_NO_EVENT = invalid(
    "event",
    "users are above zero, items not negative, kinds 1 to 3, and times not in the future",
)
_UNAVAILABLE = ConvoyError(
    Code.UNAVAILABLE, "the feature store does not answer", "STORE_UNAVAILABLE", retry_after=1.0
)
