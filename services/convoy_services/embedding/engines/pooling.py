"""How a model makes one embedding of a row's tokens."""

import json
from pathlib import Path
from typing import Any

import torch
from transformers.utils.hub import cached_file

POOLINGS = ("mean", "cls")


def pooling_of(model: str) -> str:
    """Read the model's ``1_Pooling/config.json``; a model without one is pooled by mean.

    Raises ValueError where it asks for what is not in POOLINGS: another embedding than the one the
    model was trained for would be a silent mistake.
    """
    path = cached_file(model, "1_Pooling/config.json", _raise_exceptions_for_missing_entries=False)
    if path is None:
        return "mean"
    asked = _asked(json.loads(Path(path).read_text()))
    if len(asked) != 1 or asked[0] not in POOLINGS:
        wanted = " and ".join(asked) or "nothing"
        raise ValueError(f"{model} pools by {wanted}: there is {' and '.join(POOLINGS)}")
    return asked[0]


def _asked(config: dict[str, Any]) -> list[str]:
    """Read sentence-transformers' format: one name or a list, or a flag each before its 5.3."""
    if "pooling_mode" in config:
        mode = config["pooling_mode"]
        return [mode] if isinstance(mode, str) else list(mode)
    prefix = "pooling_mode_"
    flags = [key for key, value in config.items() if key.startswith(prefix) and value is True]
    names = (flag.removeprefix(prefix) for flag in flags)
    return [name.removesuffix("_tokens").removesuffix("_token") for name in names]


def pool(kind: str, hidden: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
    """Make [n, dim] float32 of ``hidden`` [n, t, dim] and ``attention_mask`` [n, t]."""
    if kind == "cls":
        return hidden[:, 0].float()
    weights = attention_mask.unsqueeze(1).float()
    return torch.bmm(weights, hidden.float()).squeeze(1) / weights.sum(2).clamp(min=1)
