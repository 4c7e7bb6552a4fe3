"""The nearest of many vectors by inner product, with faiss.

Few vectors are searched exactly. Many are put into cells around k-means' centres, and the cells
nearest to a query are searched exactly (IVF; https://arxiv.org/abs/1702.08734); how many cells is
found at the build by comparing with exact search.
"""

from pathlib import Path
from typing import Any, Self

import faiss
import numpy as np
from numpy.typing import NDArray

from convoy.tensor import Index

EXACT = 20_000
"""Up to so many vectors every one is compared."""

RECALL = 0.97
"""What share of the nearest ``NEAREST`` the cells searched must hold, on the build's queries."""

NEAREST = 100
QUERIES = 256


class Nearest:
    """An index over the vectors of a catalogue; a result's row is the vector's place."""

    def __init__(self, index: Any) -> None:
        """Take a faiss index."""
        self._index = index

    def __len__(self) -> int:
        """Count the vectors."""
        return int(self._index.ntotal)

    @classmethod
    def build(cls, vectors: NDArray[np.float32], exact: int = EXACT) -> Self:
        """Index float32 [n, d]; exactly up to ``exact`` vectors."""
        count, width = vectors.shape
        flat = faiss.IndexFlatIP(width)
        if count <= exact:
            flat.add(np.ascontiguousarray(vectors))
            return cls(flat)
        cells = int(2 ** np.round(np.log2(4 * np.sqrt(count))))
        index = faiss.IndexIVFFlat(flat, width, cells, faiss.METRIC_INNER_PRODUCT)
        index.cp.max_points_per_centroid = 64
        index.train(vectors)
        index.add(vectors)
        made = cls(index)
        made._widen(vectors)
        return made

    def _widen(self, vectors: NDArray[np.float32]) -> None:
        """Search twice as many cells until enough of the nearest are found."""
        chance = np.random.default_rng(0)
        queries = vectors[chance.choice(len(vectors), QUERIES)]
        queries = queries + chance.normal(0, 0.3, queries.shape) * queries.std()
        queries = queries.astype(np.float32)
        _, true = faiss.knn(queries, vectors, NEAREST, metric=faiss.METRIC_INNER_PRODUCT)
        self._index.nprobe = 8
        while self._index.nprobe < self._index.nlist:
            found, _ = self.search(queries, NEAREST)
            if recall(found, true) >= RECALL:
                return
            self._index.nprobe *= 2

    def search(self, vectors: NDArray[np.float32], k: int) -> tuple[Index, NDArray[np.float32]]:
        """Give the nearest rows, int64 [queries, k], and their inner products, float32.

        Where there are fewer than k, rows are -1.
        """
        scores, rows = self._index.search(np.ascontiguousarray(vectors, np.float32), k)
        return rows, scores

    def save(self, folder: Path, name: str) -> None:
        """Write it as ``name``.faiss."""
        faiss.write_index(self._index, str(folder / f"{name}.faiss"))

    @classmethod
    def load(cls, folder: Path, name: str) -> Self:
        """Read ``name``.faiss; raises OSError."""
        file = folder / f"{name}.faiss"
        if not file.is_file():
            raise FileNotFoundError(f"there is no {file}")
        return cls(faiss.read_index(str(file)))


def recall(found: Index, true: Index) -> float:
    """Give the share of each row's true neighbours that were found, the mean of all rows."""
    shared = [len(np.intersect1d(a, b)) for a, b in zip(found, true, strict=True)]
    return float(np.sum(shared) / true.size)
