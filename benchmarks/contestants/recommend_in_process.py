"""A worker that recommends without any server: batches of 32 requests, one step after another."""

import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.worker import Line

BATCH = 32


def main() -> None:
    line = Line()
    import torch

    from benchmarks.contestants.recommender import Recommender
    from benchmarks.requests import requests
    from convoy import Batch
    from convoy_services.rpc.recommendation import to_batch

    recommender = Recommender(Path(sys.argv[1]).read_text())
    stages = [(step, recommender.load(step.stage)) for step in recommender.steps]

    def recommend(batch: Batch) -> float:
        columns = recommender.begin(batch)
        for step, stage in stages:
            result = stage.process(recommender.taken(step, columns, batch.rows))
            columns |= recommender.given(step, result)
        return float(columns["pool"].lengths.mean())

    def answer(*, seconds: float, threads: int, candidates: int = 0) -> dict[str, Any]:
        torch.set_num_threads(threads)
        rows = [to_batch(request) for request in requests(candidates)]
        batches = [Batch.concat(rows[i : i + BATCH]) for i in range(0, len(rows), BATCH)]
        recommend(batches[0])
        took: list[float] = []
        pool = 0.0
        began = time.perf_counter()
        while (start := time.perf_counter()) - began < seconds:
            pool = recommend(batches[len(took) % len(batches)])
            took.append(time.perf_counter() - start)
        return {"rate": BATCH * len(took) / sum(took), "seconds": seconds, "candidates": pool}

    line.say(ready=True)
    line.serve(answer)


if __name__ == "__main__":
    main()
