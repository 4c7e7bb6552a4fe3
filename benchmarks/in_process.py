"""A worker that embeds without any server: what the engine itself can do on one thread.

``sorted`` has hundreds of texts at once, sorts them and pads batches of 16. ``ideal`` cuts them
into the batches that cost least; no server that answers while texts arrive can be quicker.
``alone`` has one text after another.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.worker import Line

AT_ONCE = 320
"""Texts that are sorted: ten times as many as are in flight, and a few seconds of work."""
BATCH = 16


def main() -> None:
    line = Line()
    os.environ |= {"RAYON_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    import numpy as np

    from benchmarks.contestants.work import Work, normalize
    from benchmarks.texts import texts

    work = Work("embed", sys.argv[1], sys.argv[2], sort="sort")
    tokenize, encode = work.step(0), work.step(1)
    encode_padded = Work("embed", sys.argv[1], sys.argv[2]).step(1)
    rows = texts()
    ids = tokenize(rows)

    def embed(some: Sequence[str]) -> list[Any]:
        return normalize(encode(tokenize(list(some))))

    def in_batches(some: Sequence[str]) -> None:
        tokens = sorted(tokenize(list(some)), key=len)
        for start in range(0, len(tokens), BATCH):
            normalize(encode_padded(tokens[start : start + BATCH]))

    def batches(seconds: float) -> dict[str, float]:
        took = _repeat(lambda _: in_batches(rows[:AT_ONCE]), seconds)
        return {"rate": AT_ONCE * len(took) / sum(took)}

    def ideal(seconds: float) -> dict[str, float]:
        took = _repeat(lambda _: embed(rows[:AT_ONCE]), seconds)
        return {"rate": AT_ONCE * len(took) / sum(took)}

    def alone(seconds: float) -> dict[str, float]:
        took = _repeat(lambda i: embed([rows[i % len(rows)]]), seconds)
        return {"p50_ms": statistics.median(took) * 1e3, "rate": len(took) / sum(took)}

    def model(seconds: float) -> dict[str, float]:
        took = _repeat(lambda i: encode([ids[i % len(ids)]]), seconds)
        return {"p50_ms": statistics.median(took) * 1e3, "rate": len(took) / sum(took)}

    def answer(*, what: str, seconds: float = 0.0, file: str = "") -> dict[str, Any]:
        if what == "reference":
            np.save(file, np.array(embed(rows), np.float32))
            return {"file": file}
        return {"sorted": batches, "ideal": ideal, "alone": alone, "model": model}[what](seconds)

    line.say(precision=encode.precision)  # type: ignore[attr-defined]
    line.serve(answer)


def _repeat(once: Callable[[int], Any], seconds: float) -> list[float]:
    took: list[float] = []
    began = time.perf_counter()
    while (start := time.perf_counter()) - began < seconds or not took:
        once(len(took))
        took.append(time.perf_counter() - start)
    return took


if __name__ == "__main__":
    main()
