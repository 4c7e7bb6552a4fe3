"""How long each part of the demo takes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.table import Table


class Clock:
    """How long each part took."""

    def __init__(self) -> None:
        """Start with nothing timed."""
        self._seconds: dict[str, list[float]] = {}

    @contextmanager
    def time(self, what: str) -> Iterator[None]:
        """Time the body; several of one name are averaged."""
        begun = time.perf_counter()
        yield
        self._seconds.setdefault(what, []).append(time.perf_counter() - begun)

    def mean(self, what: str) -> float:
        """Give the mean seconds of one name."""
        return sum(self._seconds[what]) / len(self._seconds[what])

    def table(self) -> Table:
        """Lay the times out."""
        table = Table("what", "time", "")
        for what, seconds in self._seconds.items():
            mean = self.mean(what)
            shown = f"{mean * 1e3:.1f} ms" if mean < 1 else f"{mean:.1f} s"
            table.add_row(what, shown, f"mean of {len(seconds)}" if len(seconds) > 1 else "")
        return table
