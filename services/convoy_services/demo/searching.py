"""The first part: start a mesh, embed the standard library's docstrings, search them, stop."""

import asyncio
from importlib.resources import files

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from convoy_services.cli.console import out
from convoy_services.cli.up import show
from convoy_services.demo.clock import Clock
from convoy_services.demo.corpus import Function, functions
from convoy_services.demo.search import Search
from convoy_services.local.mesh import LocalMesh

QUESTIONS = (
    "parse a date out of a string",
    "remove a directory and everything in it",
    "how long does a piece of code take to run",
    "find the differences between two texts",
    "wait until one of several sockets can be read",
    "pick a random element of a list",
)
BEST = 3
"""Matches shown for each question."""


def run() -> None:
    """Run it from start to end; a failure leaves no mesh behind."""
    clock = Clock()
    with clock.time("read the docstrings"):
        corpus = functions()
    out.print(f"{len(corpus)} documented functions in Python's standard library\n")
    config = files("convoy_services").joinpath("mesh.yaml").read_text()
    mesh = LocalMesh.start(config, name="demo")
    try:
        with clock.time("start the mesh"):
            mesh.wait(show)
        asyncio.run(search(mesh.target, corpus, clock))
    finally:
        out.print("stopping the mesh")
        with clock.time("stop the mesh"):
            mesh.stop()
    table = clock.table()
    rate = len(corpus) / clock.mean("embed the docstrings")
    table.add_section()
    table.add_row("embedded", f"{rate:.0f} rows/s", f"{len(corpus)} rows")
    out.print(table)


async def search(target: str, corpus: list[Function], clock: Clock) -> None:
    """Embed the corpus and answer the questions."""
    engine = Search(target)
    texts = [function.text for function in corpus]
    out.print()
    with Progress(
        TextColumn("embedding"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=out,
    ) as progress:
        task = progress.add_task("", total=len(texts))
        with clock.time("embed the docstrings"):
            await engine.index(texts, lambda done: progress.advance(task, done))
    for question in QUESTIONS:
        with clock.time("answer a question"):
            matches = await engine.ask(question, BEST)
        out.print(f"\n{question}?", style="bold")
        for match in matches:
            function = corpus[match.index]
            line = Text.assemble(
                (f"{match.similarity:.2f}", "cyan"),
                f"  {function.name:<36.36}  ",
                (function.text, "dim"),
            )
            line.truncate(out.width, overflow="ellipsis")
            out.print(line)
    await engine.close()
    out.print()
