"""``convoy bench``: load a pipeline and tell how fast it is, and where the time goes."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convoy_services.cli.call import found
from convoy_services.cli.console import err, fail, out
from convoy_services.cli.mesh_name import DEFAULT, MeshName

if TYPE_CHECKING:
    from convoy import Batch, Client
    from convoy_services.bench.result import Result


def bench(
    pipeline: str,
    *,
    concurrency: Annotated[
        str, typer.Option(help="Closed loops, with so many calls in flight each: 1,8,64.")
    ] = "",
    rate: Annotated[
        str, typer.Option(help="Open loops, with so many calls a second each: 50,100,200.")
    ] = "",
    duration: Annotated[str, typer.Option(help="Of each load, as in 10s.")] = "10s",
    rows: Annotated[int, typer.Option(min=1, help="Rows a call, where they are made up.")] = 1,
    file: Annotated[
        Path | None, typer.Option(help="JSON rows, as `convoy call --json` takes; each a call.")
    ] = None,
    timeout: Annotated[float, typer.Option(min=0.001, help="Seconds of each call.")] = 30.0,
    target: Annotated[str | None, typer.Option(metavar="HOST:PORT")] = None,
    name: MeshName = DEFAULT,
    as_json: Annotated[bool, typer.Option("--json", help="Write the figures as JSON.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write a page with plots, too.")] = None,
) -> None:
    """Load a pipeline, one load after the other, and tell how it answers.

    In a closed loop each caller waits for its answer before it sends again; a mesh that stalls is
    then asked less, and its worst latencies are few. In an open loop calls come whether or not
    earlier ones are answered, and latencies count from when a call was due: coordinated omission is
    avoided. Nothing is retried.
    """
    from convoy import ConvoyError

    results: list[Result] = []
    try:
        loads = _loads(concurrency, rate)
        seconds = _seconds(duration)
        if html and not html.absolute().parent.is_dir():
            fail(f"{html.parent} is no folder")
        with suppress(KeyboardInterrupt):  # what is finished is told
            asyncio.run(
                _run(results, target or found(name), pipeline, loads, seconds, rows, file, timeout)
            )
    except (ValueError, OSError, ConvoyError) as exc:
        fail(str(exc))
    if html:
        from convoy_services.bench.page import page

        html.write_text(page(pipeline, results))
    if as_json:
        typer.echo(json.dumps({"pipeline": pipeline, "results": results}, indent=2))
    else:
        from convoy_services.bench.table import tables

        out.print(*tables(results), sep="\n")
    for result in results:
        for warning in result["warnings"]:
            err.print(f"{result['load']}: {warning}", style="yellow")
    if error := next((result["error"] for result in results if result["error"]), ""):
        err.print(f"the first failure: {error}", style="yellow")
    if not any(result["answered"] for result in results):
        raise typer.Exit(1)


Load = tuple[str, float]
"""``concurrency`` or ``rate``, and how much."""


def _loads(concurrency: str, rate: str) -> list[Load]:
    try:
        callers = [("concurrency", float(int(n))) for n in concurrency.split(",") if n]
        rates = [("rate", float(n)) for n in rate.split(",") if n]
    except ValueError:
        raise ValueError("--concurrency and --rate are numbers with commas: 1,8,64") from None
    loads = callers + rates or [("concurrency", n) for n in (1.0, 8.0, 64.0)]
    if any(much <= 0 for _, much in loads):
        raise ValueError("--concurrency and --rate are above 0")
    return loads


def _seconds(duration: str) -> float:
    from pydantic import TypeAdapter, ValidationError

    from convoy_services.config import Seconds

    try:
        return float(TypeAdapter(Seconds).validate_python(duration))
    except ValidationError as exc:
        wrong = exc.errors()[0]["msg"].removeprefix("Value error, ")
        raise ValueError(f"--duration: {wrong}") from None


async def _run(
    results: "list[Result]",
    target: str,
    pipeline: str,
    loads: list[Load],
    seconds: float,
    rows: int,
    file: Path | None,
    timeout: float,
) -> None:
    """Load the pipeline in every way, one after the other, and add what was found."""
    from convoy import Client
    from convoy.client import Retry
    from convoy_services.bench.load import closed, opened, sending
    from convoy_services.bench.result import result

    async with Client(target, retry=Retry(burst=0)) as client:
        send = sending(client, pipeline, await _batches(client, pipeline, rows, file), timeout)
        with err.status("") as status:
            for kind, much in loads:
                load = f"{much:g} in flight" if kind == "concurrency" else f"{much:g} calls/s"
                status.update(f"{load}, {seconds:g} s")
                if kind == "concurrency":
                    seen = await closed(send, int(much), seconds)
                else:
                    seen = await opened(send, much, seconds)
                results.append(result(load, seen))


async def _batches(
    client: "Client", pipeline: str, rows: int, file: Path | None
) -> "Iterator[Batch]":
    """Give what is sent, without end."""
    from convoy_services.bench.payload import payloads
    from convoy_services.cli.rows import from_json

    described = await client.describe(pipeline)
    if file is None:
        return payloads(described, rows)
    given = from_json(await asyncio.to_thread(file.read_text), described)
    return cycle([given.slice(row, row + 1) for row in range(given.rows)])
