"""``make playground``: a recommender behind the page of the gateway, until Ctrl-C."""

import signal
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
import yaml

from convoy_services.cli.console import err, fail, out
from convoy_services.cli.up import show
from convoy_services.demo.clock import Clock
from convoy_services.demo.recommender import KNOWN, LOG, Recommender
from convoy_services.local.errors import MeshError
from convoy_services.local.mesh import LocalMesh
from convoy_services.local.ports import is_taken
from convoy_services.recommendation.mesh import TEXT_MODEL

NAME = "playground"

TOGETHER = {
    "record": "features",
    **dict.fromkeys(("tokenize", "normalize", "recall_text"), "encode"),
    **dict.fromkeys(("recall_covisit", "similar", "items"), "recall_popular"),
}
"""Stages that share a replica: each replica takes two seconds of a core to start, and memory."""


def playground(
    *,
    http_port: Annotated[int, typer.Option(min=1, max=65535, help="The gateway's port.")] = 8080,
) -> None:
    """Train small models on a simulated log, serve them, and stay until Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if is_taken(http_port):  # said now, and not when all is trained
        fail(f"port {http_port} is taken: stop what has it, or choose another with --http-port")
    with (
        suppress(KeyboardInterrupt),
        tempfile.TemporaryDirectory(prefix="convoy-playground-") as folder,
    ):
        try:
            _serve(Path(folder), http_port)
        except MeshError as exc:
            fail(str(exc))
    err.print("ended")


def _serve(folder: Path, http_port: int) -> None:
    """Run it from start to end in an empty folder; raises MeshError."""
    clock = Clock()
    made = Recommender.make(folder, clock, text_model=TEXT_MODEL)
    mesh = LocalMesh.start(placed(made.config), name=NAME, gateway_port=http_port)
    try:
        with clock.time("start the mesh"):
            mesh.wait(show)
        out.print(clock.table())
        some = " and ".join(map(str, KNOWN))
        out.print(f"\nusers 1 to {LOG['users']} have a past, such as {some}; all others are new")
        out.print(f"gRPC: {mesh.target}; other commands take --name {NAME}")
        out.print(f"ready: open {mesh.url}/ in a browser; Ctrl-C ends it", style="bold green")
        mesh.stay()
    finally:
        err.print("ending")
        mesh.stop()


def placed(config: str) -> str:
    """Place the stages of a mesh.yaml so that few processes serve them."""
    mesh = yaml.safe_load(config)
    for stage, home in TOGETHER.items():
        mesh["stages"][stage]["place_with"] = home
    return str(yaml.safe_dump(mesh, sort_keys=False))


if __name__ == "__main__":
    typer.run(playground)
