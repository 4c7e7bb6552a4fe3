"""``python -m benchmarks.faults``: processes of a mesh killed under load, one after another."""

import argparse
import asyncio
import statistics
import tempfile
from collections import Counter
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from convoy_services.local.mesh import LocalMesh
from tests.mesh import faults
from tests.mesh.faults import Load, Report

KILLED = (
    "ServeReplica:convoy:work",
    "ServeReplica:convoy:ingress",
    "haproxy",
    "HAProxyManager",
    "ServeController",
)
UPDATE = "rolling update of settings"
START = 120.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.faults", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    table = Table("fault", box=SIMPLE_HEAD, title=f"{faults.CLIENTS} clients")
    for heading in (
        "calls",
        "failed, no retry",
        "failed, retried",
        "seconds to recover",
        "slowest",
    ):
        table.add_column(heading, justify="right")
    for fault, reports in asyncio.run(_measure(args.rounds)).items():
        bare = Counter(call.code.name for r in reports for call in r.bare if call.code is not None)
        seconds = [report.recovery for report in reports]
        table.add_row(
            fault,
            f"{sum(len(report.calls) for report in reports):,}",
            ", ".join(f"{n} {code}" for code, n in bare.items()) or "0",
            str(sum(call.code is not None for r in reports for call in r.retried)),
            f"{statistics.median(seconds):.1f} (to {max(seconds):.1f})",
            f"{max(report.slowest for report in reports):.1f} s",
        )
    Console().print(table)


async def _measure(rounds: int) -> dict[str, list[Report]]:
    found: dict[str, list[Report]] = {name: [] for name in (*KILLED, UPDATE)}
    with tempfile.TemporaryDirectory(prefix="convoy-bench-") as folder:
        home = Path(folder)
        faults.lay_out(home)
        with LocalMesh.start(faults.config(), name="bench-faults", home=home) as mesh:
            await faults.whole(mesh)
            for setting in range(1, rounds + 1):
                for name in KILLED:
                    async with Load(mesh.target) as load:
                        await faults.kill(mesh, load, name)
                        await load.calm()
                    found[name].append(load.report)
                    await faults.whole(mesh)
                async with Load(mesh.target) as load:
                    load.strike()
                    text = faults.config(setting=setting)
                    await asyncio.to_thread(mesh.update, text, within=START)
                    await load.calm()
                found[UPDATE].append(load.report)
                await faults.whole(mesh)
    return found


if __name__ == "__main__":
    main()
