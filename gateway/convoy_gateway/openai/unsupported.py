"""Parameters that are not taken: refused where they would change the answer."""

import json
from collections.abc import Mapping
from typing import Any

from convoy import Violation
from convoy.errors import invalid

PASSED_OVER = frozenset(
    {
        "metadata",
        "parallel_tool_calls",
        "prediction",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "service_tier",
        "store",
        "user",
    }
)
"""Parameters of a request that do not change the answer."""

NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "echo": (False,),
    "frequency_penalty": (0,),
    "function_call": ("none", "auto"),
    "functions": ([],),
    "logit_bias": ({},),
    "modalities": (["text"],),
    "presence_penalty": (0,),
    "response_format": ({"type": "text"},),
    "suffix": ("",),
    "tool_choice": ("none", "auto"),
    "tools": ([],),
}
"""What others may be, because it asks for nothing. Null, too, asks for nothing."""

MESSAGE_PASSED_OVER = frozenset({"annotations", "name"})
MESSAGE_NEUTRAL: Mapping[str, tuple[Any, ...]] = {"tool_calls": ([],)}

MOST = 16
"""Parameters that an error names."""


def refuse(
    given: Mapping[str, Any],
    passed_over: frozenset[str] = PASSED_OVER,
    neutral: Mapping[str, tuple[Any, ...]] = NEUTRAL,
    where: str = "",
) -> None:
    """Raise ConvoyError INVALID_ARGUMENT for what is ``given`` and neither harmless nor neutral.

    A name that nobody knows is refused as well: it may be a known one, misspelt. ``where`` is
    what the names stand behind, as in ``messages[2].``.
    """
    faults = [
        Violation(f"{where}{name[:64]}", _told(neutral.get(name, ())))
        for name, value in given.items()
        if name not in passed_over and not _asks_for_nothing(value, neutral.get(name, ()))
    ][:MOST]
    if faults:
        raise invalid(faults[0].field, faults[0].description, *faults[1:])


def _asks_for_nothing(value: Any, neutral: tuple[Any, ...]) -> bool:
    """Tell whether a value is null or neutral; in Python 0 is False, in JSON it is not."""
    same = (each for each in neutral if isinstance(each, bool) is isinstance(value, bool))
    return value is None or value in same


def _told(neutral: tuple[Any, ...]) -> str:
    told = "it is not supported: leave it out"
    return f"{told}, or send {json.dumps(neutral[0])}" if neutral else told
