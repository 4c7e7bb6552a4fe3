"""``convoy graph``: a pipeline as the DAG that it is."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convoy_services.cli import source
from convoy_services.cli.console import fail

if TYPE_CHECKING:
    from convoy_services.mesh.column import Column
    from convoy_services.mesh.plan import MeshPlan, PipelinePlan, StepPlan

INPUT, OUTPUT = "input", "output"


def graph(
    pipeline: Annotated[str, typer.Argument(help="The pipeline's name.")],
    *,
    dot: Annotated[bool, typer.Option("--dot", help="Write it for Graphviz.")] = False,
    config: Annotated[
        Path | None, typer.Option(help="Default: ./mesh.yaml, else the one that ships.")
    ] = None,
) -> None:
    """Show a pipeline's steps, the deployments they run in, and the columns between them."""
    mesh = source.checked(source.load(config))
    plan = mesh.pipelines.get(pipeline)
    if plan is None:
        fail(f"there is no pipeline {pipeline!r}; there are: {', '.join(mesh.pipelines)}")
    typer.echo(as_dot(mesh, plan) if dot else as_text(mesh, plan))


def as_text(mesh: "MeshPlan", pipeline: "PipelinePlan") -> str:
    """Write the steps in their order, above each the columns that come to it.

    A solid line is an edge from the step right above, a dotted one an edge from further up.
    """
    lines = [f"{pipeline.name}: {pipeline.inputs} → {pipeline.outputs}", "", INPUT]
    above = INPUT
    for step in pipeline.steps:
        deployment = mesh.deployments[step.deployment]
        replicas = f" x{deployment.replicas}" if deployment.replicas > 1 else ""
        where = f"{mesh.stages[step.stage].kind}, in {deployment.name}{replicas}"
        lines += _lines(pipeline, _taken(step), above)
        lines.append(f"{step.name}  ({where}{_conditions(step)})")
        above = step.name
    return "\n".join([*lines, *_lines(pipeline, pipeline.sources.values(), above), OUTPUT])


def as_dot(mesh: "MeshPlan", pipeline: "PipelinePlan") -> str:
    """Write the DAG in Graphviz's language, each deployment a box around its steps."""
    lines = [f'digraph "{pipeline.name}" {{', "  rankdir=LR; node [shape=box];"]
    for name in dict.fromkeys(step.deployment for step in pipeline.steps):
        inside = " ".join(f'"{s.name}";' for s in pipeline.steps if s.deployment == name)
        replicas = mesh.deployments[name].replicas
        lines.append(f'  subgraph "cluster_{name}" {{ label="{name} x{replicas}"; {inside} }}')
    lines.append(f'  "{INPUT}" [shape=oval]; "{OUTPUT}" [shape=oval];')
    takers = {step.name: _taken(step) for step in pipeline.steps}
    for taker, columns in [*takers.items(), (OUTPUT, list(pipeline.sources.values()))]:
        for name, column, giver in _edges(pipeline, columns):
            lines.append(f'  "{giver}" -> "{taker}" [label="{name} {column}"];')
    return "\n".join([*lines, "}"])


def _lines(pipeline: "PipelinePlan", names: Iterable[str], above: str) -> Iterator[str]:
    for name, column, giver in _edges(pipeline, names):
        yield f" │ {name} {column}" if giver == above else f" ┆ {name} {column}, from {giver}"


def _edges(pipeline: "PipelinePlan", names: Iterable[str]) -> Iterator[tuple[str, "Column", str]]:
    """Give each column with its type and the step that it comes from."""
    for name in names:
        steps = [step for step in pipeline.steps if name in step.columns]
        if steps:
            yield name, steps[0].columns[name], steps[0].name
        else:
            yield name, pipeline.inputs[name], INPUT


def _taken(step: "StepPlan") -> list[str]:
    return list(dict.fromkeys([*step.consumes.values(), *([step.when] if step.when else [])]))


def _conditions(step: "StepPlan") -> str:
    when = f", where {step.when}" if step.when else ""
    return f"{when}, optional within {step.budget:g} s" if step.budget is not None else when
