"""What a store must answer, in plain Python."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from convoy_services.recommendation.store import Events, Histories, Kind

SECOND = 1_000_000


class Event(NamedTuple):
    user: int
    item: int
    kind: Kind
    time: int
    seconds: float = 0.0

    @property
    def name(self) -> tuple[int, int, int]:
        return self.time, self.item, self.kind


def shown(user: int, item: int, time: int) -> Event:
    return Event(user, item, Kind.IMPRESSION, time)


def clicked(user: int, item: int, time: int) -> Event:
    return Event(user, item, Kind.CLICK, time)


def watched(user: int, item: int, time: int, seconds: float) -> Event:
    return Event(user, item, Kind.WATCH, time, seconds)


def columns(events: Iterable[Event]) -> Events:
    events = list(events)
    return Events(
        user=np.array([e.user for e in events], np.int64),
        item=np.array([e.item for e in events], np.int64),
        kind=np.array([e.kind for e in events], np.uint8),
        seconds=np.array([e.seconds for e in events], np.float32),
        time=np.array([e.time for e in events], np.int64),
    )


class Model:
    """A store that sorts all that it has each time."""

    def __init__(self, kept: int, half_life: float) -> None:
        self.kept = kept
        self.half_life = half_life
        self.trails: dict[int, dict[tuple[int, int, int], Event]] = {}
        self.counted: list[Event] = []

    def record(self, events: list[Event]) -> None:
        full = {u: min(t) for u, t in self.trails.items() if len(t) == self.kept}
        for event in events:
            trail = self.trails.setdefault(event.user, {})
            known = event.name in trail
            if not known and (event.user not in full or event.name > full[event.user]):
                trail[event.name] = event
                self.counted.append(event)
        for user, trail in self.trails.items():
            names = sorted(trail)[-self.kept :]
            self.trails[user] = {name: trail[name] for name in names}

    def history(self, user: int, most: int) -> list[tuple[int, int, float]]:
        """Item, time and seconds, newest first."""
        told: dict[int, tuple[int, int, float]] = {}
        for event in self._newest(user):
            if event.kind != Kind.IMPRESSION:
                told.setdefault(event.item, (event.item, event.time, self._seconds(event)))
        return list(told.values())[:most]

    def seen(self, user: int, most: int) -> list[int]:
        return list(dict.fromkeys(event.item for event in self._newest(user)))[:most]

    def popular(self, now: int) -> dict[int, float]:
        weights: dict[int, float] = {}
        for event in self.counted:
            if event.kind != Kind.IMPRESSION:
                weight = 2 ** ((event.time - now) / SECOND / self.half_life)
                weights[event.item] = weights.get(event.item, 0) + weight
        return weights

    def _newest(self, user: int) -> list[Event]:
        trail = self.trails.get(user, {}) if user else {}
        return [trail[name] for name in sorted(trail, reverse=True)]

    def _seconds(self, event: Event) -> float:
        watches = [
            e.seconds
            for e in self._newest(event.user)
            if e.item == event.item and e.kind == Kind.WATCH
        ]
        return watches[0] if watches else 0.0


def history(told: Histories, row: int) -> list[tuple[int, int, float]]:
    """Item, time and seconds of a row."""
    part = slice(told.splits[row], told.splits[row + 1])
    found = (told.items[part], told.times[part], told.seconds[part])
    return list(zip(*(column.tolist() for column in found), strict=True))


def seen(told: Histories, row: int) -> list[int]:
    items: list[int] = told.seen[told.seen_splits[row] : told.seen_splits[row + 1]].tolist()
    return items
