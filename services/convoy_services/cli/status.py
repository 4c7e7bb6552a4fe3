"""``convoy status``: what runs on this machine."""

import json
import time
from datetime import timedelta
from functools import partial
from textwrap import wrap
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from convoy_services.cli.console import fail, out
from convoy_services.cli.mesh_name import DEFAULT, MeshName
from convoy_services.local.errors import MeshError
from convoy_services.local.mesh import LocalMesh
from convoy_services.local.state import MeshState
from convoy_services.serve_config import RUNNING

OWN = ("grpc", "gateway")
"""Ports that have a line of their own."""


def status(
    *,
    name: MeshName = DEFAULT,
    as_json: Annotated[bool, typer.Option("--json", help="Write the state as JSON.")] = False,
) -> None:
    """Show pipelines, deployments and processes; the exit status is 0 only when all is well."""
    try:
        mesh = LocalMesh.find(name)
    except MeshError as exc:
        fail(str(exc))
    if mesh is None:
        fail(f"no mesh {name} is running")
    state = mesh.status()
    if as_json:
        typer.echo(json.dumps(state, indent=2))
    else:
        _show(state)
    if state["state"] != RUNNING:
        raise typer.Exit(1)


def _show(state: MeshState) -> None:
    age = timedelta(seconds=round(time.time() - state["since"]))
    out.print(Text.assemble("mesh ", (state["name"], "bold"), f", {state['state']}, for {age}"))
    if state["message"]:
        out.print(state["message"], style="red")
    times = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in state["start_s"].items())
    rows = {
        "gRPC": f"{state['target']} ({state['mode']})",
        "HTTP": state["url"] or "no gateway",
        "pipelines": ", ".join(state["pipelines"]),
        "start": times,
        "other ports": ", ".join(f"{k}={v}" for k, v in state["ports"].items() if k not in OWN),
        "log": state["log"],
    }
    for what, value in rows.items():
        lines = wrap(value, out.width - 12, break_long_words=False, break_on_hyphens=False)
        out.print(f"{what:<12}" + f"\n{'':<12}".join(lines))
    for table in (_pipelines(state), _deployments(state), _processes(state)):
        out.print()
        out.print(table)


def _pipelines(state: MeshState) -> Table:
    names = ("waiting", "answered", "failed", "left", "rows", "sent_again", "orphans")
    table = Table("pipeline", box=None, header_style="bold")
    for name in names:
        table.add_column("batches" if name == "left" else name.replace("_", " "), justify="right")
    for pipeline, count in sorted(state["traffic"].items()):
        table.add_row(pipeline, *(f"{count[name]:,}" for name in names))
    return table


def _deployments(state: MeshState) -> Table:
    table = Table("deployment", "state", "replicas", "stages", box=None, header_style="bold")
    for column in ("ready", "import", "load"):
        table.add_column(column, justify="right")
    for name, deployment in state["deployments"].items():
        table.add_row(
            name,
            deployment["state"],
            ", ".join(f"{n} {of}" for of, n in deployment["replicas"].items()),
            ", ".join(map(partial(_stage, state), deployment["stages"])),
            *(_seconds(deployment[key]) for key in ("seconds", "import_s", "load_s")),
        )
    return table


def _stage(state: MeshState, name: str) -> str:
    version = state["versions"].get(name)
    return f"{name} (version {version})" if version else name


def _processes(state: MeshState) -> Table:
    table = Table("process", box=None, header_style="bold")
    table.add_column("pid", justify="right")
    table.add_column("memory", justify="right")
    for process in state["processes"]:
        table.add_row(process["name"], str(process["pid"]), _megabytes(process["memory"]))
    total = sum(process["memory"] for process in state["processes"])
    table.add_row("all", "", _megabytes(total), style="bold")
    return table


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} s"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.0f} MB"
