"""What a load found, for a terminal."""

from collections.abc import Iterator, Sequence

from rich.table import Table
from rich.text import Text

from convoy_services.bench.result import Hop, Result

BAR = "\u2501"
WIDTH = 16
"""Columns of the longest bar."""


def tables(results: Sequence[Result]) -> Iterator[Table]:
    """Give the latencies of all loads, then where the time of each went."""
    yield _latencies(results)
    for result in results:
        if result["hops"]:
            yield _where(result)


def _latencies(results: Sequence[Result]) -> Table:
    points = next((list(result["ms"]) for result in results if result["ms"]), [])
    table = Table("load", box=None, header_style="bold", pad_edge=False)
    for column in ("/s", "answers", *points, "rows", "CPU"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("failed")
    table.caption = "times in ms; rows: of the mean batch; CPU: the generator's part of a core"
    table.caption_justify = "left"
    for result in results:
        failed = ", ".join(f"{n} {code}" for code, n in result["codes"].items() if code != "OK")
        table.add_row(
            result["load"],
            f"{result['rate']:,.1f}",
            f"{result['answered']:,}",
            *(f"{result['ms'][point]:.1f}" if result["ms"] else "" for point in points),
            f"{result['batch_rows']:.1f}",
            f"{result['client_cpu']:.0%}",
            failed,
        )
    return table


def _where(result: Result) -> Table:
    title = f"{result['load']}, mean of {result['timed']} calls"
    table = Table(title=title, title_justify="left", box=None, header_style="bold", pad_edge=False)
    table.add_column("")
    for column in ("ms", "compute", "wait", "serialize"):
        table.add_column(column, justify="right")
    table.add_column("")
    longest = max(hop["ms"] for hop in result["hops"]) or 1.0
    for hop in result["hops"]:
        inside = hop["compute"] is not None
        table.add_row(
            f"  {hop['name']}" if inside else hop["name"],
            f"{hop['ms']:.2f}",
            *map(_number, (hop["compute"], hop["wait"], hop["serialize"])),
            _bar(hop, WIDTH / longest),
        )
    return table


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _bar(hop: Hop, scale: float) -> Text:
    """Draw what was computed, and after it what was not."""
    computed = round((hop["compute"] or 0.0) * scale)
    other = max(0, round(hop["ms"] * scale) - computed)
    return Text.assemble((BAR * computed, "green"), (BAR * other, "blue"))
