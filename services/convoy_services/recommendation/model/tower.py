"""Two towers: users and items to vectors whose inner product tells what fits.

Yi et al. 2019, "Sampling-bias-corrected neural modeling for large corpus item recommendations".
"""

from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from convoy_services.recommendation.model.catalogue import Catalogue
from convoy_services.recommendation.model.counters import WIDTH
from convoy_services.recommendation.model.inputs import Inputs, inputs
from convoy_services.recommendation.model.net import (
    CONTEXT,
    ITEM,
    USER,
    Items,
    Net,
    People,
    Sizes,
)
from convoy_services.recommendation.model.users import Users

VECTOR = 64
"""Numbers of a vector."""


class TowerNet(Net):
    """Both towers; vectors have length one, and a logit is their product over a temperature."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.items = Items(sizes)
        self.people = People(sizes, forget=0.8)
        self.of_item = nn.Sequential(nn.Linear(ITEM + WIDTH, 96), nn.ReLU(), nn.Linear(96, VECTOR))
        self.of_user = nn.Sequential(
            nn.Linear(2 * ITEM + USER + CONTEXT + 1, 128), nn.ReLU(), nn.Linear(128, VECTOR)
        )
        self.straight = nn.Linear(ITEM, VECTOR, bias=False)
        self.cold = nn.Parameter(torch.tensor(2.5))

    def item(
        self, rows: Tensor, numbers: Tensor | None = None, own: Tensor | None = None
    ) -> Tensor:
        """Give float32 [items, VECTOR]; the arguments as ``Rank.forward`` takes them."""
        vector = self.items(rows, own)
        told = self.items.numbers[rows] if numbers is None else numbers
        both = self.of_item(torch.cat([vector, told], dim=1)) + self.straight(vector)
        return nn.functional.normalize(both, dim=1)

    def user(self, given: Inputs) -> Tensor:
        """Give float32 [rows, VECTOR]."""
        past = self.items(given.past, given.own)
        weight = given.filled * (1 + given.dwell)
        mean = _mean(past, weight)
        newest = _mean(past[:, :10], weight[:, :10])
        length = torch.log1p(given.filled.sum(1, keepdim=True)) / 2 - 1
        known = torch.cat([mean, newest, self.people(given), length], dim=1)
        return nn.functional.normalize(self.of_user(known) + self.straight(mean), dim=1)

    def temper(self, products: Tensor) -> Tensor:
        """Give the logits of inner products."""
        return products * torch.exp(self.cold)


class Tower:
    """The users' tower of one version."""

    def __init__(self, net: TowerNet, catalogue: Catalogue) -> None:
        """Take a trained net and the items it was trained on."""
        self._net = net.eval()
        self._catalogue = catalogue
        self._known = net.people.known.numpy()

    @classmethod
    def load(cls, folder: Path, threads: int) -> Self:
        """Read a version's folder; torch computes with so many threads. Raises OSError."""
        torch.set_num_threads(threads)
        net = TowerNet(Sizes.load(folder))
        net.restore(folder, "tower")
        return cls(net, Catalogue.load(folder))

    def embed(self, users: Users) -> NDArray[np.float32]:
        """Give float32 [rows, VECTOR], each of length one."""
        with torch.inference_mode():
            vectors: NDArray[np.float32] = self._net.user(
                inputs(users, self._known, self._catalogue)
            ).numpy()
        return vectors

    def vectors(self) -> NDArray[np.float32]:
        """Give the items' vectors, float32 [items, VECTOR], each of length one."""
        with torch.inference_mode():
            rows = torch.arange(len(self._catalogue))
            pieces = [self._net.item(piece) for piece in torch.split(rows, 65_536)]
            vectors: NDArray[np.float32] = torch.cat(pieces).numpy()
        return vectors


def _mean(past: Tensor, weight: Tensor) -> Tensor:
    total = (past * weight[..., None]).sum(1)
    return total / weight.sum(1, keepdim=True).clamp(min=1)
