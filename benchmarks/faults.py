"""``python -m benchmarks.faults``: processes of a mesh killed under load, one after another."""

import argparse
import asyncio
import statistics
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from convoy import Client
from convoy_services.local.mesh import LocalMesh
from tests.local import faults
from tests.local.faults import Load, Report

STAGE, INGRESS = "ServeReplica:convoy:work", "ServeReplica:convoy:ingress"
START = 120.0

Fault = Callable[[Load], Awaitable[object]]


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
        "slowest answer, s",
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
            f"{max(report.slowest for report in reports):.1f}",
        )
    Console(width=120).print(table)


async def _measure(rounds: int) -> dict[str, list[Report]]:
    found: dict[str, list[Report]] = {}
    with tempfile.TemporaryDirectory(prefix="convoy-bench-") as folder:
        home = Path(folder)
        faults.lay_out(home)
        with LocalMesh.start(faults.config(), name="bench-faults", home=home) as mesh:
            for number in range(1, rounds + 1):
                for label, fault in _faults(mesh, home, number).items():
                    await faults.whole(mesh)
                    async with Load(mesh.target) as load:
                        load.strike()
                        await fault(load)
                        await load.calm()
                    found.setdefault(label, []).append(load.report)
    return found


def _faults(mesh: LocalMesh, home: Path, number: int) -> dict[str, Fault]:
    def kill(name: str) -> Fault:
        return lambda load: faults.kill(mesh, load, name)

    def update(**changed: int) -> Fault:
        text = faults.config(setting=number, **changed)
        return lambda _: asyncio.to_thread(mesh.update, text, within=START)

    async def hang(_: Load) -> None:
        (home / "hang").touch()
        before = {process.pid for process in faults.find(mesh, STAGE)}
        async with Client(mesh.target, timeout=faults.OVER) as client:
            await client.run("work", {"data": [f"hang {home / 'hang'}"]})
        await faults.until(lambda: not before <= {p.pid for p in faults.find(mesh, STAGE)})

    return {
        "update from 1 replica to 2": update(replicas=2),
        "stage replica killed, 1 of 2": kill(STAGE),
        "stage hangs, 1 replica of 2": hang,
        "ingress replica killed, 1 of 2": kill(INGRESS),
        "HAProxy killed": kill("haproxy"),
        "HAProxy's manager killed": kill("HAProxyManager"),
        "Serve's controller killed": kill("ServeController"),
        "update from 2 replicas to 1": update(replicas=1),
        "the only stage replica killed": kill(STAGE),
        "the only ingress replica killed": kill(INGRESS),
    }


if __name__ == "__main__":
    main()
