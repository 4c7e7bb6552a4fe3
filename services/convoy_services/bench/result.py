"""What a load found, in figures."""

from collections.abc import Iterator, Sequence
from typing import TypedDict

import numpy as np

from convoy import Timing
from convoy.timing import Entry
from convoy_services.bench.load import Seen

BUSY = 0.85
"""A generator that takes more of a core than this may be what is measured."""

LATE = 0.2
"""An open loop whose calls leave later than this part of the median latency measures itself."""


class Hop(TypedDict):
    """Mean milliseconds of one part of the way, over the calls that were timed."""

    name: str
    ms: float
    compute: float | None
    wait: float | None
    serialize: float | None


class Result(TypedDict):
    """One load."""

    load: str
    calls: int
    answered: int
    seconds: float
    rate: float
    """Answers a second."""
    codes: dict[str, int]
    error: str
    """What became of the first call that failed; empty where none did."""
    ms: dict[str, float]
    """Latencies by percentile: p50, p90, p99, p99.9; and max. Empty where none was answered."""
    timed: int
    """How many calls asked where their time went: one in ten."""
    hops: list[Hop]
    batch_rows: float
    """Mean rows of the batches in which the timed calls travelled."""
    client_cpu: float
    """The part of one core that the generator took."""
    client_lag_ms: float
    """How late its calls left, 99th percentile; 0 in a closed loop."""
    warnings: list[str]


def result(load: str, seen: Seen) -> Result:
    """Work out the figures of one load."""
    latencies = np.array(seen.latencies) * 1e3
    lag = float(np.quantile(seen.lags, 0.99)) * 1e3 if seen.lags else 0.0
    rows = [float(e.details["rows"]) for t in seen.timings for e in t if e.name == "batch"]
    found = Result(
        load=load,
        calls=sum(seen.codes.values()),
        answered=len(latencies),
        seconds=seen.seconds,
        rate=len(latencies) / seen.seconds,
        codes=dict(seen.codes),
        error=seen.error,
        ms=_percentiles(latencies) if len(latencies) else {},
        timed=len(seen.timings),
        hops=list(_hops(seen.timings)),
        batch_rows=float(np.mean(rows)) if rows else 0.0,
        client_cpu=seen.cpu / seen.seconds,
        client_lag_ms=lag,
        warnings=[],
    )
    found["warnings"] = list(_warnings(found))
    return found


def _percentiles(latencies: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> dict[str, float]:
    points = {f"p{q:g}": float(np.percentile(latencies, q)) for q in (50, 90, 99, 99.9)}
    return points | {"max": float(latencies.max())}


def _hops(timings: Sequence[Timing]) -> Iterator[Hop]:
    """Give the mean of each part of the way, in the order in which they come."""
    entries = [entry for timing in timings for entry in timing]
    for name in dict.fromkeys(entry.name for entry in entries):
        same = [entry for entry in entries if entry.name == name]
        yield Hop(
            name=name,
            ms=float(np.mean([entry.milliseconds for entry in same])),
            compute=_mean(same, "compute"),
            wait=_mean(same, "wait"),
            serialize=_mean(same, "serialize"),
        )


def _mean(entries: Sequence[Entry], key: str) -> float | None:
    values = [float(entry.details[key]) for entry in entries if key in entry.details]
    return float(np.mean(values)) if values else None


def _warnings(found: Result) -> Iterator[str]:
    if found["client_cpu"] > BUSY:
        yield (
            f"the generator took {found['client_cpu']:.0%} of a core: it may be what is measured; "
            "run several, or send more rows a call"
        )
    median = found["ms"].get("p50", 0.0)
    if found["client_lag_ms"] > max(1.0, LATE * median):
        yield (
            f"calls left up to {found['client_lag_ms']:.1f} ms late: the generator cannot keep "
            "this rate; latencies count from when they were due"
        )
    for point, due in (("p99", 100), ("p99.9", 1000)):
        if 0 < found["answered"] < due:
            yield f"{found['answered']} answers are too few for a {point}: run it for longer"
            break
