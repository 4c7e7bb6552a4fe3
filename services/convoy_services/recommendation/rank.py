"""The rankers: one model each, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from convoy import Batch
from convoy.errors import invalid
from convoy.tensor import Index
from convoy_services.mesh.column import Column, Columns
from convoy_services.mesh.stage import Inference
from convoy_services.recommendation.bounds import MOST_POOL
from convoy_services.recommendation.ragged import ragged
from convoy_services.recommendation.user_columns import USER_COLUMNS, users

if TYPE_CHECKING:
    from convoy_services.recommendation.model.catalogue import Catalogue
    from convoy_services.recommendation.model.users import Users


class _Model(Protocol):
    def predict(self, users: Users, items: Index, splits: Index) -> NDArray[np.float32]: ...


class _Rank(Inference):
    """Predicts something of every candidate; those of all rows are one matrix for the model."""

    consumes = Columns(USER_COLUMNS, pool=Column("INT64", [-1]))
    cpus = 1
    _model: _Model
    _catalogue: Catalogue

    def __init__(self, *, model: str) -> None:
        """Take a model repository."""
        self.repository = Path(model)

    def process(self, batch: Batch) -> Batch:
        """Predict for the candidates of every row.

        Raises ConvoyError INVALID_ARGUMENT for a row of too many.
        """
        pool = batch["pool"]
        if pool.lengths.max(initial=0) > MOST_POOL:
            raise invalid("pool", f"a row has more than {MOST_POOL} candidates")
        assert pool.splits is not None
        (name,) = self.produces
        rows = self._catalogue.find(pool.array)
        predicted = self._model.predict(users(batch), rows, pool.splits)
        return Batch(rows=batch.rows, columns={name: ragged(predicted, pool.splits)})

    def warm(self) -> None:
        """Predict once, so that no caller pays for the first time."""
        few = self._catalogue.ids[:8].tolist()
        filled = {"past": few, "past_dwell": [1.0] * len(few), "pool": few}
        columns = {
            name: column.repeat(filled.get(name, [] if column.ragged else 0), 1)
            for name, column in self.consumes.items()
        }
        self.process(Batch(rows=1, columns=columns))


class RankClick(_Rank):
    """Predicts clicks: a user's columns, pool INT64 [-1] → p_click FP32 [-1], from 0 to 1."""

    produces = Columns(p_click=Column("FP32", [-1]))

    def load(self) -> None:
        """Bring the version in; raises OSError, ValueError."""
        from convoy_services.recommendation.model.catalogue import Catalogue
        from convoy_services.recommendation.model.ranker import Clicks

        self._catalogue = Catalogue.load(self.folder)
        self._model = Clicks.load(self.folder, threads=max(1, int(self.cpus)))


class RankDwell(_Rank):
    """Predicts the seconds after a click: a user's columns, pool INT64 [-1] → dwell FP32 [-1]."""

    produces = Columns(dwell=Column("FP32", [-1]))

    def load(self) -> None:
        """Bring the version in; raises OSError, ValueError."""
        from convoy_services.recommendation.model.catalogue import Catalogue
        from convoy_services.recommendation.model.ranker import Dwell

        self._catalogue = Catalogue.load(self.folder)
        self._model = Dwell.load(self.folder, threads=max(1, int(self.cpus)))
