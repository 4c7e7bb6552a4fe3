"""Where the time of one call went, as a table."""

from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from convoy import Timing

WIDTH = 12
"""Columns of the longest bar."""


def table(timing: "Timing") -> Table:
    """Lay a call's timing out, a line an entry."""
    shown = Table("", box=None, header_style="bold", pad_edge=False)
    shown.add_column("ms", justify="right")
    shown.add_column("", no_wrap=True)
    for name in ("compute", "wait", "serialize"):
        shown.add_column(name, justify="right")
    shown.add_column("")
    longest = max((entry.milliseconds for entry in timing), default=1.0) or 1.0
    for entry in timing:
        details = dict(entry.details)
        parts = [details.pop(name, "") for name in ("compute", "wait", "serialize")]
        said = ", ".join(f"{name} {value}" for name, value in details.items())
        name = entry.name if entry.name in ("queue", "batch", "total") else f"  {entry.name}"
        bar = "\u2501" * round(WIDTH * entry.milliseconds / longest)
        shown.add_row(name, f"{entry.milliseconds:.2f}", bar, *parts, said)
    return shown
