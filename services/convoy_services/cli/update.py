"""``convoy update``: roll a changed mesh.yaml, or changed code, out as calls go on."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from convoy_services.cli import source
from convoy_services.cli.console import err, fail, out
from convoy_services.cli.mesh_name import DEFAULT, MeshName
from convoy_services.cli.up import show
from convoy_services.local.errors import MeshError
from convoy_services.local.mesh import LocalMesh


def update(
    config: Annotated[
        Path | None,
        typer.Argument(metavar="[MESH.YAML]", help="Default: what runs, for changed code."),
    ] = None,
    *,
    name: MeshName = DEFAULT,
) -> None:
    """Replace every replica of a mesh on this machine, one by one.

    Stages are looked for where they were at the start: in the installed packages, and in the folder
    of the mesh.yaml that the mesh was started with.
    """
    try:
        mesh = LocalMesh.find(name)
        if mesh is None or not mesh.alive:
            fail(f"no mesh {name} is running")
        file = replace(source.load(config or mesh.settings.config), home=mesh.settings.home)
        source.checked(file)
        with err.status("updating"):
            mesh.update(file.text, show)
    except MeshError as exc:
        fail(str(exc))
    out.print(f"updated: gRPC on {mesh.target}", style="bold green")
