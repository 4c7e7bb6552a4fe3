"""What goes wrong with a mesh on this machine, told to whoever started it."""

from collections.abc import Mapping


class MeshError(Exception):
    """A mesh that cannot start, is not there, or has broken; the message is for people."""


def not_started(messages: Mapping[str, str], otherwise: str) -> MeshError:
    """Name each deployment at fault with the last line of what Serve says of it."""
    faults = [f"stage {name} does not start: {last_line(m)}" for name, m in messages.items()]
    return MeshError("; ".join(faults) or last_line(otherwise))


def last_line(text: str) -> str:
    """Give the last line with anything on it: of a traceback, the error itself."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
