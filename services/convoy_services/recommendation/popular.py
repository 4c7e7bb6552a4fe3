"""What many watched lately."""

import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convoy import Batch, Degradation
from convoy.tensor import Index
from convoy_services.mesh.column import Column, Columns
from convoy_services.mesh.stage import Inference
from convoy_services.recommendation.model.catalogue import Catalogue
from convoy_services.recommendation.ragged import ragged
from convoy_services.recommendation.recall import RECALLED
from convoy_services.recommendation.store import StoreUnavailable, open_store

FRESH = 1.0
"""Seconds for which a list is good: events of that time are not in it."""


class RecallPopular(Inference):
    """The most watched: user INT64 [] → items INT64 [-1], scores FP32 [-1] (clicks, decayed).

    The clicks of the log that the version was trained on, and those of the store since; both halve
    in a week. Items of the catalogue alone: anybody may send events of items that there are not.
    Where the store does not answer, rows hold the former alone, and are degraded.
    """

    consumes = Columns(user=Column("INT64", default=0))
    produces = RECALLED

    def __init__(self, *, model: str, store: str, most: int = 100) -> None:
        """Take a model repository and the URL of a store; ``most`` items a row."""
        self.repository = Path(model)
        self._url = store
        self._most = most

    def load(self) -> None:
        """Bring the catalogue in and open the store; raises OSError, ValueError."""
        self._catalogue = Catalogue.load(self.folder)
        self._store = open_store(self._url)
        self._until = 0.0

    def process(self, batch: Batch) -> Batch:
        """Give every row the same list."""
        if time.monotonic() >= self._until:
            self._items, self._scores, self._stale = self._look()
            self._until = time.monotonic() + FRESH
        rows = batch.rows
        splits = np.arange(rows + 1) * len(self._items)
        columns = {
            "items": ragged(np.tile(self._items, rows), splits),
            "scores": ragged(np.tile(self._scores, rows), splits),
        }
        degraded = (Degradation("", "STORE_UNAVAILABLE", tuple(range(rows))),)
        return Batch(rows=rows, columns=columns, degradations=degraded if self._stale else ())

    def _look(self) -> tuple[Index, NDArray[np.float32], bool]:
        """Give the most watched items, the best first, and whether the store did not answer."""
        clicks, stale = self._catalogue.clicks.copy(), False
        try:
            lately, weights = self._store.popular(time.time_ns() // 1000, self._most)
        except StoreUnavailable:
            lately, weights, stale = np.empty(0, np.int64), np.empty(0, np.float32), True
        places = self._catalogue.find(lately)
        known = places >= 0
        clicks[places[known]] += weights[known]
        best = np.lexsort((self._catalogue.ids, -clicks))[: self._most]
        return self._catalogue.ids[best], clicks[best], stale

    def close(self) -> None:
        """Close the store."""
        self._store.close()
