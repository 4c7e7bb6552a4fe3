"""``convoy trace``: the last requests of a mesh on this machine, each a waterfall."""

import json
from typing import Annotated

import typer

from convoy_services.cli import waterfall
from convoy_services.cli.console import err, fail, out
from convoy_services.cli.mesh_name import DEFAULT, MeshName
from convoy_services.local.errors import MeshError
from convoy_services.local.mesh import LocalMesh


def trace(
    trace_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="The first digits of one trace's id.")
    ] = None,
    *,
    slow: Annotated[bool, typer.Option("--slow", help="The slowest first.")] = False,
    errors: Annotated[bool, typer.Option("--errors", help="Only those that failed.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many are shown.")] = 1,
    name: MeshName = DEFAULT,
    as_json: Annotated[bool, typer.Option("--json", help="Write the spans, by trace.")] = False,
) -> None:
    """Show where the time of the last traced requests went; no collector is needed."""
    try:
        mesh = LocalMesh.find(name)
        if mesh is None or not mesh.alive:
            fail(f"no mesh {name} is running")
        spans = mesh.spans()
    except MeshError as exc:
        fail(str(exc))
    every = requests = waterfall.requests(spans)
    if trace_id:
        requests = [span for span in requests if span["trace"].startswith(trace_id)]
    if errors:
        requests = [span for span in requests if span["error"] is not None]
    requests.sort(key=waterfall.seconds if slow else waterfall.started, reverse=True)
    if trace_id and not requests:
        fail(f"there is no such trace among the last {len(every)}")
    trees = [waterfall.tree(request, spans) for request in requests[:limit]]
    if as_json:
        typer.echo(json.dumps([[span for _, span in tree] for tree in trees], indent=2))
        return
    if not trees:
        err.print(f"none of the last {len(every)} traced calls" if every else "no traced calls yet")
    for tree in trees:
        out.print(waterfall.draw(tree, out.width))
