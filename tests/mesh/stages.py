"""Stages that misbehave on demand."""

import time

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
            if element.startswith(b"sleep "):
                time.sleep(float(element.removeprefix(b"sleep ")))
        return batch


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
