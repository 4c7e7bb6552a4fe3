"""How fast a pipeline answers rows, to tell in advance what cannot be in time."""

import math

MEMORY = 2.0
"""Seconds of work after which what was seen counts for about a third."""

FULL = 5.0
"""Seconds for which a batch that left others behind tells how fast the pipeline can be."""

SHARE = 0.5
"""The part of the time that its first row has left which a batch may take under way."""

MARGIN = 1.25
"""How much longer than on average a row may take: of those admitted hardly any is to be late."""

OUTLIER, BELIEVED = 4.0, 4
"""A batch under way for so many times the average is not counted, unless so many come in a row:
one that waits for a replica to start again says nothing of those that come after it."""

SHORTEST, LONGEST = 0.01, 30.0
"""Seconds: the bounds of what is told to those who are to come back."""

UNKNOWN = 0.1
"""Seconds told to them while nothing is known."""


class Pace:
    """Exponentially weighted averages over the batches that came back: rows a second, flight.

    Only time in which a batch was under way counts. What could be done beyond what was asked
    shows only in batches that left others behind; without such, nothing is held to be too much.
    """

    def __init__(self) -> None:
        """Begin without knowledge."""
        self._rows = 0.0
        self._seconds = 0.0
        self._flight = 0.0
        self._outliers = 0
        self._landed = -math.inf
        self._full = -math.inf

    def land(self, rows: int, left: float, now: float, *, full: bool) -> None:
        """Note a batch that left at ``left`` and came back; ``full`` where it left rows behind."""
        seconds, flight = now - max(left, self._landed), now - left
        self._landed = now
        if self._flight and flight > OUTLIER * self._flight:
            self._outliers += 1
            if self._outliers < BELIEVED:
                return
        else:
            self._outliers = 0
        fading = math.exp(-seconds / MEMORY)
        self._rows = self._rows * fading + rows
        self._seconds = self._seconds * fading + seconds
        self._flight = self._flight * fading + flight * (1 - fading) if self._flight else flight
        if full:
            self._full = now

    def batch(self, remaining: float, slots: int) -> int:
        """Give the rows, 1 at least, that may travel together with ``remaining`` seconds left.

        With a batch in each of ``slots``, each takes so many times longer (Little's law).
        """
        if not self._seconds:
            return 1 << 30
        return max(1, int(self._rows / self._seconds * remaining * SHARE / slots))

    def until_answer(self, ahead: int, now: float) -> float:
        """Estimate the seconds, with a margin, to the answer of a row behind ``ahead`` others."""
        if now - self._full > FULL:
            return 0.0
        return (ahead * self._seconds / self._rows + self._flight) * MARGIN

    def until_room(self, rows: int) -> float:
        """Estimate the seconds until so many rows have left the queue."""
        if not self._rows:
            return UNKNOWN
        return min(max(rows * self._seconds / self._rows, SHORTEST), LONGEST)
