"""``convoy call``: rows through a pipeline of a running mesh."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from convoy_services.cli import timing
from convoy_services.cli.console import err, fail, out
from convoy_services.cli.mesh_name import DEFAULT, MeshName
from convoy_services.local.errors import MeshError
from convoy_services.local.mesh import LocalMesh

if TYPE_CHECKING:
    import grpc

    from convoy import Batch, Timing
    from convoy.v1 import pipeline_pb2 as pb

TARGET = "127.0.0.1:9000"
LONGEST = 2**31 - 1
"""Bytes of a message, sent or received: what gRPC can carry."""


def call(
    pipeline: Annotated[str, typer.Argument(help="The pipeline's name.")],
    *,
    text: Annotated[
        list[str] | None, typer.Option(help="A row of one text; may be given many times.")
    ] = None,
    rows: Annotated[
        str | None, typer.Option("--json", help=r"{column: \[rows …]}, or a list of rows.")
    ] = None,
    file: Annotated[
        list[Path] | None,
        typer.Option(help="One NAME.json: as --json. Any other: a row of its bytes; many times."),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help=f"Default: the running mesh's, else {TARGET}."),
    ] = None,
    name: MeshName = DEFAULT,
    timeout: Annotated[float, typer.Option(help="Seconds that the answer may take.")] = 60.0,
    show_timing: Annotated[
        bool, typer.Option("--timing", help="Tell where the time went, on standard error.")
    ] = False,
    json_output: Annotated[
        bool, typer.Option("--json-output", help="Write JSON, as when the output is piped.")
    ] = False,
) -> None:
    """Send rows through a pipeline; the exit status is 1 when a row fails."""
    import grpc

    if sum(map(bool, (text, rows, file))) != 1:
        fail("give the rows by one of --text, --json and --file")
    if not timeout > 0:
        fail("--timeout is a number of seconds above 0")
    options = [
        ("grpc.max_receive_message_length", LONGEST),
        ("grpc.max_send_message_length", LONGEST),
    ]
    target = target or found(name)
    with grpc.insecure_channel(target, options) as channel:
        try:
            result, told = _run(channel, pipeline, timeout, text or [], rows, file or [])
        except grpc.RpcError as exc:
            fail(reason(exc, target))
        except (ValueError, OSError) as exc:
            fail(str(exc))
    _show(result, as_json=json_output or not out.is_terminal)
    if show_timing:
        err.print(timing.table(told))
    if result.failures:
        raise typer.Exit(1)


def _run(
    channel: "grpc.Channel",
    pipeline: str,
    timeout: float,
    texts: Sequence[str],
    rows: str | None,
    files: Sequence[Path],
) -> "tuple[Batch, Timing]":
    from convoy import Timing
    from convoy.timing import KEY
    from convoy.v1 import pipeline_pb2 as pb
    from convoy.v1 import pipeline_pb2_grpc
    from convoy.wire import read_batch, write_batch

    stub = pipeline_pb2_grpc.PipelineServiceStub(channel)
    described = stub.Describe(pb.DescribeRequest(pipeline=pipeline), timeout=timeout)
    request = pb.RunRequest(pipeline=pipeline)
    write_batch(_inputs(described, texts, rows, files), request.batch)
    told = Timing()
    response, call = stub.Run.with_call(request, timeout=timeout, metadata=[(KEY, "1")])
    told.read(call.trailing_metadata())
    return read_batch(response.batch), told


def _inputs(
    described: "pb.DescribeResponse", texts: Sequence[str], rows: str | None, files: Sequence[Path]
) -> "Batch":
    """Read what was given; raises ValueError or OSError where it does not fit the pipeline."""
    from convoy_services.cli.rows import from_elements, from_json

    if any(file.suffix == ".json" for file in files):
        if len(files) > 1:
            raise ValueError("give a .json file alone: it holds rows, any other file is one row")
        rows = files[0].read_text()
    if rows is not None:
        return from_json(rows, described)
    return from_elements([*texts, *(file.read_bytes() for file in files)], described)


def reason(error: Any, target: str) -> str:
    """Say why a call to a target failed."""
    if error.code().name == "UNAVAILABLE" and "failed to connect" in error.details():
        return f"no mesh answers on {target}; start one with `convoy up`"
    return f"{error.code().name}: {error.details()}"


def found(name: str) -> str:
    """Give the target of a mesh on this machine; ends the command where it is not there."""
    try:
        mesh = LocalMesh.find(name)
    except MeshError as exc:
        fail(str(exc))
    if mesh is None and name != DEFAULT:
        fail(f"no mesh {name} is running")
    return mesh.target if mesh else TARGET


def _show(result: "Batch", *, as_json: bool) -> None:
    from convoy_services.cli import rows

    for degraded in result.degradations:
        named = ", ".join(map(str, degraded.rows))
        err.print(f"{degraded.step} fell back ({degraded.reason}) in rows {named}")
    if as_json:
        typer.echo(json.dumps(rows.as_json(result), ensure_ascii=False))
        return
    table = Table("row", *result.columns, box=None, header_style="bold")
    for i, values in enumerate(rows.as_text(result)):
        if i not in result.failures:
            table.add_row(str(i), *values.values())
    out.print(table)
    for row, error in sorted(result.failures.items()):
        err.print(f"row {row}: {error}", style="red")
