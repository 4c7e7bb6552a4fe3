"""What users had clicked before a moment, and what the moment was."""

import numpy as np
from numpy.typing import NDArray

from convoy.tensor import Index, ascending
from convoy_services.recommendation.model.context import features
from convoy_services.recommendation.model.inputs import HISTORY
from convoy_services.recommendation.model.users import Users
from convoy_services.recommendation.ragged import places
from convoy_services.recommendation.training.log import Log

HOUR = 3600
HOURS = 168
"""Hours of a week: what a context tells of time."""


class History:
    """The clicks of a log, by user and time."""

    def __init__(self, log: Log) -> None:
        """Take a log in any order."""
        clicks = np.flatnonzero(log.click)
        order = clicks[np.lexsort((log.time[clicks], log.user[clicks]))]
        self._item, self._dwell = log.item[order], log.dwell[order]
        self._users, rank = np.unique(log.user[order], return_inverse=True)
        self._begin = int(log.time.min()) if len(log) else 0
        self._span = int(log.time.max(initial=0)) - self._begin + 2
        self._key = rank * self._span + (log.time[order] - self._begin)
        self._contexts: dict[tuple[int, str], dict[int, float]] = {}

    def users(
        self, user: Index, time: Index, device: NDArray[np.str_], before: Index | None = None
    ) -> Users:
        """Give users at moments, with what they clicked before then, or before another moment."""
        rank = np.searchsorted(self._users, user)
        there = np.isin(user, self._users)
        until = np.clip((time if before is None else before) - self._begin, 0, self._span - 1)
        first = np.searchsorted(self._key, rank * self._span)
        end = np.where(there, np.searchsorted(self._key, rank * self._span + until), first)
        lengths = np.minimum(end - first, HISTORY)
        splits = ascending(lengths)
        at = np.repeat(end, lengths) - 1 - places(splits)
        told = [
            self._context(int(hour), str(name))
            for hour, name in zip(time // HOUR % HOURS, device, strict=True)
        ]
        return Users(
            user=user,
            past=self._item[at],
            past_dwell=self._dwell[at],
            past_splits=splits,
            context=np.array([bucket for each in told for bucket in each], np.int64),
            context_weight=np.array([w for each in told for w in each.values()], np.float32),
            context_splits=ascending([len(each) for each in told]),
        )

    def _context(self, hour: int, device: str) -> dict[int, float]:
        if (hour, device) not in self._contexts:
            self._contexts[hour, device] = features(hour * HOUR, device, (), {})
        return self._contexts[hour, device]
