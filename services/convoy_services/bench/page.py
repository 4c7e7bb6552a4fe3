"""What a load found, as a page of its own: figures and plots, nothing to fetch."""

import io
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from convoy_services.bench.result import Result

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.25rem .8rem;text-align:right}
th:first-child,td:first-child,td:last-child{text-align:left}tr+tr{border-top:1px solid #d8dee4}
.warning{color:#9a6700}svg{max-width:100%;height:auto}
"""


def page(pipeline: str, results: Sequence[Result]) -> str:
    """Write the page; raises ValueError where matplotlib is not there."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ValueError("--html needs matplotlib: pip install 'convoy-mesh[plots]'") from None
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    latency, where = figure.subplots(1, 2)
    _latency(latency, results)
    _where(where, results)
    drawn = io.StringIO()
    figure.savefig(drawn, format="svg")
    svg = drawn.getvalue()
    warnings = [f"{r['load']}: {w}" for r in results for w in r["warnings"]]
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>convoy bench {escape(pipeline)}"
        f"</title><style>{STYLE}</style><h1>{escape(pipeline)}</h1>{_table(results)}"
        + "".join(f"<p class=warning>{escape(warning)}</p>" for warning in warnings)
        + svg[svg.index("<svg") :]
        + _hops(results)
        + "<p>In closed loops a caller waits for its answer before it sends again. In open loops"
        " calls come at random times, and latencies count from when they were due.</html>\n"
    )


def _table(results: Sequence[Result]) -> str:
    points = next((list(result["ms"]) for result in results if result["ms"]), [])
    names = (
        "load",
        "answers/s",
        "answered",
        "calls",
        *points,
        "batch rows",
        "client CPU",
        "failed",
    )
    return _rows(names, (_latencies(result, points) for result in results))


def _latencies(result: Result, points: Sequence[str]) -> list[str]:
    failed = (f"{n} {code}" for code, n in result["codes"].items() if code != "OK")
    return [
        result["load"],
        f"{result['rate']:.1f}",
        f"{result['answered']}",
        f"{result['calls']}",
        *(f"{result['ms'][point]:.1f} ms" if result["ms"] else "" for point in points),
        f"{result['batch_rows']:.1f}",
        f"{result['client_cpu']:.0%}",
        ", ".join(failed),
    ]


def _hops(results: Sequence[Result]) -> str:
    """Tell where the time of each load went, in milliseconds of the mean call."""
    rows = (
        [
            result["load"],
            hop["name"],
            *map(_ms, (hop["ms"], hop["compute"], hop["wait"], hop["serialize"])),
        ]
        for result in results
        for hop in result["hops"]
    )
    return _rows(("load", "part", "ms", "compute", "wait", "serialize"), rows)


def _rows(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = ["".join(f"<th>{escape(name)}" for name in head)]
    lines += ["".join(f"<td>{escape(cell)}" for cell in row) for row in rows]
    return f"<table>{''.join(f'<tr>{line}' for line in lines)}</table>"


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _latency(axes: Any, results: Sequence[Result]) -> None:
    answered = [result for result in results if result["ms"]]
    for point in ("p50", "p99", "p99.9"):
        rates = [result["rate"] for result in answered]
        axes.plot(rates, [r["ms"][point] for r in answered], marker="o", label=point)
    axes.set(xlabel="answers/s", ylabel="ms", yscale="log", title="latency")
    axes.grid(visible=True, alpha=0.3)
    if answered:
        axes.legend()


def _where(axes: Any, results: Sequence[Result]) -> None:
    """Stack the mean time of each load by where it went."""
    parts = dict.fromkeys(
        hop["name"]
        for result in results
        for hop in result["hops"]
        if hop["name"] not in ("batch", "total")
    )
    loads = [result["load"] for result in results]
    below = [0.0] * len(loads)
    for name in parts:
        heights = [sum(h["ms"] for h in r["hops"] if h["name"] == name) for r in results]
        axes.bar(loads, heights, bottom=below, label=name)
        below = [a + b for a, b in zip(below, heights, strict=True)]
    axes.set(ylabel="ms", title="where the mean call spends its time")
    axes.tick_params(axis="x", labelrotation=20)
    if parts:
        axes.legend()
