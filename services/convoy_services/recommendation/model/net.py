"""The parts that the nets share, in torch.

Items are rows of the catalogue; the row after the last is the item that nothing is known of.
"""

import json
from dataclasses import asdict, dataclass
from math import sqrt
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from convoy_services.recommendation.model.catalogue import Catalogue
from convoy_services.recommendation.model.context import BUCKETS
from convoy_services.recommendation.model.counters import WIDTH
from convoy_services.recommendation.model.inputs import HISTORY, Inputs

CONFIG = "config.json"

ITEM = 32
"""Numbers of an item's embedding."""

USER = 16
CONTEXT = 8

POSITIONS = 32
"""Positions in a list that are told apart; later ones count as the last."""

RANK = 32
"""Of the matrices of the cross layers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much a net knows; as config.json holds it."""

    items: int
    categories: int
    users: int

    def save(self, folder: Path) -> None:
        """Write config.json into a version's folder."""
        (folder / CONFIG).write_text(json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read it from a version's folder; raises OSError."""
        return cls(**json.loads((folder / CONFIG).read_text()))


class Net(nn.Module):
    """A module whose weights are a file of a version."""

    def save(self, folder: Path, name: str) -> None:
        """Write ``name``.safetensors."""
        save_file(self.state_dict(), folder / f"{name}.safetensors")

    def restore(self, folder: Path, name: str) -> None:
        """Read ``name``.safetensors, for serving; raises OSError."""
        self.load_state_dict(load_file(folder / f"{name}.safetensors"))
        self.eval()


class Items(nn.Module):
    """Items to vectors: what is learned of each, plus its category and its length.

    What is learned of an item begins at zero: an item that was never seen is its category and
    its length.
    """

    category: Tensor
    numbers: Tensor
    """float32 [items + 1, WIDTH]: see ``counters``."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.own = nn.Embedding(sizes.items + 1, ITEM)
        nn.init.zeros_(self.own.weight)
        self.categories = nn.Embedding(sizes.categories + 1, ITEM)
        nn.init.normal_(self.categories.weight, std=1 / sqrt(ITEM))
        self.length = nn.Parameter(torch.randn(ITEM) * 0.1)
        self.register_buffer("category", torch.full((sizes.items + 1,), sizes.categories))
        self.register_buffer("numbers", torch.zeros(sizes.items + 1, WIDTH))

    def describe(self, catalogue: Catalogue, numbers: NDArray[np.float32]) -> None:
        """Take what is known of the items: float32 [items, WIDTH]."""
        self.category[:-1] = torch.from_numpy(catalogue.category.astype(np.int64))
        self.numbers[:-1] = torch.from_numpy(numbers)

    def forward(self, rows: Tensor, own: Tensor | None = None) -> Tensor:
        """Give float32 [..., ITEM]; where ``own`` is 0 what was learned of the item is left out."""
        learned = self.own(rows)
        if own is not None:
            learned = learned * own[..., None]
        about: Tensor = self.categories(self.category[rows])
        vectors: Tensor = learned + about + self.numbers[rows][..., -1:] * self.length
        return vectors


class People(nn.Module):
    """Users to vectors, but for their past: who, where and when."""

    known: Tensor
    """int64 [users]: ids, ascending."""

    def __init__(self, sizes: Sizes, forget: float) -> None:
        """Take how often a user is treated as unknown in training."""
        super().__init__()
        self.forget = forget
        self.own = nn.Embedding(sizes.users + 1, USER)
        nn.init.zeros_(self.own.weight)
        self.moment = nn.EmbeddingBag(BUCKETS, CONTEXT, mode="sum")
        nn.init.normal_(self.moment.weight, std=0.1)
        self.register_buffer("known", torch.zeros(sizes.users, dtype=torch.int64))

    def pass_over(self, met: Tensor) -> None:
        """Let the buckets say nothing that were not met in training; ``met`` is bool [BUCKETS]."""
        with torch.no_grad():
            self.moment.weight[~met] = 0

    def forward(self, given: Inputs) -> Tensor:
        """Give float32 [rows, USER + CONTEXT]."""
        user = given.user
        if self.training:
            user = user * (torch.rand(len(user)) >= self.forget)
        moment = self.moment(given.context, given.offsets, per_sample_weights=given.weight)
        return torch.cat([self.own(user), moment], dim=1)


class Past(nn.Module):
    """What was watched, as the candidates see it: scaled dot product attention to the candidate.

    As in DIN (Zhou et al. 2018, https://arxiv.org/abs/1706.06978), but with a product in place of
    a net over pairs. One more key stands for "nothing like it".
    """

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Linear(ITEM, ITEM, bias=False)
        self.key = nn.Linear(ITEM, ITEM, bias=False)
        for linear in (self.query, self.key):
            nn.init.eye_(linear.weight)
            linear.weight.data *= 1.5
        self.nothing = nn.Parameter(torch.zeros(ITEM))
        self.place = nn.Parameter(torch.zeros(HISTORY))
        self.dwell = nn.Parameter(torch.zeros(1))

    def forward(self, past: Tensor, given: Inputs, candidates: Tensor, row: Tensor) -> Tensor:
        """Give float32 [candidates, ITEM + 1]: the past attended to, and how much there was.

        ``past`` is float32 [rows, longest, ITEM], ``candidates`` float32 [candidates, ITEM],
        ``row`` int64 [candidates], ascending: of which row each is. Rows of about as many
        candidates are computed together, so that little is computed for padding.
        """
        rows, longest = given.past.shape
        bias = self.place[:longest] + self.dwell * given.dwell
        bias = bias.masked_fill(given.filled == 0, -torch.inf)
        bias = torch.cat([bias.new_zeros(rows, 1), bias], dim=1)
        nothing = self.nothing.expand(rows, 1, ITEM)
        keys = torch.cat([nothing, self.key(past)], dim=1).transpose(1, 2)
        values = torch.cat([torch.zeros_like(nothing), past], dim=1)
        queries = self.query(candidates) / sqrt(ITEM) * 4
        counts = torch.bincount(row, minlength=rows)
        starts = counts.cumsum(0) - counts
        size = torch.ceil(torch.log2(counts.clamp(min=1)))
        seen, places = [queries.new_zeros(0, ITEM + 1)], [row.new_zeros(0)]
        for of_size in sorted(set(size.tolist())):
            group = torch.nonzero((size == of_size) & (counts > 0))[:, 0]
            if not len(group):
                continue
            across = torch.arange(int(counts[group].max()))
            there = across < counts[group, None]
            at = torch.where(there, starts[group, None] + across, starts[group, None])
            scores = torch.bmm(queries[at], keys[group]) + bias[group, None]
            much = torch.logsumexp(scores, dim=2, keepdim=True)
            mean = torch.bmm(torch.exp(scores - much), values[group])
            seen.append(torch.cat([mean, much], dim=2)[there])
            places.append(at[there])
        return torch.cat(seen)[torch.argsort(torch.cat(places))]


class Cross(nn.Module):
    """One cross layer of DCN-v2, of low rank: x0 * (U V x + b) + x.

    Wang et al. 2021, https://arxiv.org/abs/2008.13535.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.down = nn.Linear(width, RANK, bias=False)
        self.up = nn.Linear(RANK, width)
        nn.init.normal_(self.up.weight, std=0.01)
        nn.init.zeros_(self.up.bias)

    def forward(self, first: Tensor, x: Tensor) -> Tensor:
        """Give float32 [candidates, width]."""
        return torch.addcmul(x, first, self.up(self.down(x)))


class Rank(Net):
    """A candidate for a user to ``heads`` numbers: crosses, then two layers."""

    def __init__(self, sizes: Sizes, heads: int, forget: float = 0.5) -> None:
        super().__init__()
        self.categories = sizes.categories + 1
        self.items = Items(sizes)
        self.people = People(sizes, forget)
        self.past = Past()
        width = 5 * ITEM + 1 + WIDTH + 3 + USER + CONTEXT
        self.crosses = nn.ModuleList(Cross(width) for _ in range(2))
        self.deep = nn.Sequential(
            nn.Linear(width, 96), nn.ReLU(), nn.Linear(96, 48), nn.ReLU(), nn.Linear(48, heads)
        )
        self.wide = nn.Linear(width, heads)
        for last in (self.deep[-1], self.wide):
            assert isinstance(last, nn.Linear)
            nn.init.normal_(last.weight, std=0.01)
            nn.init.zeros_(last.bias)

    def forward(
        self,
        given: Inputs,
        items: Tensor,
        row: Tensor,
        numbers: Tensor | None = None,
        own: Tensor | None = None,
    ) -> Tensor:
        """Give float32 [candidates, heads], for candidates of all rows, flat.

        ``items`` are rows of the catalogue, ``row`` int64, ascending: of which row each is.
        ``numbers`` stands in for what the items' counters say now: training knows what they said
        then. ``own`` float32 [candidates] as ``Items`` takes it.
        """
        item = self.items(items, own)
        past = self.items(given.past, given.own) * given.filled[..., None]
        attended = self.past(past, given, item, row)
        length = given.filled.sum(1)
        weight = given.filled * (1 + given.dwell)
        mean = (past * weight[..., None]).sum(1) / weight.sum(1, keepdim=True).clamp(min=1)
        user = torch.cat([mean, self.people(given), torch.log1p(length)[:, None] / 2 - 1], dim=1)
        same = torch.zeros(len(length), self.categories)
        same.scatter_add_(1, self.items.category[given.past], weight)
        share = same / weight.sum(1, keepdim=True).clamp(min=1)
        own_share = share[row, self.items.category[items]]
        first = torch.cat(
            [
                item,
                attended,
                item * attended[:, :ITEM],
                item * mean[row],
                self.items.numbers[items] if numbers is None else numbers,
                own_share[:, None],
                torch.log(own_share + 0.02)[:, None] / 2 + 1,
                user[row],
            ],
            dim=1,
        )
        x = first
        for cross in self.crosses:
            x = cross(first, x)
        told: Tensor = self.deep(first) + self.wide(x)
        return told
