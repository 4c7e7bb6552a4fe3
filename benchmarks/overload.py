"""Ten times more than a fixed-sleep stage can do: goodput, latency, memory, and the urgent."""

from contextlib import ExitStack
from typing import Any

import psutil

from benchmarks.contestants import convoy
from benchmarks.outcome import Chart, Outcome
from benchmarks.rounds import Measure, interleave, ratio
from benchmarks.worker import Worker

SECONDS_A_ROW = 0.05
CAPACITY = 1 / SECONDS_A_ROW
TIMES = 10.0
DEADLINE = 2.0
AT_CAPACITY, OVERLOADED = "offered 0.9 x capacity", "offered 10 x capacity"
ALONE, BESIDE = "urgent, alone", "urgent, beside 10 x capacity"
URGENT_SHARE = 0.1
LEAST = 20.0
"""Seconds of each measurement: shorter ones show the beginning alone."""


def run(rounds: int, seconds: float) -> Outcome:
    """Measure in one mesh, one case after the other."""
    seconds = max(seconds, LEAST)
    with ExitStack() as stack:
        mesh = stack.enter_context(convoy.Convoy(_config()))
        load = stack.enter_context(Worker("benchmarks.open_loop"))
        target = mesh.ready
        urgent = (URGENT_SHARE * CAPACITY, DEADLINE, 2)

        def case(of: str, **streams: tuple[float, float, int]) -> Measure:
            def measure() -> dict[str, Any]:
                before = _memory(mesh)
                found = load.ask(seconds=seconds, streams=streams, **target)[of]
                return found | {"grown_mb": _memory(mesh) - before}

            return measure

        rows = interleave(
            "overload",
            {
                AT_CAPACITY: case("rows", rows=(0.9 * CAPACITY, DEADLINE, 1)),
                OVERLOADED: case("rows", rows=(TIMES * CAPACITY, DEADLINE, 1)),
                ALONE: case("urgent", urgent=urgent),
                BESIDE: case("urgent", urgent=urgent, rows=(TIMES * CAPACITY, DEADLINE, 1)),
            },
            rounds,
        )
    goodput = {name: rows[name] for name in (AT_CAPACITY, OVERLOADED)}
    latency = {name: rows[name] for name in (ALONE, BESIDE)}
    for found in rows[OVERLOADED]:
        found["of_capacity"] = found["goodput"] / CAPACITY
    return Outcome(
        suite="overload",
        charts=[
            Chart(title="goodput", results=goodput, key="goodput", unit="rows/s"),
            Chart(title="p99 of what was answered", results=rows, key="p99_ms", unit="ms"),
            Chart(title="p50 of the urgent", results=latency, key="p50_ms", unit="ms"),
            Chart(title="memory grown", results=rows, key="grown_mb", unit="MB"),
        ],
        ratios=[
            ratio(
                rows,
                OVERLOADED,
                AT_CAPACITY,
                "goodput",
                goal="1 at least",
                name="goodput, 10 x / 0.9 x capacity",
            ),
            ratio(rows, BESIDE, ALONE, "p50_ms", name="p50 of the urgent, beside / alone"),
        ],
        notes=[
            f"One stage, {SECONDS_A_ROW * 1e3:.0f} ms a row: {CAPACITY:.0f} rows/s at most; "
            f"deadlines of {DEADLINE * 1e3:.0f} ms; the urgent are {URGENT_SHARE:.0%} of capacity.",
            *(f"{name}: {found['ended']}" for name, all_ in rows.items() for found in all_),
        ],
    )


def _config() -> dict[str, Any]:
    where = "benchmarks.contestants.sleeper"
    settings = {"seconds": SECONDS_A_ROW}
    step = {"stage": "sleep", "from": ["data"], "to": {"data": "slept"}}
    return {
        "stages": {"sleep": {"class": f"{where}:Sleeper", "settings": settings}},
        "pipelines": {"sleep": {"steps": [step], "outputs": {"data": "slept"}}},
    }


def _memory(mesh: convoy.Convoy) -> float:
    """Give the resident MB of the ingress."""
    pids = [p["pid"] for p in mesh.mesh.status()["processes"] if p["name"].endswith("ingress")]
    return float(sum(psutil.Process(pid).memory_info().rss for pid in pids) / 1e6)
