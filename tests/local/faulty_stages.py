"""A stage that goes wrong on demand, and one that never starts."""

import os
import time
from pathlib import Path

import numpy as np

from convoy import Batch
from convoy_services.mesh.column import Column, Columns
from convoy_services.mesh.stage import Inference

VERSION = 1
"""Changed in this file, as a program that is deployed anew is."""

SECONDS = 0.02
"""How long a batch takes, so that some batch is always under way when a process is killed."""


class Work(Inference):
    """Tells the version of its code and its setting; a row may say what goes wrong before."""

    consumes = Columns(data=Column("BYTES"))
    produces = Columns(version=Column("INT64"), setting=Column("INT64"))

    def __init__(self, *, setting: int = 0) -> None:
        self._setting = setting

    def process(self, batch: Batch) -> Batch:
        for element in batch["data"].elements():
            match element.split():
                case [b"bad"]:
                    raise RuntimeError("bad")
                case [b"hang", path] if Path(path.decode()).exists():
                    Path(path.decode()).unlink()
                    time.sleep(3600)
        time.sleep(SECONDS)
        return self.produces.pack(
            rows=batch.rows,
            version=np.full(batch.rows, VERSION),
            setting=np.full(batch.rows, self._setting),
        )


class Exit(Work):
    """Ends its process while it loads, as a library that crashes does."""

    def load(self) -> None:
        os._exit(3)
