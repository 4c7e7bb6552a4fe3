"""A log to a version: the whole of training, in its order."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from convoy_services.recommendation.model.counters import numbers
from convoy_services.recommendation.model.covisit import Covisit
from convoy_services.recommendation.model.nearest import Nearest
from convoy_services.recommendation.model.ranker import ClickNet, Clicks, Constant, Dwell, DwellNet
from convoy_services.recommendation.model.titles import Titles
from convoy_services.recommendation.model.tower import Tower, TowerNet
from convoy_services.recommendation.model.version import Card, write_version
from convoy_services.recommendation.training.card import readme
from convoy_services.recommendation.training.columns import digest
from convoy_services.recommendation.training.evaluate import Held, Models, evaluate
from convoy_services.recommendation.training.fit import (
    Progress,
    Task,
    fit_clicks,
    fit_dwell,
    fit_tower,
)
from convoy_services.recommendation.training.history import History
from convoy_services.recommendation.training.log import Data, DataError, Log
from convoy_services.recommendation.training.sessions import Sessions, catalogue, counts
from convoy_services.recommendation.training.split import Split, split
from convoy_services.recommendation.training.titles import embed_titles
from convoy_services.recommendation.training.truth import Truth

EPOCHS = 3
QUICK = 80
"""Steps a net where training is to be quick."""

Nets = tuple[TowerNet, ClickNet, DwellNet | None]


def train(
    data: Data,
    out: Path,
    *,
    seed: int = 0,
    threads: int = 1,
    quick: bool = False,
    text_model: str = "",
    truth: Truth | None = None,
    progress: Progress = lambda stage, done, of: None,
) -> Path:
    """Train, evaluate and write the next version into a repository; gives the version's folder.

    The same data, seed, threads and machine give the same version. Raises DataError, OSError.
    """
    torch.set_num_threads(threads)
    parts = split(data.log, seed)
    task = _task(data, parts, seed=seed, quick=quick, progress=progress)
    tower, clicks = fit_tower(task), fit_clicks(task)
    dwell = fit_dwell(task) if task.timed else None
    nets: Nets = (tower, clicks, dwell)
    progress("evaluate", 0, 1)
    learned = data.log.take(data.log.time < parts.later)
    models = _models(nets, learned, data, parts.later)
    table = evaluate(models, _held(data, parts, truth, seed))
    progress("evaluate", 1, 1)
    models = _models(nets, data.log, data, parts.end)

    def write(folder: Path) -> None:
        _write(folder, nets, models)
        task.sizes.save(folder)
        if any(data.things.title):
            Titles.of(data.things.title).save(folder)
        if text_model:
            embed_titles(folder, data.things, text_model, progress)
        card = Card(
            dataset=data.name,
            date=datetime.now(UTC).isoformat(timespec="seconds"),
            seed=seed,
            sizes=_sizes(data),
            priors=models.priors,
            metrics=dict(table),
            data=data.sha256,
            weights=_digest(folder),
            text_model=text_model,
        )
        card.save(folder)
        (folder / "README.md").write_text(readme(card))

    return write_version(out, write)


def _task(data: Data, parts: Split, *, seed: int, quick: bool, progress: Progress) -> Task:
    """Say what is learned from: the earlier days, but for the users held out."""
    log = data.log.take(data.log.time < parts.later)
    learned = log.take(~np.isin(log.user, parts.held_out))
    if not learned.click.any():
        raise DataError(f"{data.name}: no click is left to learn from before the last days")
    known = catalogue(log, data.things, parts.later)
    sessions = Sessions(learned, History(learned), known)
    early = np.flatnonzero(sessions.time < parts.calibrated)
    if not len(early):
        raise DataError(f"{data.name}: the log spans too few days; 3 are the fewest")
    return Task(
        sessions=sessions,
        learned=early,
        calibrated=np.flatnonzero(sessions.time >= parts.calibrated),
        catalogue=known,
        known=np.unique(learned.user),
        timed=learned.timed,
        shown=data.shown,
        epochs=1 if quick else EPOCHS,
        steps=QUICK if quick else 1 << 31,
        seed=seed,
        progress=progress,
    )


def _models(nets: Nets, log: Log, data: Data, now: int) -> Models:
    """Make what serves: the nets, told what the log says of the items until a moment."""
    tower, clicks, dwell = nets
    known = catalogue(log, data.things, now)
    told = numbers(counts(log, known, now), now - known.uploaded, known.seconds)
    for net in nets:
        if net is not None:
            net.items.describe(known, told)
    watched = log.dwell[log.click & (log.dwell > 0)]
    priors = {
        "p_click": float(log.click.mean()),
        "dwell": float(watched.mean()) if len(watched) else 0.0,
    }
    vectors = Tower(tower, known)
    clicked = log.take(log.click)
    return Models(
        catalogue=known,
        tower=vectors,
        nearest=Nearest.build(vectors.vectors()),
        covisit=Covisit.build(clicked.user, clicked.time, known.find(clicked.item), len(known)),
        clicks=Clicks(clicks, known, priors["p_click"]),
        dwell=Dwell(dwell, known, priors["dwell"]) if dwell else Constant(priors["dwell"]),
        positions=clicks.position.detach().numpy(),
        priors=priors,
    )


def _held(data: Data, parts: Split, truth: Truth | None, seed: int) -> Held:
    log = data.log
    users = np.isin(log.user, parts.held_out)
    return Held(
        log=log.take(users & (log.time >= parts.later)),
        past=History(log.take(log.time < parts.later)),
        before=parts.later,
        truth=truth,
        timed=log.timed,
        seed=seed,
    )


def _write(folder: Path, nets: Nets, models: Models) -> None:
    for net, name in zip(nets, ("tower", "click", "dwell"), strict=True):
        if net is not None:
            net.save(folder, name)
    models.catalogue.save(folder)
    models.covisit.save(folder)
    models.nearest.save(folder, "vectors")
    np.save(folder / "vectors.npy", models.tower.vectors())


def _sizes(data: Data) -> dict[str, int]:
    log = data.log
    return {
        "users": len(np.unique(log.user)),
        "items": len(data.things.ids),
        "impressions": len(log),
        "clicks": int(log.click.sum()),
        "days": int(log.time.max() // 86_400 - log.time.min() // 86_400 + 1),
    }


def _digest(folder: Path) -> str:
    return digest(sorted(folder.glob("*.safetensors")))
