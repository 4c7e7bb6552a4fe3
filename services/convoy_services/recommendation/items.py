"""What items are."""

from pathlib import Path

import numpy as np

from convoy import Batch, Tensor
from convoy_services.mesh.column import Column, Columns
from convoy_services.mesh.stage import Postprocess
from convoy_services.recommendation.model.catalogue import Catalogue
from convoy_services.recommendation.model.titles import Titles


class Items(Postprocess):
    """Ids as what people read.

    item INT64 [] → known BOOL [], title and category BYTES [] (UTF-8), seconds FP32 []. What an
    item has not is empty, or 0; of one that there is not everything is, and no row fails.
    """

    consumes = Columns(item=Column("INT64"))
    produces = Columns(
        known=Column("BOOL"),
        title=Column("BYTES"),
        category=Column("BYTES"),
        seconds=Column("FP32"),
    )

    def __init__(self, *, model: str) -> None:
        """Take a model repository."""
        self.repository = Path(model)

    def load(self) -> None:
        """Read the version's catalogue and titles; raises OSError, ValueError."""
        self._catalogue = Catalogue.load(self.folder)
        self._categories = Tensor.texts(self._catalogue.categories)
        self._titles = Titles.load(self.folder, len(self._catalogue)).texts

    def process(self, batch: Batch) -> Batch:
        """Look all rows up at once."""
        places = self._catalogue.find(batch["item"].array)
        known = places >= 0
        where, there = np.flatnonzero(known), places[known]
        category = self._categories.take(self._catalogue.category[there].astype(np.int64))
        seconds = np.zeros(batch.rows, np.float32)
        seconds[where] = self._catalogue.seconds[there]
        return self.produces.pack(
            rows=batch.rows,
            known=known,
            title=self._titles.take(there).spread(where, batch.rows),
            category=category.spread(where, batch.rows),
            seconds=seconds,
        )
