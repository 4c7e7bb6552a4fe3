"""How each net is trained."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from convoy.tensor import Index
from convoy_services.recommendation.model.catalogue import Catalogue
from convoy_services.recommendation.model.context import BUCKETS
from convoy_services.recommendation.model.counters import WIDTH
from convoy_services.recommendation.model.inputs import Inputs, inputs
from convoy_services.recommendation.model.net import Rank, Sizes
from convoy_services.recommendation.model.ranker import ClickNet, DwellNet
from convoy_services.recommendation.model.tower import TowerNet
from convoy_services.recommendation.training.sessions import Piece, Sessions


@dataclass(frozen=True, slots=True, kw_only=True)
class Blur:
    """How often a net is not told something in training, so that it does not recite users."""

    own: float
    """What was learned of an item itself: its category and counters must do."""
    past: float
    """An item of the past."""


TOWER = Blur(own=0.95, past=0.75)
RANKERS = Blur(own=0.5, past=0.5)

Progress = Callable[[str, int, int], None]
"""Is told the stage, the steps done and their number."""

REQUESTS = 128
"""Requests a step at most."""

FEWEST = 8
"""Requests a step at least, in a small log."""

RATE = 3e-3
"""Adam's, falling to zero as a cosine."""

REST = 1024
"""Items drawn from the whole catalogue as negatives, beside those of the step."""

