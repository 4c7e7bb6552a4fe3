"""Stages that misbehave on demand."""

import time
from pathlib import Path

import numpy as np

from convoy import Batch
from convoy_services.mesh.column import Column, Columns
from convoy_services.mesh.stage import Inference, Preprocess

DATA = Columns(data=Column("BYTES"))


class Fussy(Inference):
    """Raises for the whole batch when one row says ``bad``, sleeps as long as one says."""

    consumes = produces = DATA

    def process(self, batch: Batch) -> Batch:
        for element in batch["data"].elements():
            if element == b"bad":
                raise RuntimeError("secret: /etc/passwd")
            if element.startswith(b"wait for "):
                _wait_for(element.removeprefix(b"wait for ").decode())
            if element.startswith(b"sleep "):
                time.sleep(float(element.removeprefix(b"sleep ")))
        return batch


class Reverse(Preprocess):
    """Reverses the words of each row: words BYTES [-1] → reversed BYTES [-1]."""

    consumes = Columns(words=Column("BYTES", [-1]))
    produces = Columns(reversed=Column("BYTES", [-1]))

    def process(self, batch: Batch) -> Batch:
        rows = [words[::-1] for words in batch["words"].tolist()]
        return self.produces.pack(rows=batch.rows, reversed=rows)


def _wait_for(path: str) -> None:
    """Wait for a file; its path is in hex, for no reply of the suite may hold one."""
    file = Path(bytes.fromhex(path).decode())
    deadline = time.monotonic() + 50
    while not file.exists() and time.monotonic() < deadline:
        time.sleep(0.02)


class Measure(Preprocess):
    """Gives the length of each row, and whether it is long."""

    consumes = DATA
    produces = Columns(length=Column("INT64"), long=Column("BOOL"))

    def process(self, batch: Batch) -> Batch:
        lengths = np.diff(batch["data"].offsets)
        return self.produces.pack(rows=batch.rows, length=lengths, long=lengths > 3)


class Double(Inference):
    """Doubles a number."""

    consumes = Columns(length=Column("INT64"))
    produces = Columns(doubled=Column("INT64"))

    def process(self, batch: Batch) -> Batch:
        return self.produces.pack(rows=batch.rows, doubled=batch["length"].array * 2)


class Mean(Preprocess):
    """Averages the points of each row: points FP32 [-1, 2], name BYTES [] → mean FP32 [2]."""

    consumes = Columns(
        points=Column("FP32", [-1, 2], finite=True), name=Column("BYTES", default="")
    )
    produces = Columns(mean=Column("FP32", [2]))

    def process(self, batch: Batch) -> Batch:
        rows = [np.mean(points or [[0, 0]], axis=0) for points in batch["points"].tolist()]
        return self.produces.pack(rows=batch.rows, mean=np.array(rows, np.float32))
