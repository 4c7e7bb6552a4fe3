"""``python -m benchmarks``: run the suites, add them to results.json, draw a picture each."""

import argparse
import importlib
import json
import time
from pathlib import Path

from rich.console import Console

from benchmarks import machine
from benchmarks.plot import plot
from benchmarks.report import show

SUITES = (
    "echo",
    "hop",
    "embedding",
    "startup",
    "overload",
    "observability",
    "recommendation",
    "recall",
    "gateway",
    "generation",
)


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--only", default=",".join(SUITES), help="suites, with commas")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    args = parser.parse_args()
    chosen = args.only.split(",")
    if unknown := set(chosen) - set(SUITES):
        parser.error(f"no suite {', '.join(sorted(unknown))}; there are {', '.join(SUITES)}")
    args.out.mkdir(parents=True, exist_ok=True)
    console = Console()
    run_at = time.strftime("%Y-%m-%d")
    for name in chosen:
        before = machine.describe()
        outcome = importlib.import_module(f"benchmarks.{name}").run(args.rounds, args.seconds)
        show(outcome, console)
        measured = {"date": run_at, "rounds": args.rounds, "seconds": args.seconds}
        file = args.out / "results.json"
        results = json.loads(file.read_text()) if file.exists() else {}
        results[name] = {**measured, "machine": before, **outcome.json()}
        file.write_text(json.dumps(results, indent=1) + "\n")
        console.print(f"{file}, {plot(outcome, args.out)}\n")


if __name__ == "__main__":
    main()
