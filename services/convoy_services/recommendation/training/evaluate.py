"""How good a version is, beside popularity, chance and, where the truth is known, an oracle.

All is told of users that were not learned from, on days that were not: their past is what they did
before those days. A gain is what is expected to be watched: the true probability of a click at the
first position times the true expected seconds; for logs without truth, the seconds watched of what
was clicked (1 without play times).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convoy.tensor import Index, ascending
from convoy_services.recommendation.model.catalogue import Catalogue
from convoy_services.recommendation.model.covisit import Covisit
from convoy_services.recommendation.model.nearest import Nearest
from convoy_services.recommendation.model.ranker import Clicks, Constant, Dwell
from convoy_services.recommendation.model.tower import Tower
from convoy_services.recommendation.model.users import Users
from convoy_services.recommendation.training.history import History
from convoy_services.recommendation.training.log import DAY, Log
from convoy_services.recommendation.training.metrics import Reals, auc, ece, ndcg
from convoy_services.recommendation.training.sessions import Piece, Sessions
from convoy_services.recommendation.training.truth import Truth

TOP = 10
RECALLED = 100
CHANNELS = {"tower": 280, "covisit": 10, "popular": 10}
"""How many candidates each channel brings: 300 at most."""

AT_ONCE = 32

Table = dict[str, dict[str, float]]
"""By metric, then by who is measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """The models of one version."""

    catalogue: Catalogue
    tower: Tower
    nearest: Nearest
    covisit: Covisit
    clicks: Clicks
    dwell: Dwell | Constant
    positions: NDArray[np.float32]
    """float32 [positions]: what each adds to a click's logit."""
    priors: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What is evaluated on."""

    log: Log
    """Of the later days, the held-out users' alone."""
    past: History
    before: int
    """Seconds since the epoch: the past ends there."""
    truth: Truth | None
    timed: bool
    seed: int


def evaluate(models: Models, held: Held) -> Table:
    """Measure; empty where there is nothing to measure on."""
    if not len(held.log):
        return {}
    sessions = Sessions(held.log, held.past, models.catalogue)
    piece = sessions.piece(np.arange(len(sessions)), held.before)
    table = _predictions(models, held, sessions, piece)
    return table | _orders(models, held, sessions)


def _predictions(models: Models, held: Held, sessions: Sessions, piece: Piece) -> Table:
    """Measure the rankers on what was shown."""
    chance = np.random.default_rng(held.seed)
    splits = np.searchsorted(piece.row, np.arange(len(sessions) + 1))
    first = models.clicks.predict(piece.users, piece.item, splits)
    place = np.clip(piece.position, 0, len(models.positions) - 1)
    added = np.where(piece.position > 0, models.positions[place], 0)
    click = 1 / (1 + (1 - first) / np.maximum(first, 1e-6) * np.exp(-added))
    popular = models.catalogue.clicks[piece.item]
    random = chance.random(len(click))
    prior = np.full(len(click), models.priors["p_click"])
    table: Table = {
        "AUC": {
            "model": auc(click, piece.click),
            "popularity": auc(popular, piece.click),
            "random": auc(random, piece.click),
        },
        "ECE": {
            "model": ece(click, piece.click),
            "popularity": ece(prior, piece.click),
            "random": ece(random, piece.click),
        },
    }
    user, time = piece.users.user[piece.row], sessions.time[piece.row]
    true = held.truth
    if true:
        affinity = true.affinity(user - 1, piece.item)
        device = _devices(held.log, sessions)[piece.row]
        p = true.click(affinity, piece.item, time, device, piece.position.astype(np.int64))
        table["AUC"]["oracle"] = auc(p, piece.click)
        table["ECE"]["oracle"] = ece(p, piece.click)
    watched = piece.click & (piece.dwell > 0)
    if not held.timed or not watched.any():
        return table
    seconds = piece.dwell[watched]
    told = {
        "model": models.dwell.predict(piece.users, piece.item, splits)[watched],
        "popularity": np.full(len(seconds), models.priors["dwell"], np.float32),
        "random": chance.choice(seconds, len(seconds)),
    }
    if true:
        told["oracle"] = true.dwell(affinity[watched], piece.item[watched])
    table["dwell MAE, s"] = {who: float(abs(p - seconds).mean()) for who, p in told.items()}
    table["dwell log-RMSE"] = {
        who: float(np.sqrt(((np.log(p) - np.log(seconds)) ** 2).mean())) for who, p in told.items()
    }
    return table


def _devices(log: Log, sessions: Sessions) -> NDArray[np.str_]:
    """Give each request's device."""
    known = {
        (user, time): device
        for user, time, device in zip(
            log.user.tolist(), log.time.tolist(), log.device.tolist(), strict=True
        )
    }
    pairs = zip(sessions.user.tolist(), sessions.time.tolist(), strict=True)
    return np.array([known[pair] for pair in pairs])


