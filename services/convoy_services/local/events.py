"""How the start of a mesh goes on: events, one JSON object a line."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path


class Kind(StrEnum):
    """What has happened."""

    RAY = "ray"
    """Ray runs."""
    SERVE = "serve"
    """Serve runs, its proxies included."""
    GATEWAY = "gateway"
    """The gateway answers; the mesh behind it need not yet."""
    STAGE = "stage"
    """Every replica of a deployment is ready."""
    READY = "ready"
    """A call through the mesh's port has been answered."""
    FAILED = "failed"
    """The mesh cannot start, or has broken: its supervisor ends. Or an update has failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event."""

    kind: Kind
    seconds: float
    """How long this took; for READY the whole start, from the moment that it was asked for."""
    deployment: str = ""
    stages: tuple[str, ...] = ()
    """The stages of the deployment."""
    import_s: float = 0.0
    """The seconds of ``seconds`` in which a replica imported its stages."""
    load_s: float = 0.0
    """The seconds in which they loaded, models above all."""
    message: str = ""
    """For FAILED: what is wrong."""

    def write(self, file: Path) -> None:
        """Append the event."""
        with file.open("a") as out:
            out.write(json.dumps(asdict(self)) + "\n")


def read(file: Path, skip: int = 0) -> Iterator[Event]:
    """Give the events that are complete, from the one at ``skip`` on; none without a file."""
    text = file.read_text() if file.exists() else ""
    for line in text.splitlines(keepends=True)[skip:]:
        if line.endswith("\n"):
            fields = json.loads(line)
            kind, stages = Kind(fields.pop("kind")), tuple(fields.pop("stages"))
            yield Event(kind=kind, stages=stages, **fields)
