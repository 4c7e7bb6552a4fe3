"""The mesh.yaml that serves a model repository, and what else it says of it."""

from importlib.resources import files
from pathlib import Path
from string import Template

import yaml

from convoy_services.embedding.model import dimensions
from convoy_services.mesh.repository import Repository
from convoy_services.recommendation.model.version import Card

TEXT_MODEL = "all-MiniLM-L6-v2"
"""What embeds queries where a version has no titles to compare them with."""


MESH = "mesh.yaml"
"""Its file, beside the versions."""


def mesh_yaml(model: Path, store: str, card: Card) -> str:
    """Write the configuration that serves a repository over the store at a URL.

    The card's priors stand in for rankers, and queries are embedded as its titles were. Raises
    OSError where that encoder is not to be found.
    """
    template = Template((files(__package__) / "mesh.template.yaml").read_text("utf-8"))
    text_model = card.text_model or TEXT_MODEL
    return template.substitute(
        model=model.resolve(),
        store=store,
        p_click=f"{card.priors['p_click']:.4g}",
        dwell=f"{card.priors['dwell']:.4g}",
        text_model=text_model,
        dimensions=dimensions(text_model),
    )


def store_of(repository: Path) -> str:
    """Give the URL of the feature store: the one in the repository's mesh.yaml, or a file there."""
    file = repository / MESH
    said = (yaml.safe_load(file.read_text("utf-8")) if file.exists() else None) or {}
    for stage in said.get("stages", {}).values():
        if stage["class"] == "convoy_services.recommendation:Features":
            return str(stage["settings"]["store"])
    return f"sqlite:///{(repository / 'events.db').resolve()}"


def text_model(repository: Path) -> str:
    """Name what embedded the titles of the newest version; empty where nothing did."""
    versions = Repository(repository).versions()
    return Card.load(repository / versions[-1]).text_model if versions else ""


def check_encoder(model: str) -> None:
    """Raise ValueError where there is no such text model."""
    try:
        dimensions(model)
    except (OSError, ValueError) as exc:
        raise ValueError(f"there is no encoder {model!r} on this machine, nor on the hub") from exc
