"""What one request may ask for, whichever protocol it came by."""

MOST_ITEMS = 100
"""Of a list: re-ranking costs its square."""

MOST_CANDIDATES = 1000
"""That a caller gives."""

MOST_POOL = 10_000
"""Candidates of a row that a ranker looks at: 4 kB each."""

LATEST = 253_402_300_799
"""The end of the year 9999, in seconds since the epoch."""

AHEAD = 3600
"""Seconds by which a client's clock may be fast; an event of next year would stay popular."""
