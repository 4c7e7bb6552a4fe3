"""What every contestant serves: three steps, each from a list of rows to a list of rows.

The embedding's peers run the very engine that the mesh runs. They pad a batch to its longest
text, as such servers do; ``sort`` gives them what the mesh's encode stage does, too.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MODEL = "all-MiniLM-L6-v2"
MAX_TOKENS = 256

Step = Callable[[list[Any]], list[Any]]
Ids = list[int]
Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Work:
    """What to serve; in words that fit on a command line."""

    name: str
    engine: str = ""
    precision: str = ""
    sort: str = ""

    @property
    def args(self) -> tuple[str, ...]:
        return (self.name, self.engine, self.precision, self.sort)

    def step(self, number: int) -> Step:
        """Load step 0, 1 or 2."""
        if self.name == "echo":
            return lambda rows: rows
        if number == 0:
            return tokenizer()
        if number == 1:
            return encoder(self.engine, self.precision, sort=bool(self.sort))
        return normalize

    @property
    def heavy(self) -> tuple[bool, bool, bool]:
        """Which steps would hold up an event loop."""
        return (False, False, False) if self.name == "echo" else (True, True, False)


def tokenizer() -> Step:
    from pathlib import Path

    from tokenizers import Tokenizer

    from convoy_services.embedding.model import locate

    found = Tokenizer.from_file(str(Path(locate(MODEL)) / "tokenizer.json"))
    found.no_padding()
    found.enable_truncation(MAX_TOKENS)
    return lambda rows: [encoding.ids for encoding in found.encode_batch_fast(rows)]


def encoder(engine: str, precision: str, *, sort: bool) -> Step:
    """Load an engine with one thread; the step knows its precision as ``step.precision``."""
    from convoy_services.embedding.engines import open_engine, warm
    from convoy_services.embedding.engines.cut import cut
    from convoy_services.embedding.model import locate

    opened = open_engine(engine, locate(MODEL), precision, threads=1, device="cpu")
    warm(opened)

    def encode(rows: list[Ids]) -> list[Vector]:
        if not sort:
            return list(opened.encode(*pad(rows)))
        vectors: list[Any] = [None] * len(rows)
        for part in cut(np.array([len(row) for row in rows])):
            some = part.tolist()
            for i, vector in zip(some, opened.encode(*pad([rows[i] for i in some])), strict=True):
                vectors[i] = vector
        return vectors

    encode.precision = opened.precision  # type: ignore[attr-defined]
    return encode


def pad(rows: list[Ids]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Lay rows of ids out as ids and mask, both [rows, longest]."""
    longest = max(map(len, rows))
    ids = np.zeros((len(rows), longest), np.int64)
    mask = np.zeros_like(ids)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = row
        mask[i, : len(row)] = 1
    return ids, mask


def normalize(rows: list[Vector]) -> list[Vector]:
    vectors = np.array(rows)
    return list(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
