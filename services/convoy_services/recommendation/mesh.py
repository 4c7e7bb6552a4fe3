"""The mesh.yaml that serves a model repository."""

from importlib.resources import files
from pathlib import Path
from string import Template

from convoy_services.embedding.model import dimensions
from convoy_services.recommendation.model.version import Card

TEXT_MODEL = "all-MiniLM-L6-v2"
"""What embeds queries where a version has no titles to compare them with."""


def mesh_yaml(model: Path, store: str, card: Card) -> str:
    """Write the configuration that serves a repository over the store at a URL.

    The card's priors stand in for rankers, and queries are embedded as its titles were. Raises
    OSError where that encoder is not to be found.
    """
    template = Template((files(__package__) / "mesh.yaml").read_text("utf-8"))
    text_model = card.text_model or TEXT_MODEL
    return template.substitute(
        model=model.resolve(),
        store=store,
        p_click=f"{card.priors['p_click']:.4g}",
        dwell=f"{card.priors['dwell']:.4g}",
        text_model=text_model,
        dimensions=dimensions(text_model),
    )
