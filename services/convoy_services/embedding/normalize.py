"""Vectors as the caller wants them."""

import numpy as np

from convoy import Batch
from convoy.errors import invalid
from convoy_services.embedding.model import dimensions
from convoy_services.mesh.column import Column, Columns
from convoy_services.mesh.stage import Postprocess


class Normalize(Postprocess):
    """Cuts vectors to their first dimensions, then scales them to length one.

    pooled FP32 [d], dimensions INT32 [] (0: all), normalize BOOL [] → embedding FP32 [d]. The
    dimensions cut off are zeros. A vector of length zero stays as it is.
    """

    offload = False

    def __init__(self, *, model: str) -> None:
        """Take the model whose vectors come."""
        self._width = dimensions(model)
        self.consumes = Columns(
            pooled=Column("FP32", [self._width], finite=True),
            dimensions=Column("INT32", default=0),
            normalize=Column("BOOL", default=True),
        )
        self.produces = Columns(embedding=Column("FP32", [self._width]))

    def process(self, batch: Batch) -> Batch:
        """Normalize all rows at once."""
        kept = batch["dimensions"].array
        refused = np.flatnonzero((kept < 0) | (kept > self._width)).tolist()
        fault = invalid("dimensions", f"the model gives 1 to {self._width}")
        kept = np.where(kept, kept, self._width)[:, None]
        vectors = np.where(np.arange(self._width) < kept, batch["pooled"].array, np.float32(0))
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit = vectors / np.where(lengths, lengths, 1)
        embedding = np.where(batch["normalize"].array[:, None], unit, vectors)
        return self.produces.pack(
            rows=batch.rows, failures=dict.fromkeys(refused, fault), embedding=embedding
        )