def _orders(models: Models, held: Held, sessions: Sessions) -> Table:
    """Measure recall and the whole, over all items, for each user's first request of each day."""
    day = sessions.time // DAY
    _, which = np.unique(np.stack([sessions.user, day]), axis=1, return_index=True)
    devices = _devices(held.log, sessions)
    sums: dict[str, dict[str, list[float]]] = {}
    chance = np.random.default_rng(held.seed)
    popular = np.argsort(-models.catalogue.clicks, kind="stable")
    for start in range(0, len(which), AT_ONCE):
        some = which[start : start + AT_ONCE]
        piece = sessions.piece(some, held.before)
        recalled, orders = _recommend(models, piece.users, sessions.time[some], popular)
        for n, request in enumerate(some.tolist()):
            user, time = int(sessions.user[request]), int(sessions.time[request])
            clicked, seconds = _clicked(held.log, models.catalogue, user)
            gain = np.zeros(len(models.catalogue))
            if held.truth:
                gain = _gain(held.truth, user, time, devices[request])
            elif len(clicked):
                np.maximum.at(gain, clicked, seconds)
            there = np.flatnonzero(models.catalogue.uploaded <= time)
            gain[models.catalogue.uploaded > time] = 0
            best = np.argsort(-gain, kind="stable")[:RECALLED]
            shuffled = chance.permutation(there)
            most = popular[np.isin(popular, there)]
            lists = {"model": orders[n], "popularity": most, "random": shuffled}
            if held.truth:
                lists["oracle"] = best
            for who, rows in lists.items():
                value = ndcg(gain[rows[:TOP]], gain[best[:TOP]])
                sums.setdefault(f"NDCG@{TOP}", {}).setdefault(who, []).append(value)
            lists["model"] = recalled[n]
            for who, rows in lists.items():
                name = f"recall@{RECALLED} of clicks, tower"
                if len(clicked):
                    found = float(np.isin(clicked, rows[:RECALLED]).mean())
                    sums.setdefault(name, {}).setdefault(who, []).append(found)
                if held.truth:
                    name = f"recall@{RECALLED} of the oracle's {TOP}, tower"
                    found = float(np.isin(best[:TOP], rows[:RECALLED]).mean())
                    sums.setdefault(name, {}).setdefault(who, []).append(found)
    return {
        name: {who: float(np.mean(values)) for who, values in by.items()}
        for name, by in sums.items()
    }


def _recommend(
    models: Models, users: Users, time: Index, popular: Index
) -> tuple[list[Index], list[Index]]:
    """Give what the tower recalls, and what the whole orders first, for each user."""
    rows = len(users)
    uploaded = models.catalogue.uploaded
    near, _ = models.nearest.search(models.tower.embed(users), CHANNELS["tower"])
    along, _, splits = models.covisit.search(users, CHANNELS["covisit"], models.catalogue)
    recalled = [row[row >= 0] for row in near]
    recalled = [row[uploaded[row] <= at] for row, at in zip(recalled, time, strict=True)]
    candidates = []
    for n in range(rows):
        every = [recalled[n], along[splits[n] : splits[n + 1]], popular[: CHANNELS["popular"]]]
        merged = np.unique(np.concatenate(every))
        candidates.append(merged[uploaded[merged] <= time[n]])
    bounds = ascending([len(each) for each in candidates])
    flat = np.concatenate(candidates)
    score: Reals = models.clicks.predict(users, flat, bounds)
    score = score * models.dwell.predict(users, flat, bounds)
    orders = []
    for n in range(rows):
        own = slice(bounds[n], bounds[n + 1])
        orders.append(flat[own][np.argsort(-score[own], kind="stable")])
    return recalled, orders


def _gain(true: Truth, user: int, time: int, device: str) -> NDArray[np.float64]:
    """Give what every item is worth to a user at a moment."""
    items = np.arange(len(true.quality))
    affinity = true.affinities(np.array([user - 1]))[0]
    first = np.zeros(len(items), np.int64)
    p = true.click(affinity, items, np.full(len(items), time), np.full(len(items), device), first)
    return (p * true.dwell(affinity, items)).astype(np.float64)


def _clicked(log: Log, catalogue: Catalogue, user: int) -> tuple[Index, NDArray[Any]]:
    """Give what a user clicked in the later days, rows ascending, and for how long at most."""
    own = log.take((log.user == user) & log.click)
    rows, place = np.unique(catalogue.find(own.item), return_inverse=True)
    seconds = np.zeros(len(rows))
    np.maximum.at(seconds, place, np.where(own.dwell > 0, own.dwell, 1))
    return rows, seconds
