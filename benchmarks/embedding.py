"""Sentence embedding over three services beside the same engine in other servers, and in none."""

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.contestants import convoy
from benchmarks.contestants.serve_chains import BATCHED, NAIVE
from benchmarks.contestants.work import Work
from benchmarks.outcome import Chart, Outcome
from benchmarks.rounds import Measure, Ratio, Rounds, interleave, median, ratio
from benchmarks.worker import Worker

IN_FLIGHT = 32
CONVOY = "Convoy, 3 services"
SORTED_16 = "in process, all texts sorted, 16 a batch"
IDEAL = "in process, all texts sorted, cut as Convoy does"
CHAIN = "Ray Serve, naive chain"
BATCH = "Ray Serve, chain with @serve.batch"
MICRO = "grpcio.aio micro-batcher, 1 process"
SORTED = "the same, sorting as Convoy does"
LIT = "LitServe (HTTP), 1 process"
PEERS = (MICRO, SORTED, LIT, BATCH, CHAIN)
MODEL = "in process, the model alone"
ALONE = "in process, all three steps"


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine at a precision; ``peers`` run at those that all can."""

    name: str
    precision: str
    peers: bool

    def __str__(self) -> str:
        return f"{self.name}, {self.precision}"


ENGINES = (
    Engine("torch", "float32", peers=True),
    Engine("openvino", "float32", peers=True),
    Engine("torch", "bfloat16", peers=False),
    Engine("openvino", "bfloat16", peers=False),
)


@dataclass(slots=True)
class _Found:
    charts: list[Chart] = field(default_factory=list)
    ratios: list[Ratio] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    best_peer: float = 0.0
    """Sentences/s of the best peer in float32 torch."""


def run(rounds: int, seconds: float) -> Outcome:
    """Measure each engine with its contestants; the engines one after another."""
    found = _Found(notes=["The encoder has one thread everywhere."])
    with tempfile.TemporaryDirectory(prefix="convoy-bench-") as folder:
        reference = Path(folder) / "reference.npy"
        for engine in ENGINES:
            _measure(engine, reference, rounds, seconds, found)
    return Outcome(suite="embedding", charts=found.charts, ratios=found.ratios, notes=found.notes)


def _measure(engine: Engine, reference: Path, rounds: int, seconds: float, found: _Found) -> None:
    with ExitStack() as stack:
        inside = stack.enter_context(Worker("benchmarks.in_process", engine.name, engine.precision))
        mesh = stack.enter_context(convoy.Convoy(convoy.embedding(engine.name, engine.precision)))
        load = stack.enter_context(Worker("benchmarks.load"))
        targets: dict[str, dict[str, Any]] = {}
        if engine.peers:
            targets = _peers(stack, engine)
        targets = {CONVOY: mesh.ready} | targets
        if (precision := inside.ready["precision"]) != engine.precision:
            found.notes.append(f"{engine}: this machine computes in {precision}.")
        if not reference.exists():
            inside.ask(what="reference", file=str(reference))

        def loaded(in_flight: int, seconds: float) -> dict[str, Measure]:
            def case(target: dict[str, Any]) -> Measure:
                return lambda: load.ask(
                    work="embed",
                    in_flight=in_flight,
                    seconds=seconds,
                    warmup=seconds / 4,
                    reference=str(reference),
                    **target,
                )

            return {name: case(target) for name, target in targets.items()}

        def alone(what: str, seconds: float) -> Measure:
            return lambda: inside.ask(what=what, seconds=seconds)

        busy = interleave(
            str(engine),
            loaded(IN_FLIGHT, seconds)
            | {SORTED_16: alone("sorted", seconds), IDEAL: alone("ideal", seconds)},
            rounds,
        )
        single = interleave(
            str(engine),
            loaded(1, seconds / 2)
            | {ALONE: alone("alone", seconds / 2), MODEL: alone("model", seconds / 2)},
            rounds,
        )
    _note(engine, busy, single, found)


def _peers(stack: ExitStack, engine: Engine) -> dict[str, dict[str, Any]]:
    where = "benchmarks.contestants"
    plain = Work("embed", engine.name, engine.precision).args
    cutting = Work("embed", engine.name, engine.precision, sort="sort").args
    chains = stack.enter_context(Worker(f"{where}.serve_chains", *plain))
    micro = stack.enter_context(Worker(f"{where}.micro_batcher", *plain))
    sorting = stack.enter_context(Worker(f"{where}.micro_batcher", *cutting))
    lit = stack.enter_context(Worker(f"{where}.lit", *plain))
    return {
        MICRO: micro.ready,
        SORTED: sorting.ready,
        LIT: lit.ready,
        BATCH: chains.ready | {"application": BATCHED},
        CHAIN: chains.ready | {"application": NAIVE},
    }


def _note(engine: Engine, busy: Rounds, single: Rounds, found: _Found) -> None:
    title = f"{engine}: {IN_FLIGHT} in flight"
    found.charts += [
        Chart(title=title, results=busy, key="rate", unit="sentences/s"),
        Chart(title=f"{engine}: 1 in flight, p50", results=single, key="p50_ms", unit="ms"),
    ]
    for base, goal in ((SORTED_16, "0.85"), (IDEAL, "")):
        name = f"{engine}: Convoy / {base}"
        found.ratios.append(ratio(busy, CONVOY, base, "rate", goal=goal, name=name))
    for peer in PEERS:
        if peer in busy:
            name = f"{engine}: Convoy / {peer}"
            found.ratios.append(ratio(busy, CONVOY, peer, "rate", goal="above 1", name=name))
    for base, goal in ((MODEL, "1.5 at most"), (ALONE, "")):
        name = f"{engine}: p50, Convoy / {base}"
        found.ratios.append(ratio(single, CONVOY, base, "p50_ms", goal=goal, name=name))
    if engine == ENGINES[0]:
        found.best_peer = max(median(busy, peer, "rate") for peer in PEERS)
    elif engine.precision == "bfloat16" and engine.name == "openvino":
        values = tuple(row["rate"] / found.best_peer for row in busy[CONVOY])
        name = f"Convoy with {engine} / the best peer with {ENGINES[0]}"
        found.ratios.append(Ratio(name, values, "2, where the CPU has bfloat16"))