REWARD = 10.0
"""A click weighs as its seconds do beside the mean's, but no more than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What the nets are trained on."""

    sessions: Sessions
    learned: Index
    """int64: the requests that are learned from."""
    calibrated: Index
    """int64: the requests that predictions are calibrated on."""
    catalogue: Catalogue
    known: Index
    """int64: the users, ascending."""
    timed: bool
    shown: bool
    epochs: int
    steps: int
    """At most so many an epoch."""
    seed: int
    progress: Progress

    @property
    def requests(self) -> int:
        """Give how many requests a step takes: small logs are learned from in small steps."""
        return int(np.clip(len(self.learned) // 100, FEWEST, REQUESTS))

    @property
    def sizes(self) -> Sizes:
        """Give the nets' sizes."""
        return Sizes(
            items=len(self.catalogue),
            categories=len(self.catalogue.categories),
            users=len(self.known),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step's requests, as tensors."""

    given: Inputs
    row: Tensor
    item: Tensor
    numbers: Tensor
    click: Tensor
    dwell: Tensor
    position: Tensor
    time: Tensor
    """int64 [requests]: seconds since the epoch."""
    own: Tensor
    """float32: 0 where what was learned of the item is left out, else 1."""


def fit_tower(task: Task) -> TowerNet:
    """Train by sampled softmax over the clicks of a step and more items by chance.

    How likely an item is among them is taken off its logit (Yi et al. 2019). Where the log holds
    all that was shown, how often it was shown is added to it in training only: what an older
    recommender preferred is not learned.
    """
    torch.manual_seed(task.seed)
    chance = np.random.default_rng(task.seed)
    net = TowerNet(task.sizes)
    _know(net, task)
    items = len(task.catalogue)
    shown, clicked = _shares(task)
    expected = task.requests * float(clicked.sum()) / max(1, len(task.learned))
    drawn = expected * clicked / clicked.sum() + REST / items
    offset = -torch.log(drawn)
    uploaded = torch.from_numpy(task.catalogue.uploaded)
    if task.shown:
        often = shown / _alive(task)
        offset = offset + torch.log(often + often.mean() * 0.1)

    def loss(step: Step) -> Tensor:
        where = torch.nonzero(step.click)[:, 0]
        if not len(where):
            return torch.zeros((), requires_grad=True)
        row, item = step.row[where], step.item[where]
        chosen, first, at = np.unique(item.numpy(), return_index=True, return_inverse=True)
        rest = np.setdiff1d(chance.integers(0, items, REST), chosen)
        then = step.time.numpy()[chance.integers(0, len(step.time), len(rest))]
        there = task.catalogue.uploaded[rest] <= then
        rest, then = rest[there], then[there]
        told = torch.from_numpy(task.sessions.numbers(rest, then))
        numbers = torch.cat([step.numbers[where][first], told])
        among = torch.from_numpy(np.concatenate([chosen, rest]))
        place = torch.from_numpy(at)
        own = (torch.rand(len(among)) >= TOWER.own).float()
        products = net.user(step.given) @ net.item(among, numbers, own).T
        logits = net.temper(products)[row] + offset[among]
        also = torch.zeros(len(step.given.user), len(among), dtype=torch.bool)
        also[row, place] = True
        others = also[row] | (uploaded[among] > step.time[row, None])
        others[torch.arange(len(row)), place] = False
        losses = nn.functional.cross_entropy(
            logits.masked_fill(others, -torch.inf), place, reduction="none"
        )
        weight = torch.ones(len(where))
        if task.timed:
            weight = (step.dwell[where] / step.dwell[where].mean()).clamp(max=REWARD)
        return (losses * weight).sum() / weight.sum()

    _run(net, task, "tower", TOWER, loss)
    return net


def fit_clicks(task: Task) -> ClickNet:
    """Train by cross-entropy, the position told, then calibrate on later requests."""
    torch.manual_seed(task.seed + 1)
    net = ClickNet(task.sizes)
    _know(net, task)

    def logits(step: Step) -> Tensor:
        told: Tensor = net(step.given, step.item, step.row, step.numbers, step.own)
        return told[:, 0]

    def loss(step: Step) -> Tensor:
        logit = logits(step) + net.shown(step.position)
        return nn.functional.binary_cross_entropy_with_logits(logit, step.click)

    _run(net, task, "click", RANKERS, loss)
    told, shown, click = [], [], []
    for step in _later(task):
        with torch.inference_mode():
            told.append(logits(step))
            shown.append(net.shown(step.position))
            click.append(step.click)
    if told:
        slope, intercept = platt(torch.cat(told), torch.cat(shown), torch.cat(click))
        net.slope.fill_(slope)
        net.intercept.fill_(intercept)
    return net


def fit_dwell(task: Task) -> DwellNet:
    """Train on clicks by the log-normal's likelihood, then calibrate the mean on later ones."""
    torch.manual_seed(task.seed + 2)
    net = DwellNet(task.sizes)
    _know(net, task)
    net.middle.fill_(_middle(task))

    def told(step: Step) -> tuple[Tensor, Tensor]:
        """Give what the net tells of the clicks, and their seconds."""
        which = (step.click > 0) & (step.dwell > 0)
        told = net(
            step.given, step.item[which], step.row[which], step.numbers[which], step.own[which]
        )
        return told, step.dwell[which]

    def loss(step: Step) -> Tensor:
        out, dwell = told(step)
        if not len(dwell):
            return torch.zeros((), requires_grad=True)
        deviation = net.deviation(out)
        off = (torch.log(dwell) - net.middle - out[:, 0]) * torch.exp(-deviation)
        return (off**2 / 2 + deviation).mean()

    _run(net, task, "dwell", RANKERS, loss)
    expected, seen = 0.0, 0.0
    for step in _later(task):
        with torch.inference_mode():
            out, dwell = told(step)
            expected += float(net.expected(out).sum())
            seen += float(dwell.sum())
    if expected > 0 and seen > 0:
        net.scale.fill_(seen / expected)
    return net


def platt(told: Tensor, offset: Tensor, click: Tensor) -> tuple[float, float]:
    """Fit P(click) = sigmoid(slope · told + intercept + offset) by Newton's method (Platt 1999)."""
    x = torch.stack([told, torch.ones_like(told)], dim=1).double()
    weights = torch.tensor([1.0, 0.0], dtype=torch.float64)
    start, doubt = weights.clone(), 1e-3 * len(x) * torch.eye(2, dtype=torch.float64)
    for _ in range(20):
        p = torch.sigmoid(x @ weights + offset)
        slope = x.T @ (p - click) + doubt @ (weights - start)
        bend = (x * (p * (1 - p))[:, None]).T @ x + doubt
        weights = weights - torch.linalg.solve(bend, slope)
    return float(weights[0]), float(weights[1])


def _run(
    net: TowerNet | Rank, task: Task, stage: str, blur: Blur, loss: Callable[[Step], Tensor]
) -> None:
    """Take Adam's steps over the requests, shuffled anew each epoch."""
    chance = np.random.default_rng(task.seed)
    an_epoch = max(1, min(task.steps, -(-len(task.learned) // task.requests)))
    steps = an_epoch * task.epochs
    own = [p for name, p in net.named_parameters() if name.endswith("own.weight")]
    rest = [p for name, p in net.named_parameters() if not name.endswith("own.weight")]
    optimizer = torch.optim.AdamW(
        [{"params": own, "weight_decay": 0.3}, {"params": rest, "weight_decay": 1e-3}], lr=RATE
    )
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    net.train()
    met = torch.zeros(BUCKETS, dtype=torch.bool)
    done = 0
    for _ in range(task.epochs):
        order = chance.permutation(task.learned)
        for start in range(0, an_epoch * task.requests, task.requests):
            step = _step(task, order[start : start + task.requests], blur)
            met[step.given.context] = True
            optimizer.zero_grad()
            value = loss(step)
            value.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            falling.step()
            done += 1
            task.progress(stage, done, steps)
    net.people.pass_over(met)
    net.eval()


def _later(task: Task) -> Iterator[Step]:
    """Give the requests to calibrate on."""
    for start in range(0, len(task.calibrated), REQUESTS):
        yield _step(task, task.calibrated[start : start + REQUESTS], Blur(own=0, past=0))


def _step(task: Task, which: Index, blur: Blur) -> Step:
    piece: Piece = task.sessions.piece(which)
    given = inputs(piece.users, task.known, task.catalogue)
    count = len(piece.item)
    own = (torch.rand(count) >= blur.own).float()
    return Step(
        given=_blurred(given, blur),
        row=torch.from_numpy(piece.row),
        item=torch.from_numpy(piece.item),
        numbers=torch.from_numpy(piece.numbers),
        click=torch.from_numpy(piece.click.astype(np.float32)),
        dwell=torch.from_numpy(piece.dwell),
        position=torch.from_numpy(piece.position.astype(np.int64)),
        time=torch.from_numpy(task.sessions.time[which]),
        own=own,
    )


def _blurred(given: Inputs, blur: Blur) -> Inputs:
    kept = (torch.rand(given.past.shape) >= blur.past).float()
    own = (torch.rand(given.past.shape) >= blur.own).float()
    return replace(given, filled=given.filled * kept, own=own)


def _know(net: TowerNet | Rank, task: Task) -> None:
    """Tell a net who the users are, and of which category each item is."""
    net.people.known.copy_(torch.from_numpy(task.known))
    net.items.describe(task.catalogue, np.zeros((len(task.catalogue), WIDTH), np.float32))


def _shares(task: Task) -> tuple[Tensor, Tensor]:
    """Give how often each item was shown and clicked in what is learned from, clicks plus a bit."""
    shown = np.zeros(len(task.catalogue))
    clicked = np.full(len(task.catalogue), 1e-3)
    for start in range(0, len(task.learned), 8192):
        piece = task.sessions.piece(task.learned[start : start + 8192])
        shown += np.bincount(piece.item, minlength=len(shown))
        clicked += np.bincount(piece.item, piece.click, minlength=len(shown))
    return torch.from_numpy(shown).float(), torch.from_numpy(clicked).float()


def _alive(task: Task) -> Tensor:
    """Give for how long each item could be shown in what is learned from, in days, at least one."""
    time = task.sessions.time[task.learned]
    days = (time.max() - np.maximum(task.catalogue.uploaded, time.min())) / 86_400
    return torch.from_numpy(np.maximum(days, 1)).float()


def _middle(task: Task) -> float:
    """Give the mean of log seconds over some of the clicks."""
    piece = task.sessions.piece(task.learned[:8192])
    seen = piece.dwell[piece.click & (piece.dwell > 0)]
    return float(np.log(seen).mean()) if len(seen) else 0.0
