"""The channels of recall: each gives the items that it would show, the best first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from convoy import Batch
from convoy.tensor import Index, ascending
from convoy_services.mesh.column import Column, Columns
from convoy_services.mesh.stage import Inference
from convoy_services.recommendation.ragged import ragged
from convoy_services.recommendation.user_columns import USER_COLUMNS, users

if TYPE_CHECKING:
    from convoy_services.recommendation.model.nearest import Nearest

RECALLED = Columns(items=Column("INT64", [-1]), scores=Column("FP32", [-1]))


class RecallVector(Inference):
    """The two-tower model: a user's columns → items INT64 [-1], scores FP32 [-1] (cosines)."""

    consumes = USER_COLUMNS
    produces = RECALLED
    cpus = 0.5

    def __init__(self, *, model: str, most: int = 200) -> None:
        """Take a model repository; ``most`` items a row."""
        self.repository = Path(model)
        self._most = most

    def load(self) -> None:
        """Bring tower and index in, those of one version; raises OSError."""
        from convoy_services.recommendation.model.catalogue import Catalogue
        from convoy_services.recommendation.model.nearest import Nearest
        from convoy_services.recommendation.model.tower import Tower

        self._catalogue = Catalogue.load(self.folder)
        self._tower = Tower.load(self.folder, threads=max(1, int(self.cpus)))
        self._index = Nearest.load(self.folder, "vectors")

    def warm(self) -> None:
        """Search once, so that no caller pays for the first time."""
        columns = {n: c.repeat([] if c.ragged else 0, 1) for n, c in self.consumes.items()}
        self.process(Batch(rows=1, columns=columns))

    def process(self, batch: Batch) -> Batch:
        """Search near the vectors of all rows at once."""
        vectors = self._tower.embed(users(batch))
        return nearest(self._index, vectors, self._most, self._catalogue.ids)


class RecallText(Inference):
    """Titles near a text: embedding FP32 [d] → items INT64 [-1], scores FP32 [-1] (cosines).

    Nothing where a version has no titles, nor for a vector of zeros.
    """

    produces = RECALLED

    def __init__(self, *, model: str, dimensions: int = 384, most: int = 100) -> None:
        """Take a model repository; ``dimensions`` of the text model's vectors."""
        self.repository = Path(model)
        self._most = most
        self.consumes = Columns(embedding=Column("FP32", [dimensions], finite=True))

    def load(self) -> None:
        """Bring the index in; raises OSError."""
        from convoy_services.recommendation.model.catalogue import Catalogue
        from convoy_services.recommendation.model.nearest import Nearest

        self._catalogue = Catalogue.load(self.folder)
        there = (self.folder / "texts.faiss").exists()
        self._index = Nearest.load(self.folder, "texts") if there else None

    def process(self, batch: Batch) -> Batch:
        """Search near the vectors of all rows at once."""
        if self._index is None:
            nothing = np.zeros(batch.rows + 1, np.int64)
            return _recalled(np.empty(0, np.int64), np.empty(0, np.float32), nothing)
        vectors = batch["embedding"].array
        asked = np.any(vectors, axis=1)  # zeros stand in for a vector that could not be made
        return nearest(self._index, vectors, self._most, self._catalogue.ids, asked)


class RecallCovisit(Inference):
    """What others watched beside: past INT64 [-1] → items INT64 [-1], scores FP32 [-1]."""

    consumes = USER_COLUMNS
    produces = RECALLED

    def __init__(self, *, model: str, most: int = 100) -> None:
        """Take a model repository; ``most`` items a row."""
        self.repository = Path(model)
        self._most = most

    def load(self) -> None:
        """Bring the neighbours in; raises OSError."""
        from convoy_services.recommendation.model.catalogue import Catalogue
        from convoy_services.recommendation.model.covisit import Covisit

        self._catalogue = Catalogue.load(self.folder)
        self._covisit = Covisit.load(self.folder)

    def process(self, batch: Batch) -> Batch:
        """Look all rows up at once."""
        rows, scores, splits = self._covisit.search(users(batch), self._most, self._catalogue)
        return _recalled(self._catalogue.ids[rows], scores, splits)


def nearest(
    index: Nearest,
    vectors: NDArray[np.float32],
    most: int,
    ids: Index,
    asked: NDArray[np.bool_] | None = None,
) -> Batch:
    """Give the ids of the vectors nearest to each row's, float32 [rows, d], the nearest first.

    Rows that are not ``asked``, bool [rows], have none.
    """
    found, scores = index.search(vectors, most)
    there = found >= 0 if asked is None else (found >= 0) & asked[:, None]
    return _recalled(ids[found[there]], scores[there], ascending(there.sum(axis=1)))


def _recalled(items: Index, scores: NDArray[np.float32], splits: Index) -> Batch:
    return RECALLED.pack(
        rows=len(splits) - 1, items=ragged(items, splits), scores=ragged(scores, splits)
    )
