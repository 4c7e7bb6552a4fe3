"""The mesh itself, as ``convoy up`` starts it."""

import os
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from unittest.mock import patch

import psutil
import yaml

from benchmarks.contestants.work import MODEL
from convoy_services.local.events import Event
from convoy_services.local.mesh import LocalMesh

ROOT = Path(__file__).parents[2]
STAGES = ("receive", "reflect", "return", "again")
CLASSES = ("Receive", "Reflect", "Return", "Return")


class Convoy:
    """A mesh under a name of the benchmark's own, which leaves nothing behind."""

    def __init__(
        self, config: dict[str, Any], *, gateway: bool = False, **environment: str
    ) -> None:
        """Begin to start it, with more in its environment."""
        self._folder = tempfile.TemporaryDirectory(prefix="convoy-bench-")
        more = {"XDG_STATE_HOME": self._folder.name, **environment}
        with patch.dict(os.environ, more):
            self.mesh = LocalMesh.start(
                yaml.safe_dump(config),
                name="bench",
                home=ROOT,
                gateway_port=0 if gateway else None,
            )
        self.events: list[Event] = []

    @property
    def ready(self) -> dict[str, Any]:
        """Wait until it answers, and say how a load reaches it."""
        if not self.events:
            self.mesh.wait(self.events.append)
        return {"protocol": "grpc", "address": self.mesh.target}

    @property
    def ray_address(self) -> str:
        """Where a driver finds its Ray; said on the raylet's command line."""
        flag = "--gcs-address="
        for process in self.mesh.status()["processes"]:
            for word in psutil.Process(process["pid"]).cmdline():
                if word.startswith(flag):
                    return word.removeprefix(flag)
        raise RuntimeError("the mesh has no raylet")

    def stop(self) -> None:
        self.mesh.stop()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.stop()


def echo() -> dict[str, Any]:
    """Configure pipelines ``hops1`` to ``hops4`` over the same stages; ``echo`` has three."""
    stages = {
        name: {"class": f"convoy_services.echo:{cls}"}
        for name, cls in zip(STAGES, CLASSES, strict=True)
    }
    pipelines = {f"hops{n}": _echo(n) for n in range(1, len(STAGES) + 1)}
    return {"stages": stages, "pipelines": pipelines | {"echo": _echo(3)}}


def embedding(engine: str, precision: str) -> dict[str, Any]:
    """Configure ``embedding`` with one thread for the encoder."""
    model = {"model": MODEL}
    where = "convoy_services.embedding"
    encode = model | {"engine": engine, "precision": precision}
    return {
        "stages": {
            "tokenize": {"class": f"{where}:Tokenize", "settings": model},
            "encode": {"class": f"{where}:Encode", "settings": encode, "cpus": 1},
            "normalize": {"class": f"{where}:Normalize", "settings": model},
        },
        "pipelines": {
            "embedding": {
                "steps": [
                    {"stage": "tokenize", "from": ["text"]},
                    {"stage": "encode", "from": ["input_ids"]},
                    {"stage": "normalize", "from": ["pooled", "dimensions", "normalize"]},
                ],
                "outputs": ["embedding", "tokens"],
            }
        },
    }


def _echo(hops: int) -> dict[str, Any]:
    steps = []
    column = "data"
    for name in STAGES[:hops]:
        steps.append({"stage": name, "from": {"data": column}, "to": {"data": f"{name}_data"}})
        column = f"{name}_data"
    return {"steps": steps, "outputs": {"data": column}}
