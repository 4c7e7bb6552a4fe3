"""The option that names a mesh on this machine."""

from typing import Annotated

import typer

MeshName = Annotated[str, typer.Option("--name", help="Which of the meshes on this machine.")]

DEFAULT = "default"
"""The one that is meant where none is named."""
