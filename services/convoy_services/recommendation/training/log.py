"""A log of what was shown, clicked and watched, as columns."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from convoy.tensor import Index

DAY = 86_400
"""Seconds."""

AHEAD = 30 * DAY
"""Seconds by which clocks may differ."""


class DataError(ValueError):
    """The data cannot be used; says the file, the column and the row, counted from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """One impression a row, in the order of time."""

    user: Index
    item: Index
    """int64: ids of ``Catalog`` items."""
    time: Index
    """int64: seconds since the epoch, UTC."""
    click: NDArray[np.bool_]
    dwell: NDArray[np.float32]
    """float32: seconds watched; 0 where that is not known."""
    position: NDArray[np.int16]
    """int16: 0 first, -1 unknown."""
    device: NDArray[np.str_]
    """Empty where unknown."""

    def __len__(self) -> int:
        """Count the impressions."""
        return len(self.user)

    @property
    def timed(self) -> bool:
        """Whether play times are known."""
        return bool(self.dwell.any())

    def take(self, which: Index | NDArray[np.bool_]) -> Self:
        """Give some of the rows."""
        return replace(self, **{f.name: getattr(self, f.name)[which] for f in fields(self)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Things:
    """The items of a log, by ascending id."""

    ids: Index
    category: Sequence[str]
    """The name of each item's category; empty where unknown."""
    uploaded: Index
    """int64: seconds since the epoch."""
    seconds: NDArray[np.float32]
    """float32: how long each plays; 0 where unknown."""
    title: Sequence[str]
    """Empty where there are no titles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """What a reader gives."""

    name: str
    """The reader's name and the folder's."""
    log: Log
    things: Things
    sha256: str
    """Of the files read, in order."""
    shown: bool = True
    """Whether the log holds all that was shown, not only what users chose."""


def data(name: str, log: Log, things: Things, sha256: str) -> Data:
    """Put what was read in order; raises DataError where an impression's item is not known."""
    order = np.lexsort((log.item, log.user, log.time))
    log = log.take(order)
    missing = np.setdiff1d(log.item, things.ids)
    if len(missing):
        raise DataError(f"{name}: item {missing[0]} was shown and is not among the items")
    if not len(log):
        raise DataError(f"{name}: the log is empty")
    if log.time.max() > time.time() + AHEAD:
        raise DataError(f"{name}: times lie in the future; are they seconds, or milliseconds?")
    return Data(name=name, log=log, things=sorted_things(name, things), sha256=sha256)


def sorted_things(name: str, things: Things) -> Things:
    """Put items in the order of their ids; raises DataError where one comes twice."""
    order = np.argsort(things.ids, kind="stable")
    ids = things.ids[order]
    twice = np.flatnonzero(ids[1:] == ids[:-1])
    if len(twice):
        raise DataError(f"{name}: item {ids[twice[0]]} is there twice")
    return Things(
        ids=ids,
        category=[things.category[row] for row in order],
        uploaded=things.uploaded[order],
        seconds=things.seconds[order],
        title=[things.title[row] for row in order] if len(things.title) else [],
    )
