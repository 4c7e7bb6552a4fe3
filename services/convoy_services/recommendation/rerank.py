"""The list that the caller gets out of what the rankers say."""

import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convoy import Batch
from convoy.errors import invalid
from convoy.tensor import Index, ascending
from convoy_services.mesh.column import Column, Columns
from convoy_services.mesh.stage import Postprocess
from convoy_services.recommendation.bounds import MOST_ITEMS
from convoy_services.recommendation.diversity import Candidates, Rules, arrange, shortlist
from convoy_services.recommendation.formula import Formula
from convoy_services.recommendation.model.catalogue import Catalogue
from convoy_services.recommendation.ragged import alike, boundaries, owners, ragged

VECTORS = "vectors.npy"
DAY = 86400
NAMES = ("p_click", "dwell", "recall", "age", "length")
"""What formulas may use: a probability, seconds, a share, days since the upload, seconds."""

GIVEN = {
    "pool": "INT64",
    "channels": "UINT8",
    "recall_score": "FP32",
    "p_click": "FP32",
    "dwell": "FP32",
}


class Rerank(Postprocess):
    """Scores candidates by a formula and makes a list of them that is not all alike.

    pool INT64 [-1], channels UINT8 [-1], recall_score, p_click and dwell FP32 [-1], limit INT32 [],
    time INT64 [] (seconds since the epoch; 0: now) → item INT64 [-1], score, item_p_click,
    item_dwell and item_recall FP32 [-1], item_channels UINT8 [-1], at most ``limit`` of each.

    The formula may use p_click, dwell, recall, age (days since the upload, at the request's time)
    and length (seconds); age and length are 0 where they are not known. An item whose score is not
    a number, or is minus infinity, comes last. Equal scores go by recall, then by id. The list is
    made as ``arrange`` says, of scores brought between 0 and 1 over the candidates looked at. Where
    these are all equal, as when no ranker answers, likeness does not count: recall orders the list.
    """

    folder: Path

    def __init__(
        self,
        *,
        model: str,
        score: str = "p_click * dwell",
        diversity: float = 0.3,
        per_category: int | None = None,
        fresh_days: float = 7,
        fresh_share: float = 0,
    ) -> None:
        """Take the folder of the versions, the formula and the rules of the list.

        An item is fresh that was uploaded less than ``fresh_days`` ago. Raises ValueError that
        names the setting at fault.
        """
        self.repository = Path(model)
        try:
            self._formula = Formula.parse(score, NAMES)
        except ValueError as exc:
            raise ValueError(f"score: {exc}") from exc
        self._rules = Rules(diversity=diversity, per_category=per_category, fresh_share=fresh_share)
        if not fresh_days > 0:
            raise ValueError(f"fresh_days is {fresh_days}; take more than 0")
        self._fresh_days = fresh_days
        self.consumes = Columns(
            **{name: Column(datatype, [-1]) for name, datatype in GIVEN.items()},
            limit=Column("INT32"),
            time=Column("INT64", default=0),
        )
        self.produces = Columns(
            item=Column("INT64", [-1]),
            score=Column("FP32", [-1]),
            item_p_click=Column("FP32", [-1]),
            item_dwell=Column("FP32", [-1]),
            item_channels=Column("UINT8", [-1]),
            item_recall=Column("FP32", [-1]),
        )

    def load(self) -> None:
        """Read the version's catalogue; its vectors, float32 [items, d], stay on the disk."""
        self._catalogue = Catalogue.load(self.folder)
        self._vectors = np.asarray(np.load(self.folder / VECTORS, mmap_mode="r"))
        if len(self._vectors) != len(self._catalogue):
            there = f"{len(self._vectors)} vectors for {len(self._catalogue)} items"
            raise ValueError(f"{self.folder / VECTORS}: {there}")

    def process(self, batch: Batch) -> Batch:
        """Rerank all rows at once; a row whose limit is not 1 to ``MOST_ITEMS`` fails.

        Raises ConvoyError INVALID_ARGUMENT where the columns of the candidates differ in length.
        """
        for name in GIVEN:
            if not alike(batch["pool"], batch[name]):
                raise invalid(name, "its rows are not as long as those of pool")
        splits = boundaries(batch["pool"])
        pool, recall = batch["pool"].array, batch["recall_score"].array
        p_click, dwell = batch["p_click"].array, batch["dwell"].array
        asked = batch["limit"].array
        limits = np.minimum(asked, MOST_ITEMS).astype(np.int64)
        row, rows = owners(splits), self._catalogue.find(pool)
        age, fresh = self._ages(rows, batch["time"].array[row])
        length = _look(self._catalogue.seconds, rows, 0)
        score = self._formula(
            {"p_click": p_click, "dwell": dwell, "recall": recall, "age": age, "length": length}
        )

        order = np.lexsort((pool, -recall, -score, row))
        category = _look(self._catalogue.category, rows, -1)[order]
        order = order[shortlist(splits, category, fresh[order], limits, self._rules)]
        best = ascending(np.bincount(row[order], minlength=batch.rows))
        there = np.arange(np.diff(best).max(initial=0)) < np.diff(best)[:, None]
        grid = np.zeros(there.shape, np.int64)
        grid[there] = order
        chosen = arrange(self._candidates(there, grid, rows, score, fresh), limits, self._rules)

        taken = np.take_along_axis(grid, np.maximum(chosen, 0), axis=1)[chosen >= 0]
        splits = ascending((chosen >= 0).sum(axis=1))
        refused = np.flatnonzero((asked < 1) | (asked > MOST_ITEMS)).tolist()
        return self.produces.pack(
            rows=batch.rows,
            failures=dict.fromkeys(refused, invalid("limit", f"take 1 to {MOST_ITEMS}")),
            item=ragged(pool[taken], splits),
            score=ragged(score[taken], splits),
            item_p_click=ragged(p_click[taken], splits),
            item_dwell=ragged(dwell[taken], splits),
            item_channels=ragged(batch["channels"].array[taken], splits),
            item_recall=ragged(recall[taken], splits),
        )

    def _ages(self, rows: Index, asked: Index) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Give the days since each item's upload, and which are fresh."""
        known = rows >= 0
        moment = np.where(asked == 0, int(time.time()), asked).astype(np.float64)
        days = np.zeros(len(rows))
        days[known] = (moment[known] - self._catalogue.uploaded[rows[known]]) / DAY
        return np.maximum(days, 0), known & (days < self._fresh_days)

    def _candidates(
        self,
        there: NDArray[np.bool_],
        grid: Index,
        rows: Index,
        score: NDArray[np.float32],
        fresh: NDArray[np.bool_],
    ) -> Candidates:
        """Lay out the candidates that ``grid``, [lists, width], names."""
        rows = np.where(there, rows[grid], -1)
        relevance = _scale(np.where(there, score[grid].astype(np.float64), -np.inf))
        varied = relevance.max(axis=1, initial=0) > 0
        return Candidates(
            there=there,
            relevance=relevance,
            vectors=_look(self._vectors, np.where(varied[:, None], rows, -1), 0),
            category=_look(self._catalogue.category, rows, -1),
            fresh=there & fresh[grid],
        )


def _look(values: NDArray[Any], rows: Index, otherwise: float) -> NDArray[Any]:
    """Give the value of each item, whose row is -1 where the catalogue does not know it."""
    found = np.full((*rows.shape, *values.shape[1:]), otherwise, values.dtype)
    known = rows >= 0
    found[known] = values[rows[known]]
    return found


def _scale(score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bring each list's scores between 0 and 1; equal ones to 0, minus infinity stays."""
    finite = np.isfinite(score)
    low = np.where(finite, score, np.inf).min(axis=1, keepdims=True, initial=np.inf)
    high = np.where(finite, score, -np.inf).max(axis=1, keepdims=True, initial=-np.inf)
    some, span = high >= low, high - low
    scaled = (score - np.where(some, low, 0)) / np.where(span > 0, span, 1)
    return np.minimum(scaled, 1)
