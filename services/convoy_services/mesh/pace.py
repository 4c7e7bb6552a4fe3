"""How fast a pipeline answers rows, to tell in advance what cannot be in time."""

import math
from collections import deque
from collections.abc import Iterator
from statistics import linear_regression
from typing import NamedTuple

WINDOW = 16
"""How many batches are remembered."""

EVIDENCE = 3
"""With batches of fewer rounds, nothing is held to be too much. Those of one round were under way
at the same time, and may have waited for the same thing; those of the first for connections."""

FRESH = 5.0
"""Seconds for which they tell how fast the pipeline can be."""

SHARE = 0.5
"""The part of the time that its first row has left which a batch may take under way."""

MARGIN = 1.25
"""How much longer than on average a row may take: of those admitted hardly any is to be late."""

OUTLIER = 4.0
"""A batch that took so many times as long as the faster ones, whole and by the row, is not counted
unless most did: one that waits for a replica to start says nothing of those that come after it."""

BRIEF = 0.05
"""Seconds that a batch may keep an urgent row waiting that comes after it left."""

TINY = 1e-9
"""Seconds a row that are as good as none."""

ANY = 1 << 30
"""Rows of a batch while nothing is known."""

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
    at: float
    """When it came back."""
    size: float
    """The mean rows of the batches that came back during its flight, itself among them."""
    cost: float
    """The seconds of its flight, a batch of those."""

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
        self.free = 0
        """The rows that cost no more than a batch does by itself."""

    def __len__(self) -> int:
        return len(self._last)

    def __iter__(self) -> Iterator[_Landing]:
        return iter(self._last)

    def clear(self) -> None:
        self._last.clear()

    def add(self, landing: _Landing) -> None:
        self._last.append(landing)
        usual = self._usual()
        self.per_row = sum(one.seconds for one in usual) / sum(one.rows for one in usual)
        self.flight = sum(one.flight for one in usual) / len(usual)
        self._most = max(one.rows for one in self._last)
        self._fit([one.size for one in usual], [one.cost for one in usual])

    def _fit(self, sizes: list[float], costs: list[float]) -> None:
        """Tell what a batch costs by itself from what a row costs."""
        self._fixed, self._each = 0.0, self.per_row
        self._one_size = min(sizes) == max(sizes)
        if not self._one_size:
            each, fixed = linear_regression(sizes, costs)
            if each < 0:
                self._fixed, self._each = sum(costs) / len(costs), 0.0
            elif fixed > 0:
                self._fixed, self._each = fixed, each
        self.free = min(int(self._fixed / max(self._each, TINY)), 2 * self._most)

    def seconds(self, rows: int) -> float:
        """Estimate how long so many rows take, in batches of up to twice the largest seen."""
        batches = -(-rows // (2 * self._most))
        return min(rows * self.per_row, batches * self._fixed + rows * self._each)

    def rows_in(self, seconds: float) -> int:
        """Give the rows, 1 at least, of a batch that takes about so long.

        It spends no less on rows than it costs by itself. No size is more than twice the largest
        seen, unless it would do at the usual time a row; where all were of one size, another is
        tried.
        """
        rows = (seconds - self._fixed) / max(self._each, TINY)
        if self._one_size:
            rows = 3.0 - self._most
        known = seconds / max(self.per_row, TINY)
        return max(1, int(max(known, min(rows, 2 * self._most))), self.free)

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
        self._rounds = 0
        self._round = -math.inf
        """When the first batch of the last round came back."""

    def land(self, rows: int, left: float, now: float, *, full: bool) -> None:
        """Note a batch that left at ``left`` and came back; ``full`` where it left rows behind.

        ``rows`` are those that were computed: what was too late costs nothing, and tells nothing.
        """
        if not rows:
            return
        sizes = [one.rows for one in self._any if one.at > left] + [rows]
        size, cost = sum(sizes) / len(sizes), (now - left) / len(sizes)
        landing = _Landing(rows, now - max(left, self._landed), now - left, now, size, cost)
        self._landed = now
        self._any.add(landing)
        if full:
            if left - self._landed_full > FRESH:
                self._full.clear()
                self._rounds = 0
            if left >= self._round:
                self._rounds += 1
                self._round = now
            self._full.add(landing)
            self._landed_full = now

    def batch(self, remaining: float, slots: int) -> int:
        """Give the rows, 1 at least, that may travel together with ``remaining`` seconds left.

        With a batch in each of ``slots``, each takes so many times longer (Little's law).
        """
        return self._any.rows_in(remaining * SHARE / slots) if len(self._any) else ANY

    def beside_urgent(self, urgent: int) -> int:
        """Give the rows of others that may travel with so many urgent ones, or before some.

        With them: what costs no more than the batch by itself. Before: a brief time's, 1 at least.
        """
        if urgent:
            return max(0, self._any.free - urgent)
        return self._any.rows_in(BRIEF) if len(self._any) else ANY

    def until_answer(self, ahead: int, now: float) -> float:
        """Estimate the seconds, with a margin, to the answer of a row behind ``ahead`` others."""
        full = self._full
        if self._rounds < EVIDENCE or now - self._landed_full > FRESH + full.flight:
            return 0.0
        return (full.seconds(ahead) + full.flight) * MARGIN

    def until_room(self, rows: int) -> float:
        """Estimate the seconds until so many rows have left the queue."""
        known = self._full if len(self._full) else self._any
        if not known.per_row:
            return UNKNOWN
        return min(max(rows * known.per_row, SHORTEST), LONGEST)
