"""What goes wrong with a mesh on this machine, told to whoever started it."""

import logging
from collections.abc import Mapping

log = logging.getLogger(__name__)

DIED = "its process died: it crashed, or was killed for want of memory"
"""What Ray's bare ActorDiedError() says."""


class MeshError(Exception):
    """A mesh that cannot start, is not there, or has broken; the message is for people."""


def not_started(messages: Mapping[str, str], otherwise: str) -> MeshError:
    """Name each deployment at fault with the error that Serve has of it."""
    log.error("%s", "\n".join([*messages.values(), otherwise]))
    faults = [f"stage {name} does not start: {last_error(m)}" for name, m in messages.items()]
    return MeshError("; ".join(faults) or last_error(otherwise))


def last_error(text: str) -> str:
    """Give the error with which a traceback ends, on one line; of any other text its last line."""
    lines = [line for line in text.splitlines() if line.strip()]
    code = [i for i, line in enumerate(lines) if line.startswith("  ")]
    error = " ".join(lines[code[-1] + 1 :] if code else lines[-1:])
    return DIED if error == "ActorDiedError()" else error
