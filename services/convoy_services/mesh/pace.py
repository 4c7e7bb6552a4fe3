"""How fast a pipeline answers rows, to tell in advance what cannot be in time."""

import math
from collections import deque
from typing import NamedTuple

WINDOW = 16
"""How many batches are remembered."""

EVIDENCE = 2
"""With fewer, nothing is held to be too much."""

FRESH = 5.0
"""Seconds for which they tell how fast the pipeline can be."""

SHARE = 0.5
"""The part of the time that its first row has left which a batch may take under way."""

MARGIN = 1.25
"""How much longer than on average a row may take: of those admitted hardly any is to be late."""

OUTLIER = 4.0
"""A batch that took so many times as long as the faster ones, whole and by the row, is not counted
unless most did: one that waits for a replica to start says nothing of those that come after it."""

SHORTEST, LONGEST = 0.01, 30.0
"""Seconds: the bounds of what is told to those who are to come back."""

UNKNOWN = 0.1
"""Seconds told to them while nothing is known."""


class _Landing(NamedTuple):
    rows: int
    seconds: float
    """Since the batch left or another came back, whichever was later."""
    flight: float
    """Seconds since it left."""

    @property
    def per_row(self) -> float:
        return self.flight / self.rows


class _Window:
    """The last batches, without the outliers."""

    def __init__(self) -> None:
        self._last: deque[_Landing] = deque(maxlen=WINDOW)
        self.per_row = 0.0
        """Seconds a row; 0 while nothing is known."""
        self.flight = 0.0
        """Seconds a batch."""

    def __len__(self) -> int:
        return len(self._last)

    def clear(self) -> None:
        self._last.clear()

    def add(self, landing: _Landing) -> None:
        self._last.append(landing)
        usual = self._usual()
        self.per_row = sum(one.seconds for one in usual) / sum(one.rows for one in usual)
        self.flight = sum(one.flight for one in usual) / len(usual)

    def _usual(self) -> list[_Landing]:
        """Leave the outliers out, as seen from the faster quarter."""
        quarter = (len(self._last) - 1) // 4
        flight = OUTLIER * sorted(one.flight for one in self._last)[quarter]
        per_row = OUTLIER * sorted(one.per_row for one in self._last)[quarter]
        return [one for one in self._last if one.flight <= flight or one.per_row <= per_row]


class Pace:
    """Averages over the last batches that came back.

    What could be done beyond what was asked shows only in batches that left others behind;
    without such, nothing is held to be too much.
    """

    def __init__(self) -> None:
        """Begin without knowledge."""
        self._any = _Window()
        self._full = _Window()
        self._landed = -math.inf
        self._landed_full = -math.inf

    def land(self, rows: int, left: float, now: float, *, full: bool) -> None:
        """Note a batch that left at ``left`` and came back; ``full`` where it left rows behind.

        ``rows`` are those that were computed: what was too late costs nothing, and tells nothing.
        """
        if not rows:
            return
        landing = _Landing(rows, now - max(left, self._landed), now - left)
        self._landed = now
        self._any.add(landing)
        if full:
            if left - self._landed_full > FRESH:
                self._full.clear()
            self._full.add(landing)
            self._landed_full = now

    def batch(self, remaining: float, slots: int) -> int:
        """Give the rows, 1 at least, that may travel together with ``remaining`` seconds left.

        With a batch in each of ``slots``, each takes so many times longer (Little's law).
        """
        if not self._any.per_row:
            return 1 << 30
        return max(1, int(remaining * SHARE / (self._any.per_row * slots)))

    def until_answer(self, ahead: int, now: float) -> float:
        """Estimate the seconds, with a margin, to the answer of a row behind ``ahead`` others."""
        full = self._full
        if len(full) < EVIDENCE or now - self._landed_full > FRESH + full.flight:
            return 0.0
        return (ahead * full.per_row + full.flight) * MARGIN

    def until_room(self, rows: int) -> float:
        """Estimate the seconds until so many rows have left the queue."""
        known = self._full if len(self._full) else self._any
        if not known.per_row:
            return UNKNOWN
        return min(max(rows * known.per_row, SHORTEST), LONGEST)
