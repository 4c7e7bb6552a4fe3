"""``python -m benchmarks.generation_gpu``: texts through the mesh on a GPU; skipped without one."""

import argparse
import json
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import torch
from rich.console import Console

from benchmarks import machine
from benchmarks.contestants import convoy
from benchmarks.generation import pipeline, streams
from benchmarks.outcome import Chart, Outcome
from benchmarks.plot import plot
from benchmarks.prompts import TOKENS, model
from benchmarks.report import show
from benchmarks.rounds import interleave
from benchmarks.worker import Worker

COMPANY = (1, 32, 256)
"""Streams at once."""
PAGE = 256
"""Tokens of a block of the cache on a GPU: what each stream occupies at least."""


def run(rounds: int, seconds: float) -> Outcome:
    """Measure each number of streams in one mesh, whose engine has the GPU."""
    with tempfile.TemporaryDirectory(prefix="convoy-bench-") as folder, ExitStack() as stack:
        config = pipeline(
            model(Path(folder) / "model"),
            cache_tokens=2 * max(COMPANY) * PAGE,
            gpus=1,
            settings={"batch_tokens": 2 * max(COMPANY)},
        )
        target = stack.enter_context(convoy.Convoy(config)).ready
        load = stack.enter_context(Worker("benchmarks.streams"))
        found = interleave(
            "generation on a GPU",
            {
                f"Convoy, {n} streams": streams(load, target, seconds, streams=n, tokens=TOKENS)
                for n in COMPANY
            },
            rounds,
        )
    return Outcome(
        suite="generation_gpu",
        charts=[
            Chart(title=f"texts of {TOKENS}", results=found, key="rate", unit="tokens/s"),
            Chart(title="first token, p50", results=found, key="p50_ms", unit="ms"),
            Chart(title="first token, p99", results=found, key="p99_ms", unit="ms"),
        ],
        notes=[torch.cuda.get_device_name()],
    )


def main() -> None:
    """Run it, and write beside the other suites' results; says so where there is no GPU."""
    parser = argparse.ArgumentParser(prog="benchmarks.generation_gpu", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    args = parser.parse_args()
    console = Console()
    if not torch.cuda.is_available():
        console.print("generation_gpu: skipped, there is no GPU")
        return
    before = machine.describe()
    outcome = run(args.rounds, args.seconds)
    show(outcome, console)
    args.out.mkdir(parents=True, exist_ok=True)
    measured = {"date": time.strftime("%Y-%m-%d"), "rounds": args.rounds, "seconds": args.seconds}
    file = args.out / "generation_gpu.json"
    results = {**measured, "machine": before, **outcome.json()}
    file.write_text(json.dumps(results, indent=1) + "\n")
    console.print(f"{file}, {plot(outcome, args.out)}")


if __name__ == "__main__":
    main()
