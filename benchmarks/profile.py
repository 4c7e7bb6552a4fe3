"""``python -m benchmarks.profile``: where the time of an echo request goes, process by process."""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks import samples
from benchmarks.contestants import convoy
from benchmarks.worker import Worker

SPIED = ("ingress", "receive")
"""The deployments whose event loops are sampled."""
LEAST = 3.0
"""CPU µs a request from which a process is worth a line."""

Cpu = dict[int, tuple[float, float]]


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.profile", description=__doc__)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=10.0)
    args = parser.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory(prefix="convoy-bench-") as name:
        folder = Path(name)
        config = convoy.echo()
        counts = folder / "counts.json"
        config["stages"]["reflect"] = {
            "class": "benchmarks.contestants.counted:Counted",
            "settings": {"file": str(counts)},
        }
        with convoy.Convoy(config) as mesh, Worker("benchmarks.load") as load:
            _profile(mesh, load, counts, folder, args.in_flight, args.seconds, console)


def _profile(
    mesh: convoy.Convoy,
    load: Worker,
    counts: Path,
    folder: Path,
    in_flight: int,
    seconds: float,
    console: Console,
) -> None:
    load_for: dict[str, Any] = {"work": "echo", "in_flight": in_flight, **mesh.ready}
    load.ask(seconds=1, warmup=0, **load_for)
    processes = {
        p["pid"]: p["name"].removeprefix("ServeReplica:convoy:")
        for p in mesh.mesh.status()["processes"]
    }
    time.sleep(1)
    before, batches = _cpu(processes), json.loads(counts.read_text())
    found = load.ask(seconds=seconds, warmup=0, **load_for)
    after, more = _cpu(processes), json.loads(counts.read_text())
    requests = found["rate"] * seconds
    size = (more[1] - batches[1]) / max(1, more[0] - batches[0])
    console.print(
        f"{in_flight} in flight: {found['rate']:,.0f} requests/s, p50 {found['p50_ms']:.1f} ms, "
        f"{size:.1f} rows in a batch on average"
    )
    spent = {
        processes[pid]: ((u - before[pid][0]) / requests, (s - before[pid][1]) / requests)
        for pid, (u, s) in after.items()
    }
    table = Table("process", box=SIMPLE_HEAD, title="CPU µs a request")
    for heading in ("user", "system", "all"):
        table.add_column(heading, justify="right")
    table.add_row("load generator", "", "", f"{found['client_cpu_us']:.0f}")
    for name, (user, system) in sorted(spent.items(), key=lambda item: -sum(item[1])):
        if (user + system) * 1e6 > LEAST:
            figures = (user * 1e6, system * 1e6, (user + system) * 1e6)
            table.add_row(name, *(f"{figure:.0f}" for figure in figures))
    console.print(table)
    pids = {name: pid for pid, name in processes.items()}
    files = {name: folder / f"{name}.txt" for name in SPIED}
    spies = [samples.record(pids[name], file, seconds) for name, file in files.items()]
    load.ask(seconds=seconds + 1, warmup=0, **load_for)
    for spy in spies:
        spy.wait()
    for name, file in files.items():
        _samples(name, samples.read(file), console)


def _samples(name: str, stacks: list[tuple[samples.Stack, int]], console: Console) -> None:
    count = sum(n for _, n in stacks)
    table = Table(f"{name}: whose code", "share", box=SIMPLE_HEAD, title=f"{count} samples")
    for owner, share in samples.owners(stacks):
        table.add_row(owner, f"{share:.0%}")
    table.add_section()
    for function, share in samples.functions(stacks, 25):
        table.add_row(f"in {function}", f"{share:.0%}")
    console.print(table)


def _cpu(processes: dict[int, str]) -> Cpu:
    found: Cpu = {}
    for pid in processes:
        times = psutil.Process(pid).cpu_times()
        found[pid] = (times.user, times.system)
    return found


if __name__ == "__main__":
    main()
