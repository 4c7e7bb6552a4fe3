"""What the mesh itself costs: 100-byte rows over three services, and what one more hop costs."""

from contextlib import ExitStack
from typing import Any

from benchmarks.contestants import convoy
from benchmarks.contestants.serve_chains import BATCHED, NAIVE
from benchmarks.contestants.work import Work
from benchmarks.outcome import Chart, Outcome
from benchmarks.rounds import Measure, Ratio, interleave, ratio
from benchmarks.worker import Worker

IN_FLIGHT = 64
CONVOY = "Convoy, 3 services"
CHAIN = "Ray Serve, naive chain"
BATCH = "Ray Serve, chain with @serve.batch"
BARE = "bare grpcio.aio, no hops"
MICRO = "grpcio.aio micro-batcher, 1 process"
LIT = "LitServe (HTTP), 1 process"
HOPS = (2, 3, 4)


def run(rounds: int, seconds: float) -> Outcome:
    """Start every contestant, then measure them in turn."""
    where = "benchmarks.contestants"
    args = Work("echo").args
    with ExitStack() as stack:
        mesh = stack.enter_context(convoy.Convoy(convoy.echo()))
        chains = stack.enter_context(Worker(f"{where}.serve_chains", *args))
        bare = stack.enter_context(Worker(f"{where}.bare"))
        micro = stack.enter_context(Worker(f"{where}.micro_batcher", *args))
        lit = stack.enter_context(Worker(f"{where}.lit", *args))
        load = stack.enter_context(Worker("benchmarks.load"))
        targets = {
            CONVOY: mesh.ready,
            CHAIN: chains.ready | {"application": NAIVE},
            BATCH: chains.ready | {"application": BATCHED},
            MICRO: micro.ready,
            LIT: lit.ready,
            BARE: bare.ready,
        }
        busy = interleave("echo", cases(load, targets, IN_FLIGHT, seconds), rounds)
        alone = interleave("echo", cases(load, targets, 1, seconds / 2), rounds)
        by_hops = {f"Convoy, {n} hops": mesh.ready | {"pipeline": f"hops{n}"} for n in HOPS}
        hops = interleave("hops", cases(load, by_hops, IN_FLIGHT, seconds), rounds)
    return Outcome(
        suite="echo",
        charts=[
            Chart(title=f"{IN_FLIGHT} in flight", results=busy, key="rate", unit="requests/s"),
            Chart(title="1 in flight, p50", results=alone, key="p50_ms", unit="ms"),
            Chart(title=f"{IN_FLIGHT} in flight", results=hops, key="rate", unit="requests/s"),
        ],
        ratios=[
            ratio(busy, CONVOY, CHAIN, "rate", goal="15 (floor 10)"),
            ratio(busy, CONVOY, BARE, "rate", goal="0.5 (floor 0.35)"),
            ratio(busy, CONVOY, BATCH, "rate"),
            ratio(busy, CONVOY, MICRO, "rate"),
            ratio(busy, CONVOY, LIT, "rate"),
            *(_one_more(hops, n) for n in HOPS[1:]),
        ],
        notes=["LitServe speaks HTTP and JSON: another client (aiohttp) in the same process."],
    )


def cases(
    load: Worker, targets: dict[str, dict[str, Any]], in_flight: int, seconds: float
) -> dict[str, Measure]:
    """Give what loads each target."""

    def case(target: dict[str, Any]) -> Measure:
        return lambda: load.ask(
            work="echo", in_flight=in_flight, seconds=seconds, warmup=seconds / 4, **target
        )

    return {name: case(target) for name, target in targets.items()}


def _one_more(hops: dict[str, list[dict[str, float]]], n: int) -> Ratio:
    """Tell the share of throughput that hop number ``n`` costs."""
    pairs = zip(hops[f"Convoy, {n} hops"], hops[f"Convoy, {n - 1} hops"], strict=True)
    lost = tuple(1 - more["rate"] / less["rate"] for more, less in pairs)
    return Ratio(f"throughput lost from {n - 1} to {n} hops", lost, "0.12 at most")
