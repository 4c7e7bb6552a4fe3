"""What is true in the simulator: who would click what, and how long they would watch it.

A user u has a taste for each of 16 topics: some, three at the mean, are favourites and liked much
(2.4, then 2.0, 1.6 …), the others little (normal, 0 ± 0.3); and a taste for 4 styles. An item i is
a mixture of topics (one of them its category, which logs tell), a point among the styles (which
they do not), a quality q, a length of l seconds and an upload time. With

    affinity(u, i) = topics_u · topics_i + 0.25 styles_u · styles_i
    fresh(i, t)    = exp(-(t - uploaded_i) / 4 days)

a video shown at position p (0 first) at time t on a device d is clicked with the probability

    sigmoid(-2 + affinity + 0.5 q + 0.5 fresh - 0.35 log(1 + p) - patience_d log(l / 30))

and, once clicked, watched for log-normal seconds, of deviation 0.6 and of the median

    0.6 l · exp(0.3 affinity + 0.2 q - 0.25 log(l / 30)).
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from convoy.tensor import Index
from convoy_services.recommendation.training.log import DAY

FILE = "truth.npz"

Reals = NDArray[np.float32]

PATIENCE = {"phone": 0.3, "tablet": 0.1, "tv": -0.3}
"""How much less a video twice as long as another is clicked, by device."""

BEGIN = 1_700_006_400
"""When a simulated log begins: Wednesday, 15 November 2023, 00:00 UTC."""

STYLE = 0.25
DEVIATION = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """The users' and the items' true properties; ids count from 1, as do truth's rows from 0."""

    user_topics: Reals
    """float32 [users, T]"""
    user_styles: Reals
    """float32 [users, S]"""
    item_topics: Reals
    """float32 [items, T]: non-negative, of length one."""
    item_styles: Reals
    """float32 [items, S]"""
    quality: Reals
    """float32 [items]"""
    seconds: Reals
    """float32 [items]"""
    uploaded: Index
    """int64 [items]: seconds since the epoch."""

    def affinity(self, users: Index, items: Index) -> Reals:
        """Give the affinity of each pair, for rows of users and items; they broadcast."""
        topics = (self.user_topics[users] * self.item_topics[items]).sum(-1)
        styles = (self.user_styles[users] * self.item_styles[items]).sum(-1)
        return np.asarray(topics + np.float32(STYLE) * styles, np.float32)

    def affinities(self, users: Index) -> Reals:
        """Give the affinity of each user to every item, float32 [users, items]."""
        topics = self.user_topics[users] @ self.item_topics.T
        styles = self.user_styles[users] @ self.item_styles.T
        return np.asarray(topics + np.float32(STYLE) * styles, np.float32)

    def click(
        self, affinity: Reals, items: Index, time: Index, device: NDArray[np.str_], position: Index
    ) -> Reals:
        """Give the probability of a click; all arguments broadcast."""
        age = np.maximum(time - self.uploaded[items], 0)
        patience = np.zeros(device.shape, np.float32)
        for name, much in PATIENCE.items():
            patience[device == name] = much
        logit = affinity + 0.5 * self.quality[items] + 0.5 * np.exp(-age / (4 * DAY)) - 2.0
        logit = logit - 0.35 * np.log1p(position) - patience * np.log(self.seconds[items] / 30)
        return np.asarray(1 / (1 + np.exp(-logit)), np.float32)

    def median(self, affinity: Reals, items: Index) -> Reals:
        """Give the median of the seconds watched after a click."""
        length = self.seconds[items]
        much = 0.3 * affinity + 0.2 * self.quality[items] - 0.25 * np.log(length / 30)
        return np.asarray(0.6 * length * np.exp(much), np.float32)

    def dwell(self, affinity: Reals, items: Index) -> Reals:
        """Give the expected seconds watched after a click."""
        return self.median(affinity, items) * np.float32(np.exp(DEVIATION**2 / 2))

    def save(self, folder: Path) -> None:
        """Write it beside a log."""
        np.savez(folder / FILE, **{f.name: getattr(self, f.name) for f in fields(self)})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what is beside a log; raises OSError."""
        with np.load(folder / FILE) as file:
            return cls(**{f.name: file[f.name] for f in fields(cls)})


def truth(users: int, items: int, days: int, chance: np.random.Generator) -> Truth:
    """Draw users and items; a third of the items are uploaded while the log goes on."""
    topics, styles = 16, 4
    category = chance.choice(topics, items, p=_shares(topics))
    mixture = chance.dirichlet(np.full(topics, 0.15), items) * 0.6
    mixture[np.arange(items), category] += 1.0
    mixture /= np.linalg.norm(mixture, axis=1, keepdims=True)
    before = chance.exponential(20 * DAY, items)
    during = chance.uniform(0, days * DAY, items)
    uploaded = np.where(chance.random(items) < 1 / 3, BEGIN + during, BEGIN - before)
    return Truth(
        user_topics=_tastes(users, topics, chance),
        user_styles=chance.normal(0, 1, (users, styles)).astype(np.float32),
        item_topics=mixture.astype(np.float32),
        item_styles=chance.normal(0, styles**-0.5, (items, styles)).astype(np.float32),
        quality=chance.normal(0, 1, items).astype(np.float32),
        seconds=np.clip(np.exp(chance.normal(3.4, 0.6, items)), 5, 300).astype(np.float32),
        uploaded=uploaded.astype(np.int64),
    )


def _tastes(users: int, topics: int, chance: np.random.Generator) -> Reals:
    """Draw what users like: a few favourites, common topics more often."""
    tastes = chance.normal(0, 0.3, (users, topics))
    order = np.argsort(chance.gumbel(size=(users, topics)) + np.log(_shares(topics)), axis=1)
    favourites = 1 + chance.poisson(2, users)
    for place, liking in enumerate((2.4, 2.0, 1.6, 1.2, 0.8)):
        who = np.flatnonzero(favourites > place)
        tastes[who, order[who, -1 - place]] += liking
    return tastes.astype(np.float32)


def _shares(topics: int) -> NDArray[np.float64]:
    share: NDArray[np.float64] = 1 / (np.arange(topics) + 4)
    return np.asarray(share / share.sum())
