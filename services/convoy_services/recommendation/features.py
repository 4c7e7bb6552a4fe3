"""What is known of those who ask."""

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from convoy import Batch, Degradation, Tensor
from convoy.errors import invalid
from convoy.tensor import Index, ascending
from convoy_services.mesh.column import Column, Columns
from convoy_services.mesh.stage import Preprocess
from convoy_services.recommendation.bounds import LATEST
from convoy_services.recommendation.model.context import features
from convoy_services.recommendation.ragged import ragged
from convoy_services.recommendation.store import Histories, StoreUnavailable, open_store
from convoy_services.recommendation.store.trail import tell
from convoy_services.recommendation.user_columns import USER_COLUMNS


class Features(Preprocess):
    """Reads histories from the feature store, for all rows in one round trip.

    user INT64 [] (0: nobody), history INT64 [-1] (stands in for the store's), time INT64 [] (s; 0:
    now), device BYTES [], tags BYTES [-1], number_names BYTES [-1], numbers FP32 [-1], query
    BYTES [], given INT64 [-1] → past INT64 [-1], past_dwell FP32 [-1] (s), seen INT64 [-1],
    context INT64 [-1], context_weight FP32 [-1], text BYTES [] (the query), has_query BOOL [],
    recalls BOOL [] (nothing was given to be ranked). Where the store does not answer, rows are
    those of unknown users, and degraded.
    """

    consumes = Columns(
        user=Column("INT64", default=0),
        history=Column("INT64", [-1], default=[]),
        time=Column("INT64", default=0),
        device=Column("BYTES", default=""),
        tags=Column("BYTES", [-1], default=[]),
        number_names=Column("BYTES", [-1], default=[]),
        numbers=Column("FP32", [-1], default=[], finite=True),
        query=Column("BYTES", default=""),
        given=Column("INT64", [-1], default=[]),
    )
    produces = Columns(
        {name: column for name, column in USER_COLUMNS.items() if name != "user"},
        seen=Column("INT64", [-1]),
        text=Column("BYTES"),
        has_query=Column("BOOL"),
        recalls=Column("BOOL"),
    )

    def __init__(self, *, store: str, most: int = 50) -> None:
        """Read from ``store``, a URL; ``most`` items of a history, the newest."""
        self._url = store
        self._most = most

    def load(self) -> None:
        """Open the store; raises ValueError for a URL that is none, StoreUnavailable."""
        self._store = open_store(self._url)

    def warm(self) -> None:
        """Read once, so that no caller pays for the first time."""
        columns = {n: column.repeat(column.default, 1) for n, column in self.consumes.items()}
        columns["user"] = self.consumes["user"].repeat(1, 1)
        self.process(Batch(rows=1, columns=columns))

    def process(self, batch: Batch) -> Batch:
        """Read what is known of every row."""
        user = batch["user"].array
        degraded: tuple[Degradation, ...] = ()
        try:
            known = self._store.histories(user, self._most)
        except StoreUnavailable:
            known = tell([b""] * batch.rows, [()] * batch.rows, most=0, most_seen=0)
            rows = tuple(np.flatnonzero(user).tolist())
            degraded = (Degradation("", "STORE_UNAVAILABLE", rows),) if rows else ()
        if (batch["number_names"].lengths != batch["numbers"].lengths).any():
            raise invalid("numbers", "its rows are not as long as those of number_names")
        past, dwell, past_splits = _past(batch["history"], known)
        context, weight, context_splits = _context(batch, known.tags)
        columns = self.produces.pack(
            rows=batch.rows,
            past=ragged(past, past_splits),
            past_dwell=ragged(dwell, past_splits),
            seen=ragged(known.seen, known.seen_splits),
            context=ragged(context, context_splits),
            context_weight=ragged(weight, context_splits),
            text=batch["query"],
            has_query=[len(query) > 0 for query in batch["query"].elements()],
            recalls=batch["given"].lengths == 0,
        ).columns
        return Batch(rows=batch.rows, columns=columns, degradations=degraded)

    def close(self) -> None:
        """Close the store."""
        self._store.close()


def _past(given: Tensor, known: Histories) -> tuple[Index, NDArray[np.float32], Index]:
    """Take the history that a row was given, of unknown seconds, or else the store's."""
    stored = np.diff(known.splits)
    own = given.lengths > 0
    lengths = np.where(own, given.lengths, stored)
    past, dwell = np.empty(lengths.sum(), np.int64), np.zeros(lengths.sum(), np.float32)
    is_own = np.repeat(own, lengths)
    past[is_own] = given.array
    told = np.repeat(~own, stored)
    past[~is_own], dwell[~is_own] = known.items[told], known.seconds[told]
    return past, dwell, ascending(lengths)


def _context(
    batch: Batch, known: Sequence[Sequence[str]]
) -> tuple[Index, NDArray[np.float32], Index]:
    """Give the buckets of what is known of each row's moment and user, and their weights."""
    now = int(time.time())
    names = [list(map(_text, row)) for row in batch["number_names"].tolist()]
    given = zip(batch["tags"].tolist(), known, strict=True)
    columns = (
        (min(max(given, 0), LATEST) or now for given in batch["time"].tolist()),
        map(_text, batch["device"].tolist()),
        ([*map(_text, tags), *also] for tags, also in given),
        map(dict, map(zip, names, batch["numbers"].tolist())),
    )
    rows = [features(*row) for row in zip(*columns, strict=True)]
    return (
        np.array([bucket for row in rows for bucket in row], np.int64),
        np.array([weight for row in rows for weight in row.values()], np.float32),
        ascending([len(row) for row in rows]),
    )


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")
