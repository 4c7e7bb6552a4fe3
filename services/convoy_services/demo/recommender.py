"""A small recommender out of nothing: a simulated log, what was trained on it, and its users."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from rich.progress import Progress, TaskID

from convoy_services.cli.console import out
from convoy_services.demo.clock import Clock
from convoy_services.recommendation.mesh import mesh_yaml
from convoy_services.recommendation.model.version import Card
from convoy_services.recommendation.store import open_store
from convoy_services.recommendation.training.backfill import backfill
from convoy_services.recommendation.training.log import Data
from convoy_services.recommendation.training.readers import read
from convoy_services.recommendation.training.simulator import simulate
from convoy_services.recommendation.training.train import train

LOG = {"users": 400, "items": 1000, "impressions": 40_000, "days": 14, "seed": 0}
KNOWN = (17, 42)
"""Users of the log, whose ids are from 1 to their number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommender:
    """What a mesh can serve."""

    data: Data
    """The log."""
    config: str
    """The mesh.yaml of version 1 and of the store that knows the log's users."""

    @classmethod
    def make(cls, folder: Path, clock: Clock, *, text_model: str = "") -> Self:
        """Make log, models and store in a folder; titles are embedded where an encoder is named."""
        with clock.time("simulate a log"):
            out.print("{impressions} impressions of {items} videos to {users} users".format(**LOG))
            for _ in simulate(folder / "log", **LOG):
                pass
        with clock.time("train tower and rankers, quickly"):
            data = read(folder / "log")
            version = _train(data, folder / "models", text_model)
        url = f"sqlite:///{folder / 'events.db'}"
        with clock.time("put its users into the feature store"), open_store(url) as store:
            for _ in backfill(data.log, store):
                pass
        return cls(data=data, config=mesh_yaml(folder / "models", url, Card.load(version)))


def _train(data: Data, repository: Path, text_model: str) -> Path:
    """Train a version, with a bar for each part; gives its folder."""
    with Progress(console=out, transient=True) as progress:
        bars: dict[str, TaskID] = {}

        def tell(stage: str, done: int, of: int) -> None:
            if stage not in bars:
                bars[stage] = progress.add_task(stage, total=of)
            progress.update(bars[stage], completed=done)

        return train(data, repository, quick=True, text_model=text_model, progress=tell)
