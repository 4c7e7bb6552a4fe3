"""What a hop costs beside a bare handle call; from which size on the object store is quicker."""

from contextlib import ExitStack

from benchmarks.contestants import convoy
from benchmarks.outcome import Chart, Outcome
from benchmarks.rounds import Measure, Ratio, Rounds, interleave
from benchmarks.worker import Worker
from convoy_services.local.settings import environment
from convoy_services.rpc.forward import APP

HOPS = (1, 2, 3, 4)
SIZES = (100_000, 1 << 20, 2 << 20, 4 << 20, 8 << 20, 16 << 20)
BARE = "one bare handle call"
PER_HOP = "Convoy, per hop"
MESSAGE = 256
"""Bytes of a bare call: about the stage request of one 100-byte row."""


def run(rounds: int, seconds: float) -> Outcome:
    """Measure pipelines of 1 to 4 hops and handle calls, one in flight, in the same mesh."""
    with ExitStack() as stack:
        mesh = stack.enter_context(convoy.Convoy(convoy.echo()))
        # With a second application in Serve, a call has to name its own.
        target = mesh.ready | {"application": APP}
        env = environment(mesh.mesh.settings)
        probe = stack.enter_context(Worker("benchmarks.probe", mesh.ray_address, env=env))
        load = stack.enter_context(Worker("benchmarks.load"))
        _ = probe.ready

        def hops(n: int) -> Measure:
            return lambda: load.ask(
                work="echo",
                in_flight=1,
                seconds=seconds,
                warmup=seconds / 4,
                pipeline=f"hops{n}",
                **target,
            )

        def call(size: int, *, by_reference: bool) -> Measure:
            return lambda: probe.ask(size=size, seconds=seconds / 2, by_reference=by_reference)

        cases = {_hops(n): hops(n) for n in HOPS} | {BARE: call(MESSAGE, by_reference=False)}
        latency = interleave("hop", cases, rounds)
        sizes = {
            _size(size, by_reference=by_reference): call(size, by_reference=by_reference)
            for size in SIZES
            for by_reference in (False, True)
        }
        payloads = interleave("payload", sizes, rounds)
    per_hop = _per_hop(latency)
    both: Rounds = {PER_HOP: per_hop, BARE: latency[BARE]}
    pairs = zip(per_hop, latency[BARE], strict=True)
    values = tuple(hop["p50_ms"] / bare["p50_ms"] for hop, bare in pairs)
    return Outcome(
        suite="hop",
        charts=[
            Chart(title="1 in flight, p50", results=latency, key="p50_ms", unit="ms"),
            Chart(title="1 in flight, p50", results=both, key="p50_ms", unit="ms"),
            Chart(title="a payload there and back", results=payloads, key="p50_ms", unit="ms"),
        ],
        ratios=[Ratio(f"{PER_HOP} / {BARE}", values, "1.2 at most")],
        notes=["Per hop: the slope of the p50 over 1 to 4 hops."],
    )


def _hops(n: int) -> str:
    return f"Convoy, {n} hop{'s' if n > 1 else ''}"


def _size(size: int, *, by_reference: bool) -> str:
    name = f"{size >> 20} MiB" if size >= 1 << 20 else f"{size // 1000} kB"
    return f"{name} by {'reference' if by_reference else 'value'}"


def _per_hop(latency: Rounds) -> list[dict[str, float]]:
    """Fit a line through the four pipelines of each round."""
    middle = sum(HOPS) / len(HOPS)
    spread = sum((n - middle) ** 2 for n in HOPS)
    count = len(latency[_hops(1)])
    slopes = [
        sum((n - middle) * latency[_hops(n)][i]["p50_ms"] for n in HOPS) / spread
        for i in range(count)
    ]
    return [{"p50_ms": slope} for slope in slopes]
