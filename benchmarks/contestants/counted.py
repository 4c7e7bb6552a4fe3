"""An echo stage that counts its batches, for the profile: how many rows travel together?"""

import json
import time
from pathlib import Path

from convoy import Batch
from convoy_services.echo.stages import Reflect

EVERY = 0.2
"""Seconds between two notes of the counts."""


class Counted(Reflect):
    def __init__(self, *, file: str) -> None:
        self._file = Path(file)
        self._batches = self._rows = 0
        self._noted = 0.0

    def process(self, batch: Batch) -> Batch:
        self._batches += 1
        self._rows += batch.rows
        if (now := time.monotonic()) - self._noted > EVERY:
            self._noted = now
            self._file.write_text(json.dumps([self._batches, self._rows]))
        return batch
