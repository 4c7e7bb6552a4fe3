"""A model repository: one folder whose sub-folders 1, 2, 3 … are versions.

A version holds all that the stages need, so that models which belong together come together:

    card.json          what it is (see ``Card``)            README.md       the same, for people
    items.npz          the catalogue                        config.json     the sizes of the nets
    vectors.npy        float32 [items, 64], of the tower    vectors.faiss   their index
    covisit.npz        what is watched after what
    tower.safetensors  click.safetensors  dwell.safetensors (the last where play times were known)
    titles.npz         the items' titles (where there are any)
    texts.faiss        their index (where they were embedded)
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

from convoy_services.mesh.repository import Repository

CARD = "card.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a machine may want to know of a version."""

    dataset: str
    """The reader's name and the folder's."""
    date: str
    """When it was trained, UTC, as ISO 8601 writes it."""
    seed: int
    sizes: dict[str, int]
    """users, items, impressions, clicks, days."""
    priors: dict[str, float]
    """``p_click``: the mean; ``dwell``: the mean of seconds after a click. What is said of an
    item that nothing is known of."""
    metrics: dict[str, Any]
    """As ``training.evaluate`` gives them."""
    data: str
    """SHA-256 of the data's files."""
    weights: str
    """SHA-256 of the safetensors, in the order of their names."""
    text_model: str = ""
    """Which encoder embedded the titles; empty where none did."""

    def save(self, folder: Path) -> None:
        """Write it into a version's folder."""
        (folder / CARD).write_text(json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read it from a version's folder; raises OSError, ValueError."""
        try:
            return cls(**json.loads((folder / CARD).read_text()))
        except TypeError as exc:
            raise ValueError(f"{folder / CARD}: {exc}") from exc


def write_version(repository: Path, write: Callable[[Path], None]) -> Path:
    """Make the next version by a function that fills an empty folder; gives the version's folder.

    It is renamed at the end: nobody sees half a version. Raises OSError and what ``write`` raises.
    """
    repository.mkdir(parents=True, exist_ok=True)
    made = repository / f".new-{uuid4().hex}"
    made.mkdir()
    try:
        write(made)
        for file in made.iterdir():
            file.chmod(0o644)  # safetensors are for their owner alone otherwise
        number = max(map(int, Repository(repository).versions()), default=0) + 1
        while (repository / str(number)).exists():
            number += 1
        return made.rename(repository / str(number))
    finally:
        shutil.rmtree(made, ignore_errors=True)
