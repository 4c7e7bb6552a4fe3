"""A traced request as a waterfall: its spans below each other, on one scale of time."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

WIDTH, NARROW = 30, 14
"""Columns from the beginning of a request to its end, the second on a narrow terminal."""

ROOM = 110
"""Columns of a terminal that is not narrow."""

Span = Mapping[str, Any]
"""As ``telemetry.ring`` gives them."""

SHOWN = ("rows", "batch.rows", "batch.requests", "rows.together", "transport", "queue_us")
"""Attributes that are written beside a bar; on a narrow terminal the first that is there."""


def requests(spans: Sequence[Span]) -> list[Span]:
    """Give the spans of whole requests: of calls that asked something of a pipeline, or failed."""
    return [
        span
        for span in spans
        if "rpc.method" in span["attributes"]
        and span["attributes"]["rpc.service"] != "grpc.health.v1.Health"
        and (span["attributes"]["convoy.rows"] or span["error"] is not None)
    ]


def started(span: Span) -> int:
    """Give when a span began."""
    return int(span["start_ns"])


def seconds(span: Span) -> float:
    """Give how long a span took."""
    return float(span["end_ns"] - span["start_ns"]) / 1e9


def tree(request: Span, spans: Sequence[Span]) -> list[tuple[int, Span]]:
    """Give what a request went through, each with its depth.

    A batch is in the trace of one of its requests; the others link it.
    """
    return list(_below(request, spans, 0))


def _below(span: Span, spans: Sequence[Span], depth: int) -> Iterator[tuple[int, Span]]:
    yield depth, span
    linked = {link["span"] for link in span["links"]} if depth == 0 else set()
    children = [s for s in spans if s["parent"] == span["span"] or s["span"] in linked]
    own = [s for s in children if "rpc.method" not in s["attributes"]]
    for child in sorted(own, key=started):
        yield from _below(child, spans, depth + 1)


def draw(tree: Sequence[tuple[int, Span]], room: int) -> Group:
    """Draw a request, the first of its tree, and everything below it, in ``room`` columns."""
    request = tree[0][1]
    begin, end = started(request), request["end_ns"]
    width, shown_of = (WIDTH, len(SHOWN)) if room >= ROOM else (NARROW, 1)
    scale = width / max(end - begin, 1)
    shown = Table(box=None, show_header=False, pad_edge=False)
    for fixed in (True, True, True, False):
        shown.add_column(no_wrap=fixed)
    for depth, span in tree:
        left = min(max(0, round((span["start_ns"] - begin) * scale)), width - 1)
        right = min(max(left + 1, round((span["end_ns"] - begin) * scale)), width)
        style = "red" if span["error"] is not None else _STYLES[min(depth, len(_STYLES) - 1)]
        bar = Text(" " * left + "\u2501" * (right - left) + " " * (width - right), style)
        name = Text("  " * depth + span["name"], "bold" if depth == 0 else "")
        shown.add_row(
            name, bar, f"{seconds(span) * 1e3:.2f} ms", Text(_said(span, shown_of), "dim")
        )
        for event in span["events"]:
            told = " ".join(f"{k.removeprefix('convoy.')}={v}" for k, v in _details(event).items())
            shown.add_row(Text("  " * (depth + 1) + event["name"], "yellow"), "", "", told)
    head = Text.assemble(("trace ", "dim"), request["trace"], "  ", _outcome(request))
    return Group(head, shown)


_STYLES = ("cyan", "blue", "green", "magenta")


def _said(span: Span, most: int) -> str:
    attributes = {k.removeprefix("convoy."): v for k, v in span["attributes"].items()}
    return " ".join(
        f"{key}={attributes[key]}" for key in [key for key in SHOWN if key in attributes][:most]
    )


def _details(event: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in event.items() if key not in ("name", "at_ns")}


def _outcome(request: Span) -> tuple[str, str]:
    if request["error"] is None:
        return "OK", "green"
    return f"{request['error']} {request['attributes'].get('error.type', '')}", "red"
