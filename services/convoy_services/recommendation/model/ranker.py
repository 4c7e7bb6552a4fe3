"""The two rankers: how likely a click is, and how long is watched after it."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Generic, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from convoy.tensor import Index
from convoy_services.recommendation.model.catalogue import Catalogue
from convoy_services.recommendation.model.inputs import Inputs, inputs
from convoy_services.recommendation.model.net import POSITIONS, Rank, Sizes
from convoy_services.recommendation.model.users import Users
from convoy_services.recommendation.model.version import Card
from convoy_services.recommendation.ragged import owners

AT_ONCE = 2400
"""Candidates computed together, if no row has more."""

LONGEST = 86_400.0
"""Seconds: no expected dwell is longer."""


class ClickNet(Rank):
    """The logit of a click, with what its position in the list added when it was shown.

    The position's part is shallow and left out when serving (Zhao et al. 2019, "Recommending what
    video to watch next"): predictions are for the first position. ``slope`` and ``intercept``
    calibrate (Platt 1999).
    """

    slope: Tensor
    intercept: Tensor

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes, heads=1)
        self.position = nn.Parameter(torch.zeros(POSITIONS))
        self.register_buffer("slope", torch.ones(()))
        self.register_buffer("intercept", torch.zeros(()))

    def shown(self, position: Tensor) -> Tensor:
        """Give what positions add to the logit; 0 for the first, and for those not known (-1)."""
        return self.position[position.clamp(0, POSITIONS - 1)] * (position > 0)


class DwellNet(Rank):
    """The mean and the logarithm of the deviation of log seconds: a log-normal.

    ``scale`` calibrates the expected value.
    """

    scale: Tensor
    middle: Tensor
    """The mean of log seconds over the log."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes, heads=2)
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("middle", torch.zeros(()))

    def expected(self, told: Tensor) -> Tensor:
        """Give the expected seconds for what ``forward`` told."""
        log = told[:, 0] + self.middle + torch.exp(2 * self.deviation(told)) / 2
        return (torch.exp(log) * self.scale).clamp(max=LONGEST)

    @staticmethod
    def deviation(told: Tensor) -> Tensor:
        """Give the logarithm of the deviation, within bounds."""
        return told[:, 1].clamp(-3, 1)


N = TypeVar("N", bound=Rank)


class Ranker(ABC, Generic[N]):
    """A net of one version, with what it needs to take users by their ids."""

    def __init__(self, net: N, catalogue: Catalogue, prior: float) -> None:
        """Take what is said of an item that there is not, too."""
        self._net = net.eval()
        self._catalogue = catalogue
        self._known = net.people.known.numpy()
        self._prior = np.float32(prior)

    def predict(self, users: Users, items: Index, splits: Index) -> NDArray[np.float32]:
        """Give a number for each candidate, float32 [candidates].

        ``items`` are rows of the catalogue, flat, -1 for an item that there is not; row i of the
        users has those from ``splits[i]`` to ``splits[i + 1]``.
        """
        if not len(items):
            return np.zeros(0, np.float32)
        there = items >= 0
        with torch.inference_mode():
            given = inputs(users, self._known, self._catalogue)
            rows = torch.from_numpy(np.where(there, items, len(self._catalogue)))
            told = torch.cat(
                [
                    self._tell(
                        given.part(start, end),
                        rows[splits[start] : splits[end]],
                        torch.from_numpy(owners(splits[start : end + 1])),
                    )
                    for start, end in _parts(splits)
                ]
            ).numpy()
        return np.where(there, told, self._prior).astype(np.float32)

    @abstractmethod
    def _tell(self, given: Inputs, items: Tensor, row: Tensor) -> Tensor:
        """Give a number for each candidate; ``row`` says whose it is."""


def _parts(splits: Index) -> Iterator[tuple[int, int]]:
    """Cut rows into parts of about so many candidates as stay in the processor's cache."""
    start, rows = 0, len(splits) - 1
    while start < rows:
        end = int(np.searchsorted(splits, splits[start] + AT_ONCE, side="right")) - 1
        end = min(max(end, start + 1), rows)
        yield start, end
        start = end


class Clicks(Ranker[ClickNet]):
    """The probability that a candidate is clicked when it is shown first."""

    @classmethod
    def load(cls, folder: Path, threads: int) -> Self:
        """Read a version's folder; torch computes with so many threads. Raises OSError."""
        torch.set_num_threads(threads)
        net = ClickNet(Sizes.load(folder))
        net.restore(folder, "click")
        return cls(net, Catalogue.load(folder), Card.load(folder).priors["p_click"])

    def _tell(self, given: Inputs, items: Tensor, row: Tensor) -> Tensor:
        logit = self._net(given, items, row)[:, 0]
        return torch.sigmoid(self._net.slope * logit + self._net.intercept)


class Dwell(Ranker[DwellNet]):
    """The expected seconds that a candidate is watched once it is clicked."""

    @classmethod
    def load(cls, folder: Path, threads: int) -> "Dwell | Constant":
        """Read a version's folder; one without play times predicts its prior. Raises OSError."""
        prior = Card.load(folder).priors["dwell"]
        if not (folder / "dwell.safetensors").is_file():
            return Constant(prior)
        torch.set_num_threads(threads)
        net = DwellNet(Sizes.load(folder))
        net.restore(folder, "dwell")
        return cls(net, Catalogue.load(folder), prior)

    def _tell(self, given: Inputs, items: Tensor, row: Tensor) -> Tensor:
        return self._net.expected(self._net(given, items, row))


class Constant:
    """What stands in for a ranker that could not be trained: the same number for all."""

    def __init__(self, value: float) -> None:
        """Take the number."""
        self._value = np.float32(value)

    def predict(self, users: Users, items: Index, splits: Index) -> NDArray[np.float32]:
        """Give the number for each candidate, float32 [candidates]."""
        return np.full(len(items), self._value)
