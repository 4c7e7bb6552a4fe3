"""Token ids to one vector a row."""

import numpy as np
from numpy.typing import NDArray

from convoy import Batch, Tensor
from convoy.errors import invalid
from convoy.tensor import Index
from convoy_services.embedding.engines import Engine, open_engine, warm
from convoy_services.embedding.engines.cut import cut
from convoy_services.embedding.model import dimensions, locate, settings
from convoy_services.mesh.column import Column, Columns
from convoy_services.mesh.stage import Divisible, Inference


class Encode(Divisible, Inference):
    """An encoder, its tokens pooled where they are: input_ids INT64 [-1] → pooled FP32 [d].

    What waits is sorted by length and cut by a budget of tokens, padding included, so that
    little is computed for nothing. The threads are the replica's CPUs; a GPU is used where Ray
    gives one.
    """

    consumes = Columns(input_ids=Column("INT64", [-1]))
    cpus = 1

    def __init__(
        self,
        *,
        model: str,
        engine: str = "torch",
        precision: str = "auto",
        token_budget: int = 1024,
    ) -> None:
        """Take a Hugging Face encoder by hub id or folder; see ``engines`` for the choices."""
        self._model = model
        self._engine_name = engine
        self._precision = precision
        self._token_budget = token_budget
        config = settings(model)
        self._vocabulary: int = config.get("vocab_size", 1 << 31)
        self._longest: int = config.get("max_position_embeddings", 1 << 20)
        self.produces = Columns(pooled=Column("FP32", [dimensions(model)]))

    def load(self) -> None:
        """Bring the weights in; raises ValueError for settings that there are not, OSError."""
        self._engine: Engine = open_engine(
            self._engine_name,
            locate(self._model),
            self._precision,
            threads=max(1, int(self.cpus)),
            device="cuda" if self.gpus else "cpu",
        )

    def warm(self) -> None:
        """Encode once, so that no caller pays for the first time."""
        warm(self._engine)

    def cut(self, batch: Batch) -> list[Index]:
        """Cut by length; see ``engines.cut``."""
        lengths = batch["input_ids"].lengths.clip(1, self._longest)
        return cut(lengths, token_budget=self._token_budget)

    def process(self, batch: Batch) -> Batch:
        """Encode all rows, padded to the longest."""
        tokens = batch["input_ids"]
        pooled = np.zeros((batch.rows, self._engine.dimensions), np.float32)
        fine = self._fits(tokens)
        filled = np.flatnonzero(fine)
        if len(filled):
            pooled[filled] = self._engine.encode(*pad(tokens, filled))
        wrong = f"take 1 to {self._longest} tokens, each from 0 to {self._vocabulary - 1}"
        failures = dict.fromkeys(np.flatnonzero(~fine).tolist(), invalid("input_ids", wrong))
        return self.produces.pack(rows=batch.rows, failures=failures, pooled=pooled)

    def _fits(self, tokens: Tensor) -> NDArray[np.bool_]:
        """Tell the rows that the model can take: of others an engine would read foreign memory."""
        strange = np.flatnonzero((tokens.data < 0) | (tokens.data >= self._vocabulary))
        assert tokens.splits is not None
        rows = np.searchsorted(tokens.splits, strange, side="right") - 1
        fits = (tokens.lengths >= 1) & (tokens.lengths <= self._longest)
        fits[rows] = False
        return fits


def pad(tokens: Tensor, index: Index) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Lay some ragged rows out as ids and mask, both int64 [rows, longest]."""
    rows = tokens.take(index)
    lengths = rows.lengths
    mask = np.arange(lengths.max(initial=1)) < lengths[:, None]
    ids = np.zeros(mask.shape, np.int64)
    ids[mask] = rows.data
    return ids, mask.astype(np.int64)
