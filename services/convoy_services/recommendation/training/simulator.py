"""A simulator of a short-video log, in KuaiRand's layout, whose truth is known.

``truth`` tells what users would do. What they are shown is what an older recommender would show:
out of 100 videos at hand the 10 it thinks best, by a blurred view of what is true, in its order;
every fourth place goes to a video by chance. So items are shown unequally often, and those shown
are better than those that are not, as in real logs.

Written are ``log_simulated.csv`` and ``video_features_basic_simulated.csv`` with KuaiRand's
columns, plus ``position`` and ``device``, and ``truth.npz``.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.csv  # type: ignore[import-untyped]
from numpy.typing import NDArray

from convoy.tensor import Index
from convoy_services.recommendation.training.log import DAY, Log
from convoy_services.recommendation.training.truth import (
    BEGIN,
    DEVIATION,
    PATIENCE,
    Truth,
    truth,
)

SLATE = 10
"""Videos a request."""

POOL = 100
"""Videos at hand for a request."""

CHANCE = 0.25
"""How often a place goes to a video by chance."""

PIECE = 4096
"""Requests simulated at once."""

ADJECTIVES = ["Quiet", "Wild", "Tiny", "Golden", "Secret", "Fast", "Old", "Brave"]
NOUNS = [
    "kitchen", "cat", "mountain", "guitar", "football", "garden", "robot", "dance",
    "train", "ocean", "painting", "puzzle", "bread", "city", "magic trick", "workout",
]  # fmt: skip
"""One a topic; titles are made of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Requests:
    """Who asks, as a row of the truth, when, and with what."""

    user: Index
    time: Index
    device: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.user)

    def take(self, part: slice) -> Self:
        return replace(self, user=self.user[part], time=self.time[part], device=self.device[part])


def simulate(
    folder: Path, *, users: int, items: int, impressions: int, days: int, seed: int
) -> Iterator[int]:
    """Write a log and its truth into a folder; give after each piece how many impressions it had.

    Raises OSError.
    """
    chance = np.random.default_rng(seed)
    true = truth(users, items, days, chance)
    requests = _requests(users, -(-impressions // SLATE), days, chance)
    parts = []
    for start in range(0, len(requests), PIECE):
        part = _shown(true, requests.take(slice(start, start + PIECE)), chance)
        parts.append(part)
        yield len(part)
    log = {
        name: np.concatenate([getattr(part, name) for part in parts])[:impressions]
        for name in Log.__dataclass_fields__
    }
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder, Log(**log), true)


def _requests(users: int, count: int, days: int, chance: np.random.Generator) -> _Requests:
    """Draw who asks, when, and with what: some ask much more than others, most in the evening."""
    often = np.exp(chance.normal(0, 0.6, users))
    user = np.concatenate([np.arange(users), chance.choice(users, count, p=often / often.sum())])
    user = user[:count] if count >= users else user[users : users + count]
    hour = np.arange(24)
    busy = 1 + 2 * np.exp(-(((hour - 20) / 3) ** 2)) + np.exp(-(((hour - 12) / 2) ** 2))
    at = chance.choice(24, count, p=busy / busy.sum()) * 3600 + chance.integers(0, 3600, count)
    time = BEGIN + chance.integers(0, days, count) * DAY + at
    names = np.array(list(PATIENCE))
    mostly = chance.choice(len(names), users, p=[0.7, 0.15, 0.15])
    now = chance.choice(len(names), count, p=[0.7, 0.15, 0.15])
    device = names[np.where(chance.random(count) < 0.8, mostly[user], now)]
    order = np.argsort(time, kind="stable")
    return _Requests(user=user[order], time=time[order], device=device[order])


def _shown(true: Truth, requests: _Requests, chance: np.random.Generator) -> Log:
    """Show each request a slate and see what happens."""
    user, time, device = requests.user, requests.time, requests.device
    by_age = np.argsort(true.uploaded, kind="stable")
    there = np.searchsorted(true.uploaded[by_age], time, side="right")
    there = np.maximum(there, min(len(by_age), SLATE))
    drawn = (chance.random((len(user), POOL)) * there[:, None]).astype(np.int64)
    pool = by_age[drawn]
    affinity = true.affinity(user[:, None], pool)
    fresh = np.exp(-np.maximum(time[:, None] - true.uploaded[pool], 0) / (4 * DAY))
    liking = 0.5 * affinity + 0.25 * true.quality[pool] + 0.5 * fresh
    liking += chance.normal(0, 0.5, pool.shape)
    order = np.argsort(-liking, axis=1, kind="stable")
    best = np.take_along_axis(pool, order, axis=1)
    items = np.where(chance.random((len(user), SLATE)) < CHANCE, pool[:, :SLATE], best[:, :SLATE])
    position = np.broadcast_to(np.arange(SLATE), items.shape)
    liked = true.affinity(user[:, None], items)
    clicked = chance.random(items.shape) < true.click(
        liked, items, time[:, None], device[:, None], position
    )
    watched = true.median(liked, items) * np.exp(chance.normal(0, DEVIATION, items.shape))
    each = np.repeat(np.arange(len(user)), SLATE)
    return Log(
        user=user[each] + 1,
        item=items.ravel() + 1,
        time=time[each],
        click=clicked.ravel(),
        dwell=np.where(clicked, watched, 0).astype(np.float32).ravel(),
        position=position.ravel().astype(np.int16),
        device=device[each],
    )


def _write(folder: Path, log: Log, true: Truth) -> None:
    moment = log.time.astype("datetime64[s]")
    pyarrow.csv.write_csv(
        pa.table(
            {
                "user_id": log.user,
                "video_id": log.item,
                "date": pa.array(np.datetime_as_string(moment, unit="D")),
                "time_ms": log.time * 1000,
                "is_click": log.click.astype(np.int8),
                "play_time_ms": np.round(log.dwell * 1000).astype(np.int64),
                "duration_ms": np.round(true.seconds[log.item - 1] * 1000).astype(np.int64),
                "tab": np.ones(len(log), np.int8),
                "position": log.position,
                "device": pa.array(log.device),
            }
        ),
        folder / "log_simulated.csv",
    )
    topic = true.item_topics.argmax(axis=1).tolist()
    uploaded = true.uploaded.astype("datetime64[s]")
    count = len(topic)
    pyarrow.csv.write_csv(
        pa.table(
            {
                "video_id": np.arange(1, count + 1),
                "upload_dt": pa.array(np.datetime_as_string(uploaded, unit="s")),
                "video_duration": np.round(true.seconds * 1000).astype(np.int64),
                "tag": [NOUNS[number] for number in topic],
                "title": [_title(row, number) for row, number in enumerate(topic)],
            }
        ),
        folder / "video_features_basic_simulated.csv",
    )
    true.save(folder)


def _title(row: int, topic: int) -> str:
    return f"{ADJECTIVES[row % len(ADJECTIVES)]} {NOUNS[topic]} {row + 1}"
