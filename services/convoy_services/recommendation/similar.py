"""What is like an item."""

from pathlib import Path

import numpy as np

from convoy import Batch, Code, ConvoyError
from convoy.errors import invalid
from convoy.tensor import ascending
from convoy_services.mesh.column import Column, Columns
from convoy_services.mesh.stage import Inference
from convoy_services.recommendation.bounds import MOST_ITEMS
from convoy_services.recommendation.ragged import ragged
from convoy_services.recommendation.recall import RECALLED


class Similar(Inference):
    """The nearest by the two-tower model's vectors, an item itself left out.

    item INT64 [], limit INT32 [] → items INT64 [-1], scores FP32 [-1] (cosines).
    """

    consumes = Columns(item=Column("INT64"), limit=Column("INT32", default=10))
    produces = RECALLED

    def __init__(self, *, model: str) -> None:
        """Take a model repository."""
        self.repository = Path(model)

    def load(self) -> None:
        """Bring vectors and index in; raises OSError."""
        from convoy_services.recommendation.model.catalogue import Catalogue
        from convoy_services.recommendation.model.nearest import Nearest

        self._catalogue = Catalogue.load(self.folder)
        self._vectors = np.load(self.folder / "vectors.npy", mmap_mode="r")
        self._index = Nearest.load(self.folder, "vectors")

    def process(self, batch: Batch) -> Batch:
        """Search near the items of all rows at once; a row fails whose item there is not."""
        asked = batch["limit"].array
        limit = np.clip(asked, 0, MOST_ITEMS)[:, None]
        places = self._catalogue.find(batch["item"].array)
        failures = dict.fromkeys(np.flatnonzero(places < 0).tolist(), _NO_ITEM)
        refused = np.flatnonzero((asked < 1) | (asked > MOST_ITEMS)).tolist()
        failures |= dict.fromkeys(refused, invalid("limit", f"take 1 to {MOST_ITEMS}"))
        found, scores = self._index.search(self._vectors[places], int(limit.max()) + 1)
        there = (found >= 0) & (found != places[:, None])
        there &= np.cumsum(there, axis=1) <= limit
        splits = ascending(there.sum(axis=1))
        return self.produces.pack(
            rows=batch.rows,
            failures=failures,
            items=ragged(self._catalogue.ids[found[there]], splits),
            scores=ragged(scores[there], splits),
        )


_NO_ITEM = ConvoyError(Code.NOT_FOUND, "there is no such item", "ITEM_NOT_FOUND")
