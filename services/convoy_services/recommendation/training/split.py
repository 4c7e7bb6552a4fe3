"""Which part of a log is learned from, and which part tells how well that went."""

from dataclasses import dataclass

import numpy as np

from convoy.tensor import Index
from convoy_services.recommendation.training.log import DAY, Log

HELD_OUT = 0.1
"""The share of the users that is not learned from."""

LATER = 1 / 7
"""The share of the days that is not learned from: the last 2 of 14."""

CALIBRATED = 1 / 14
"""The share of the days, before those, that the predictions are calibrated on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Where the log is cut."""

    calibrated: int
    """Seconds since the epoch: nets are trained on what is before, calibrated on what follows."""
    later: int
    """Seconds since the epoch: what is evaluated begins."""
    end: int
    held_out: Index
    """int64: ids of users, ascending."""


def split(log: Log, seed: int) -> Split:
    """Cut a log at days' ends and draw the users that are held out."""
    begin = int(log.time.min()) // DAY
    days = int(log.time.max()) // DAY + 1 - begin
    later = days - max(1, round(days * LATER))
    calibrated = later - max(1, round(days * CALIBRATED))
    users = np.unique(log.user)
    chance = np.random.default_rng(seed)
    drawn = chance.choice(users, max(1, int(len(users) * HELD_OUT)), replace=False)
    return Split(
        calibrated=(begin + calibrated) * DAY,
        later=(begin + later) * DAY,
        end=int(log.time.max()) + 1,
        held_out=np.sort(drawn),
    )
