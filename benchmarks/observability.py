"""What traces cost: the same echo mesh with none, with the default, and with every hundredth."""

from contextlib import ExitStack

from benchmarks.contestants import convoy
from benchmarks.echo import IN_FLIGHT, cases
from benchmarks.outcome import Chart, Outcome
from benchmarks.rounds import interleave, ratio
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
        targets = {
            name: stack.enter_context(convoy.Convoy(convoy.echo(), **environment)).ready
            for name, environment in meshes.items()
        }
        load = stack.enter_context(Worker("benchmarks.load"))
        busy = interleave("traces", cases(load, targets, IN_FLIGHT, seconds), rounds)
    return Outcome(
        suite="observability",
        charts=[Chart(title=f"{IN_FLIGHT} in flight", results=busy, key="rate", unit="requests/s")],
        ratios=[
            ratio(busy, DEFAULT, OFF, "rate"),
            ratio(busy, SAMPLED, OFF, "rate", goal="0.95 at least"),
        ],
        notes=["Metrics are counted in all of them."],
    )
