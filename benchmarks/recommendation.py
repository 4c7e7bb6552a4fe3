"""The recommender: 300 candidates a request, two rankers, 100,000 items."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import yaml

from benchmarks.contestants import convoy
from benchmarks.outcome import Chart, Outcome
from benchmarks.requests import ITEMS, USERS
from benchmarks.rounds import Measure, Rounds, interleave, median, ratio
from benchmarks.worker import Worker
from tests.redis_server import RedisServer

IN_FLIGHT = 32
CONVOY = "Convoy, 8 services"
CHAIN = "Ray Serve, naive chain"
ONE = "in process, 1 thread"
TWO = "in process, 2 threads"
CANDIDATES = (100, 300, 1000)
EVENTS = 100
"""Of a call."""
WRITERS = 4


def run(rounds: int, seconds: float) -> Outcome:
    """Train on a log of the size, then measure every contestant in turn."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="convoy-bench-")))
        (folder / "redis").mkdir()
        redis = stack.enter_context(RedisServer(folder / "redis"))
        file = _prepare(folder, redis)
        mesh = stack.enter_context(convoy.Convoy(yaml.safe_load(file.read_text())))
        inside = stack.enter_context(
            Worker("benchmarks.contestants.recommend_in_process", str(file))
        )
        chain = stack.enter_context(Worker("benchmarks.contestants.recommend_chain", str(file)))
        load = stack.enter_context(Worker("benchmarks.load"))
        writer = stack.enter_context(Worker("benchmarks.load"))

        def served(target: dict[str, Any], in_flight: int, **more: Any) -> Measure:
            return lambda: load.ask(
                work="recommend",
                in_flight=in_flight,
                seconds=seconds,
                warmup=seconds / 4,
                **more,
                **target,
            )

        def alone(threads: int, **more: Any) -> Measure:
            return lambda: inside.ask(seconds=seconds, threads=threads, **more)

        busy = interleave(
            "recommendation",
            {
                CONVOY: served(mesh.ready, IN_FLIGHT),
                CHAIN: served(chain.ready, IN_FLIGHT),
                ONE: alone(1),
                TWO: alone(2),
            },
            rounds,
        )
        single = interleave(
            "one at a time",
            {CONVOY: served(mesh.ready, 1), CHAIN: served(chain.ready, 1)},
            rounds,
        )
        grown = interleave(
            "candidates",
            {
                f"{who}, {n}": case
                for n in CANDIDATES
                for who, case in (
                    ("Convoy", served(mesh.ready, IN_FLIGHT, candidates=n)),
                    ("in process", alone(1, candidates=n)),
                )
            },
            rounds,
        )
        stores = interleave(
            "events",
            {
                name: _writing(writer, mesh.ready, pipeline, seconds, load)
                for name, pipeline in (("SQLite", "events"), ("Redis", "redis_events"))
            },
            rounds,
        )
    steps = sorted({key.removesuffix("_p50_ms") for key in busy[CONVOY][0] if "_p50_ms" in key})
    by_step: Rounds = {
        step: [{q: row[f"{step}_{q}"] for q in ("p50_ms", "p99_ms")} for row in busy[CONVOY]]
        for step in steps
        if step
    }
    best = max((ONE, TWO), key=lambda name: median(busy, name, "rate"))
    return Outcome(
        suite="recommendation",
        charts=[
            Chart(title=f"{IN_FLIGHT} in flight", results=busy, key="rate", unit="requests/s"),
            Chart(title="1 in flight, p50", results=single, key="p50_ms", unit="ms"),
            Chart(title="each step, p50", results=by_step, key="p50_ms", unit="ms"),
            Chart(title="each step, p99", results=by_step, key="p99_ms", unit="ms"),
            Chart(title="candidates", results=grown, key="rate", unit="requests/s"),
            Chart(title="events while serving", results=stores, key="events", unit="events/s"),
            Chart(title="served meanwhile", results=stores, key="served", unit="requests/s"),
        ],
        ratios=[
            ratio(busy, CONVOY, best, "rate", goal="0.6 at least"),
            ratio(busy, CONVOY, CHAIN, "rate", goal="6 at least"),
        ],
        notes=[
            f"In process: batches of 32; {busy[ONE][0]['candidates']:.0f} candidates a request.",
            "Each ranker has one thread in Convoy and in the chain.",
        ],
    )


def _prepare(folder: Path, redis: RedisServer) -> Path:
    """Train quickly on a log with the items, and write the mesh.yaml."""
    from convoy_services.recommendation.mesh import mesh_yaml
    from convoy_services.recommendation.model.version import Card
    from convoy_services.recommendation.training.readers import read
    from convoy_services.recommendation.training.simulator import simulate
    from convoy_services.recommendation.training.train import train

    log = folder / "log"
    for _ in simulate(log, users=USERS, items=ITEMS, impressions=100_000, days=14, seed=0):
        pass
    version = train(read(log), folder / "models", quick=True)
    text = mesh_yaml(folder / "models", f"sqlite:///{folder}/events.db", Card.load(version))
    config = yaml.safe_load(text)
    config["stages"]["recall_vector"]["settings"]["most"] = 300
    config["stages"]["record_redis"] = {
        "class": config["stages"]["record"]["class"],
        "settings": {"store": redis.url},
    }
    config["pipelines"]["redis_events"] = {
        "steps": [{"stage": "record_redis", "from": ["user", "item", "kind", "seconds", "time"]}],
        "outputs": ["kept"],
    }
    for step in config["pipelines"]["recommendation"]["steps"]:
        if "optional" in step:  # nothing may be left out to be quick
            step["optional"]["budget"] = "10s"
    config["pipelines"]["recommendation"]["limits"]["timeout"] = "30s"
    file = folder / "mesh.yaml"
    file.write_text(yaml.safe_dump(config))
    return file


def _writing(
    writer: Worker, target: dict[str, Any], pipeline: str, seconds: float, load: Worker
) -> Measure:
    """Write events for as long as the recommender is loaded, too."""

    def measure() -> dict[str, Any]:
        common = {"seconds": seconds, "warmup": seconds / 4, **target}
        with _asking(writer, work="events", in_flight=WRITERS, pipeline=pipeline, **common) as told:
            served = load.ask(work="recommend", in_flight=IN_FLIGHT, **common)
        return {
            "events": told["rate"] * EVENTS,
            "p99_ms": told["p99_ms"],
            "served": served["rate"],
        }

    return measure


@contextmanager
def _asking(worker: Worker, **question: Any) -> Iterator[dict[str, Any]]:
    """Put a question, and have the answer when the block ends."""
    answer: dict[str, Any] = {}
    worker.tell(**question)
    yield answer
    answer |= worker.hear()
