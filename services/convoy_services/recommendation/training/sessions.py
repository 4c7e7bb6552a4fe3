"""The log as the nets are trained on it: requests with what they were shown."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convoy.tensor import Index, ascending
from convoy_services.recommendation.model.catalogue import Catalogue
from convoy_services.recommendation.model.counters import WEEK, WIDTH, Counts, numbers
from convoy_services.recommendation.model.users import Users
from convoy_services.recommendation.ragged import owners, places
from convoy_services.recommendation.training.history import History
from convoy_services.recommendation.training.log import DAY, Log, Things

APART = 300
"""Seconds between impressions that begin a new request."""

LONGEST = 20
"""Impressions a request at most: what was clicked is known for the next one."""

SNAPSHOTS = 60
"""At most so many moments at which counters are told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Some requests, with what they were shown, flat; ``row`` says to which request it belongs."""

    users: Users
    row: Index
    item: Index
    """int64: rows of the catalogue."""
    numbers: NDArray[np.float32]
    """float32 [impressions, WIDTH]: what the items' counters said then."""
    click: NDArray[np.bool_]
    dwell: NDArray[np.float32]
    position: NDArray[np.int16]


class Sessions:
    """The requests of a log; a request takes what its user did before it, and nothing after."""

    def __init__(self, log: Log, history: History, catalogue: Catalogue) -> None:
        """Take a log, where the past is looked up, and the items."""
        order = np.lexsort((log.position, log.time, log.user))
        self._log = log = log.take(order)
        self._history = history
        self._item = catalogue.find(log.item)
        new = np.ones(len(log), bool)
        new[1:] = (log.user[1:] != log.user[:-1]) | (np.diff(log.time) > APART)
        first = np.maximum.accumulate(np.where(new, np.arange(len(log)), 0))
        new |= (np.arange(len(log)) - first) % LONGEST == 0
        self._starts = np.append(np.flatnonzero(new), len(log))
        self.time = log.time[self._starts[:-1]]
        """When each request came, int64 seconds."""
        self.user = log.user[self._starts[:-1]]
        """Who asked, int64."""
        self._snapshots = _Snapshots(log, self._item, catalogue)

    def __len__(self) -> int:
        """Count the requests."""
        return len(self._starts) - 1

    def numbers(self, item: Index, time: Index) -> NDArray[np.float32]:
        """Give what the counters of items said at some moments, float32 [n, WIDTH]."""
        return self._snapshots.numbers(item, time)

    def piece(self, which: Index, before: int | None = None) -> Piece:
        """Give some requests, with the past that users had then, or before one moment."""
        starts, lengths = self._starts[which], self._starts[which + 1] - self._starts[which]
        splits = ascending(lengths)
        row = owners(splits)
        at = starts[row] + places(splits)
        log = self._log
        until = None if before is None else np.full(len(which), before)
        return Piece(
            users=self._history.users(
                log.user[starts], log.time[starts], log.device[starts], until
            ),
            row=row,
            item=self._item[at],
            numbers=self.numbers(self._item[at], log.time[at]),
            click=log.click[at],
            dwell=log.dwell[at],
            position=log.position[at],
        )


class _Snapshots:
    """The items' counters at some moments: training is told what was known then."""

    def __init__(self, log: Log, item: Index, catalogue: Catalogue) -> None:
        self._begin = int(log.time.min())
        span = int(log.time.max()) - self._begin + 1
        self._every = max(DAY, -(-span // SNAPSHOTS))
        count = -(-span // self._every)
        self._numbers = np.empty((count, len(catalogue), WIDTH), np.float32)
        step = (log.time - self._begin) // self._every
        order = np.argsort(step, kind="stable")
        bounds = np.searchsorted(step[order], np.arange(count + 1))
        sums = np.zeros((3, len(catalogue)), np.float32)
        for number in range(count):
            now = self._begin + number * self._every
            age = now + self._every // 2 - catalogue.uploaded
            shown, clicked, watched = sums
            known = Counts(shown=shown, clicked=clicked, watched=watched)
            self._numbers[number] = numbers(known, age, catalogue.seconds)
            within = order[bounds[number] : bounds[number + 1]]
            sums *= np.float32(0.5 ** (self._every / WEEK))
            sums += _sums(log.take(within), item[within], len(catalogue), now + self._every)

    def numbers(self, item: Index, time: Index) -> NDArray[np.float32]:
        return self._numbers[(time - self._begin) // self._every, item]


def _sums(log: Log, item: Index, items: int, now: int) -> NDArray[np.float32]:
    """Give impressions, clicks and watched log seconds of each item, float32 [3, items]."""
    weight = 0.5 ** ((now - log.time) / WEEK)
    clicked = weight * log.click
    told = (weight, clicked, clicked * np.log1p(log.dwell))
    return np.stack([np.bincount(item, each, items) for each in told]).astype(np.float32)


def counts(log: Log, catalogue: Catalogue, now: int) -> Counts:
    """Count over the part of a log before a moment."""
    log = log.take(log.time < now)
    shown, clicked, watched = _sums(log, catalogue.find(log.item), len(catalogue), now)
    return Counts(shown=shown, clicked=clicked, watched=watched)


def catalogue(log: Log, things: Things, now: int) -> Catalogue:
    """Make the catalogue as it is at a moment."""
    names = sorted(set(things.category))
    codes = {name: code for code, name in enumerate(names)}
    made = Catalogue(
        ids=things.ids,
        categories=names,
        category=np.array([codes[name] for name in things.category], np.int32),
        uploaded=things.uploaded,
        seconds=things.seconds,
        clicks=np.zeros(len(things.ids), np.float32),
    )
    made.clicks[:] = counts(log, made, now).clicked
    return made
