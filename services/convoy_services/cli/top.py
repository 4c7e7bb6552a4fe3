"""``convoy top``: what a mesh on this machine does, as it does it."""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer
from rich.live import Live

from convoy_services.cli.console import fail, out
from convoy_services.cli.mesh_name import DEFAULT, MeshName
from convoy_services.local.errors import MeshError
from convoy_services.local.mesh import LocalMesh

if TYPE_CHECKING:
    from convoy_services.cli.look import Seen

KEPT = 30
"""Looks whose rates are drawn."""


def top(
    *,
    name: MeshName = DEFAULT,
    every: Annotated[float, typer.Option(min=0.2, help="Seconds between two looks.")] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="Look once, and end.")] = False,
) -> None:
    """Show pipelines, stages and replicas live: rates, latencies, queues, batches; Ctrl-C ends."""
    from convoy_services.cli.screen import screen

    rates: dict[str, deque[float]] = {}
    with suppress(KeyboardInterrupt):
        try:
            if once:
                out.print(screen(next(_looks(name, every)), {}))
                return
            with Live(console=out, screen=out.is_terminal, auto_refresh=False) as live:
                for seen in _looks(name, every):
                    for pipeline in seen.state["pipelines"]:
                        of_one = rates.setdefault(pipeline, deque(maxlen=KEPT))
                        of_one.append(
                            seen.change.rate("convoy_request_seconds_count", pipeline=pipeline)
                        )
                    live.update(screen(seen, rates), refresh=True)
        except MeshError as exc:
            fail(str(exc))


def _looks(name: str, every: float) -> "Iterator[Seen]":
    """Look again and again; raises MeshError where the mesh does not run."""
    from convoy_services.cli.look import Seen, take
    from convoy_services.telemetry.look import Change

    before = None
    while True:
        mesh = LocalMesh.find(name)
        if mesh is None or not mesh.alive:
            raise MeshError(f"no mesh {name} is running")
        try:
            now = take(mesh)
        except MeshError:  # the ingress that had the port has ended: another takes it
            if before is None:
                raise
        else:
            if before:
                yield Seen(Change(before, now), mesh.status())
            before = now
        time.sleep(every)
