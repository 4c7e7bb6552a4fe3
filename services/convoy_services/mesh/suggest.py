"""Names that are unknown, and those that may have been meant."""

from collections.abc import Collection
from difflib import get_close_matches


def unknown(kind: str, name: str, known: Collection[str]) -> str:
    """Say that there is none of a name, and which one may have been meant."""
    return suggest(f"there is no {kind} {name!r}", name, known)


def suggest(message: str, name: str, known: Collection[str]) -> str:
    """Add to a message about a name that is unknown the one that was meant."""
    near = get_close_matches(name, list(known), 1)
    hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known) or 'none'}"
    return f"{message}; {hint}"
