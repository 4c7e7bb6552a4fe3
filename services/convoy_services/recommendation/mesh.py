"""The mesh.yaml that serves a model repository."""

from importlib.resources import files
from pathlib import Path
from string import Template


def mesh_yaml(model: Path, store: str, *, p_click: float, dwell: float) -> str:
    """Write the configuration: the repository, the store's URL, and what stands in for rankers.

    ``p_click`` and ``dwell`` (seconds) are what the models predict on average.
    """
    template = Template((files(__package__) / "mesh.yaml").read_text("utf-8"))
    return template.substitute(
        model=model.resolve(),
        store=store,
        p_click=f"{p_click:.4g}",
        dwell=f"{dwell:.4g}",
    )
