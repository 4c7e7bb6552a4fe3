"""What a feature store does, whatever keeps it."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from convoy_services.recommendation.store import popularity
from convoy_services.recommendation.store.events import Events
from convoy_services.recommendation.store.histories import Histories, Index
from convoy_services.recommendation.store.popularity import Levels
from convoy_services.recommendation.store.trail import pack, tell

KEPT = 2_000
"""Events of a user that are kept by default: the newest."""

HALF_LIFE = 604_800.0
"""Seconds in which popularity halves by default: a week."""

TIMEOUT = 2.0
"""Seconds that a call may take by default; of a file, that it waits for other writers."""

NOBODY = 0
"""The user without a history: of whom nothing is known."""

VERSION = 1
"""Of what stores keep; another is refused."""


class StoreUnavailable(Exception):
    """The store does not work now: its file, disk or server fails. It may come back."""


class FeatureStore(ABC):
    """What users did and what is popular, for many rows in one round trip.

    One thread calls it. Several processes may have the same store open. Every method raises
    StoreUnavailable when the store fails, and works again when the store does.
    """

    def __init__(self, *, kept: int = KEPT, half_life: float = HALF_LIFE) -> None:
        """Keep so many events a user, and let popularity halve in so many seconds.

        Popularity is counted as events come, so that all who open a store must agree on its
        half-life: ValueError where another is in the store.
        """
        if kept < 1:
            raise ValueError("kept: at least 1 event a user")
        if not 0 < half_life < float("inf"):
            raise ValueError("half_life: seconds, more than 0")
        self._kept = kept
        self._half_life = float(half_life)

    def record(self, events: Events) -> None:
        """Take all events or none; they are in the store when this returns.

        An event that is there already changes nothing, so that a batch may be sent again. One
        older than all of a full trail is not taken.
        """
        if len(events):
            self._add(pack(events))

    def histories(self, users: Index, most: int, most_seen: int = 1_000) -> Histories:
        """Tell of each row's user the newest engagements and the items seen, so many at most.

        Nothing is known of ``NOBODY`` and of users that there are not.
        """
        asked = np.unique(users[users != NOBODY]).tolist()
        known = dict(zip(asked, self._read(asked), strict=True)) if asked else {}
        nothing: tuple[bytes, tuple[str, ...]] = (b"", ())
        rows = [known.get(user, nothing) for user in users.tolist()]
        tags = [tags for _, tags in rows]
        return tell([trail for trail, _ in rows], tags, most=most, most_seen=most_seen)

    def popular(self, now: int, most: int) -> tuple[Index, NDArray[np.float32]]:
        """Give the items with the most clicks and watches, the most first, ties by id.

        With each item its weight at ``now`` (microseconds since the epoch): an event weighs 1
        when it happens, and half after each half-life.
        """
        items, levels = self._top(most) if most > 0 else (np.empty(0, np.int64), np.empty(0))
        order = popularity.rank(items, levels)
        return items[order], popularity.weigh(levels[order], now, self._half_life)

    @abstractmethod
    def put_users(self, users: Index, tags: Sequence[Sequence[str]]) -> None:
        """Say of each user what is so for long, as tags like ``country=de``; replaces all tags."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the file or server; a second time does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @abstractmethod
    def _add(self, records: dict[int, list[bytes]]) -> None:
        """Insert each user's records, in order, and count those that are new."""

    @abstractmethod
    def _read(self, users: list[int]) -> list[tuple[bytes, tuple[str, ...]]]:
        """Give each user's trail and tags."""

    @abstractmethod
    def _top(self, most: int) -> tuple[Index, Levels]:
        """Give the items of the highest levels, of equal ones those of the lowest ids."""
