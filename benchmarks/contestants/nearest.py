"""A worker with one index over clustered vectors, beside exact search over the same."""

import statistics
import sys
import time
from typing import Any

import psutil

from benchmarks.worker import Line

WIDTH = 64
CENTRES = 2_000
SPREAD = 0.35
"""Of a vector around its centre, which has length one."""
QUERIES = 32
NEAREST = 100


def main() -> None:
    line = Line()
    import faiss
    import numpy as np

    from convoy_services.recommendation.model.nearest import Nearest, recall

    faiss.omp_set_num_threads(1)
    count = int(sys.argv[1])
    chance = np.random.default_rng(0)
    centres = _unit(chance.normal(size=(CENTRES, WIDTH)))

    def drawn(rows: int) -> Any:
        noise = chance.normal(size=(rows, WIDTH), scale=SPREAD / WIDTH**0.5)
        return _unit(centres[chance.integers(0, CENTRES, rows)] + noise).astype(np.float32)

    vectors = drawn(count)
    before = psutil.Process().memory_info().rss
    began = time.perf_counter()
    index = Nearest.build(vectors)
    built = time.perf_counter() - began
    memory = psutil.Process().memory_info().rss - before
    queries = [drawn(QUERIES) for _ in range(8)]

    def answer(*, seconds: float, exact: bool) -> dict[str, float]:
        took: list[float] = []
        shared: list[float] = []
        began = time.perf_counter()
        while (start := time.perf_counter()) - began < seconds or len(took) < len(queries):
            asked = queries[len(took) % len(queries)]
            if exact:
                faiss.knn(asked, vectors, NEAREST, metric=faiss.METRIC_INNER_PRODUCT)
            else:
                found, _ = index.search(asked, NEAREST)
            took.append(time.perf_counter() - start)
            if not exact and len(shared) < len(queries):
                true = faiss.knn(asked, vectors, NEAREST, metric=faiss.METRIC_INNER_PRODUCT)[1]
                shared.append(recall(found, true))
        return {
            "p50_ms": statistics.median(took) * 1e3,
            "recall": statistics.mean(shared or [1.0]),
            "build_s": built,
            "memory_mib": memory / 2**20,
        }

    line.say(ready=True)
    line.serve(answer)


def _unit(vectors: Any) -> Any:
    return vectors / (vectors**2).sum(axis=1, keepdims=True) ** 0.5


if __name__ == "__main__":
    main()
