"""What a run found, as tables on the terminal."""

import statistics

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks.outcome import Chart, Outcome


def show(outcome: Outcome, console: Console) -> None:
    """Print each chart as a table, the ratios and the notes."""
    for chart in outcome.charts:
        console.print(_chart(outcome.suite, chart))
    if outcome.ratios:
        table = Table("ratio", box=SIMPLE_HEAD, title=f"{outcome.suite}: compared")
        for heading in ("median", "range", "goal"):
            table.add_column(heading, justify="right")
        for ratio in outcome.ratios:
            low, high = min(ratio.values), max(ratio.values)
            table.add_row(ratio.name, f"{ratio.median:.2f}", f"{low:.2f}-{high:.2f}", ratio.goal)
        console.print(table)
    for note in outcome.notes:
        console.print(f"[dim]{note}[/dim]")


def _chart(suite: str, chart: Chart) -> Table:
    table = Table(chart.title, box=SIMPLE_HEAD, title=suite)
    table.add_column(f"median, {chart.unit}", justify="right")
    table.add_column("range", justify="right")
    others = [key for key in ("p50_ms", "p99_ms") if key != chart.key]
    others = [key for key in others if all(key in rows[0] for rows in chart.results.values())]
    for key in others:
        table.add_column(key.replace("_", ", "), justify="right")
    for name, rounds in chart.results.items():
        values = [row[chart.key] for row in rounds]
        more = [figure(statistics.median(row[key] for row in rounds)) for key in others]
        spread = f"{figure(min(values))}-{figure(max(values))}"
        table.add_row(name, figure(statistics.median(values)), spread, *more)
    return table


def figure(value: float) -> str:
    """Write three digits that count."""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f}"
