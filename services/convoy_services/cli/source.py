"""Which mesh.yaml a command works on, and what it says."""

import sys
from contextlib import chdir
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convoy_services.cli.console import err, fail

if TYPE_CHECKING:
    from convoy_services.mesh.plan import MeshPlan

OWN = Path("mesh.yaml")
PACKAGED = Path(__file__).parent.parent / "mesh.yaml"

Config = Annotated[
    Path | None,
    typer.Argument(metavar="[MESH.YAML]", help="Default: ./mesh.yaml, else the one that ships."),
]


@dataclass(frozen=True, slots=True)
class MeshFile:
    """A mesh.yaml."""

    path: Path
    text: str
    home: Path
    """The folder where its stages are looked for besides the installed packages."""


def load(path: Path | None) -> MeshFile:
    """Read a mesh.yaml; ends the command where there is none."""
    chosen = path or (OWN if OWN.exists() else PACKAGED)
    try:
        text = chosen.read_text()
    except OSError as exc:
        fail(f"{chosen}: {exc.strerror}")
    return MeshFile(chosen, text, Path.cwd() if chosen is PACKAGED else chosen.absolute().parent)


def checked(file: MeshFile) -> "MeshPlan":
    """Check a mesh.yaml as a whole; ends the command with a line for each problem."""
    from convoy_services.config import ConfigError, survey
    from convoy_services.mesh.graph import plan

    sys.path.insert(0, str(file.home))
    try:
        return plan(survey(file.text))
    except ConfigError as exc:
        for problem in exc.problems:
            place = f"{file.path}:{problem.line}" if problem.line else str(file.path)
            err.print(f"{place}:", style="bold", end=" ")
            err.print(str(problem).removeprefix(f"line {problem.line}: "))
        raise typer.Exit(1) from None


def without_versions(file: MeshFile, mesh: "MeshPlan") -> list[str]:
    """Say of each stage whose model repository, on this machine, has no version."""
    places = {s.name: s.repository for s in mesh.stages.values() if s.repository}
    return [
        f"{file.path}: stages.{name}: there is no version of a model in {repository.folder}"
        for name, repository in places.items()
        if not replace(repository, folder=file.home / repository.folder).versions()
    ]


def without_models(file: MeshFile, mesh: "MeshPlan") -> list[str]:
    """Say of each stage that its model is not on this machine, as far as that is known."""
    from convoy_services.mesh.loaded import stage_class

    with chdir(file.home):  # as its replicas are
        told = {s.name: stage_class(s.cls)(**s.settings).absent() for s in mesh.stages.values()}
    return [f"{file.path}: stages.{name}: {absent}" for name, absent in told.items() if absent]
