"""How recall by vector grows with the catalogue: time, memory, and what is missed."""

from contextlib import ExitStack

from benchmarks.outcome import Chart, Outcome
from benchmarks.rounds import Measure, Ratio, interleave, ratio
from benchmarks.worker import Worker

SIZES = (10_000, 100_000, 1_000_000)


def run(rounds: int, seconds: float) -> Outcome:
    """Build an index of each size, then search them in turn."""
    with ExitStack() as stack:
        workers = {
            size: stack.enter_context(Worker("benchmarks.contestants.nearest", str(size)))
            for size in SIZES
        }

        def case(worker: Worker, *, exact: bool) -> Measure:
            return lambda: worker.ask(seconds=seconds, exact=exact)

        cases = {
            f"{size:,} items{', exact' if exact else ''}": case(worker, exact=exact)
            for size, worker in workers.items()
            for exact in (False, True)
        }
        found = interleave("recall", cases, rounds)
    indexed = {name: rows for name, rows in found.items() if "exact" not in name}
    return Outcome(
        suite="recall",
        charts=[
            Chart(title="32 queries, 1 thread", results=found, key="p50_ms", unit="ms"),
            Chart(title="recall@100", results=indexed, key="recall", unit="of exact search"),
            Chart(title="memory of the index", results=indexed, key="memory_mib", unit="MiB"),
            Chart(title="build", results=indexed, key="build_s", unit="s"),
        ],
        ratios=[
            *(
                ratio(found, f"{size:,} items", f"{size:,} items, exact", "p50_ms")
                for size in SIZES
            ),
            *(
                Ratio(f"recall@100, {name}", tuple(row["recall"] for row in rows), "0.95 at least")
                for name, rows in indexed.items()
            ),
        ],
        notes=["Vectors of 64 numbers around 2,000 centres; up to 20,000 are searched exactly."],
    )
