"""A stage that takes a fixed time for each row, whatever else the machine does."""

import time

from convoy import Batch
from convoy_services.mesh.column import Column, Columns
from convoy_services.mesh.stage import Inference


class Sleeper(Inference):
    consumes = produces = Columns(data=Column("BYTES"))

    def __init__(self, *, seconds: float) -> None:
        self._seconds = seconds

    def process(self, batch: Batch) -> Batch:
        time.sleep(self._seconds * batch.rows)
        return batch
