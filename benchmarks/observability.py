"""What traces cost: the same echo mesh with none, with the default, and with every hundredth."""

from contextlib import ExitStack
from typing import Any

import psutil

from benchmarks.contestants import convoy
from benchmarks.echo import IN_FLIGHT, cases
from benchmarks.outcome import Chart, Outcome
from benchmarks.rounds import Measure, interleave, ratio
from benchmarks.worker import Worker

OFF, DEFAULT, SAMPLED = "no traces", "default: 10 traces/s", "1 % of all, over OTLP"


def run(rounds: int, seconds: float) -> Outcome:
    """Start a mesh for each, then measure them in turn."""
    with ExitStack() as stack:
        collector = stack.enter_context(Worker("benchmarks.contestants.collector"))
        meshes = {
            OFF: {"OTEL_SDK_DISABLED": "true"},
            DEFAULT: {},
            SAMPLED: {
                "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
                "OTEL_TRACES_SAMPLER_ARG": "0.01",
                "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{collector.ready['address']}",
            },
        }
        running = {
            name: stack.enter_context(convoy.Convoy(convoy.echo(), **environment))
            for name, environment in meshes.items()
        }
        targets = {name: mesh.ready for name, mesh in running.items()}
        load = stack.enter_context(Worker("benchmarks.load"))
        measures = cases(load, targets, IN_FLIGHT, seconds)
        busy = interleave(
            "traces", {name: _with_cpu(measures[name], running[name]) for name in measures}, rounds
        )
    return Outcome(
        suite="observability",
        charts=[
            Chart(title=f"{IN_FLIGHT} in flight", results=busy, key="rate", unit="requests/s"),
            Chart(title="CPU of the ingress", results=busy, key="cpu_us", unit="us a request"),
        ],
        ratios=[
            ratio(busy, DEFAULT, OFF, "rate"),
            ratio(busy, SAMPLED, OFF, "rate", goal="0.95 at least"),
            ratio(busy, DEFAULT, OFF, "cpu_us", name="CPU, default / no traces"),
            ratio(busy, SAMPLED, OFF, "cpu_us", name="CPU, 1 % / no traces"),
        ],
        notes=["Metrics are counted in all of them."],
    )


def _with_cpu(measure: Measure, mesh: convoy.Convoy) -> Measure:
    """Add the CPU that the ingress takes for a request, its warm-up included."""
    [pid] = [p["pid"] for p in mesh.mesh.status()["processes"] if p["name"].endswith("ingress")]
    ingress = psutil.Process(pid)

    def spent() -> float:
        times = ingress.cpu_times()
        return times.user + times.system

    def measured() -> dict[str, Any]:
        before = spent()
        found = measure()
        requests = found["rate"] * found["seconds"]
        return found | {"cpu_us": (spent() - before) / requests * 1e6}

    return measured
