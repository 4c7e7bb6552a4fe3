"""Texts through the mesh beside the same engine in process; sessions beside a stream a request."""

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path
from typing import Any

import psutil

from benchmarks.contestants import convoy, stream_per_request
from benchmarks.outcome import Chart, Outcome
from benchmarks.prompts import CACHE, FEW, STREAMS, THREADS, TOKENS, model
from benchmarks.rounds import Measure, Ratio, Rounds, interleave, median, ratio
from benchmarks.worker import Worker
from convoy_services.local.settings import environment
from convoy_services.rpc.completions import LIKELY, OUTPUTS
from convoy_services.rpc.forward import APP

CONVOY = "Convoy"
AHEAD = "Convoy, prompt placed with the engine"
ENGINE = "the same engine, in process"
ONE_BY_ONE = "model.generate, one text after another"
SESSIONS = "Convoy, one session"
PER_REQUEST = "a streaming handle call for each request"
PERIOD = 0.05
"""Seconds between two tokens of a stream where there is no model: about what ours here takes."""
COMPANY = (16, 64)
"""Streams at once."""
FIRSTS = 4 * STREAMS
"""Texts a round of which the first token counts."""
GREEDY = {"temperature": 0.0, "ignore_eos": True}

Pids = dict[str, int]


def run(rounds: int, seconds: float) -> Outcome:
    """Measure with a model, then the way of the tokens without one."""
    with tempfile.TemporaryDirectory(prefix="convoy-bench-") as folder:
        busy, first = _with_model(model(Path(folder) / "model"), rounds, seconds)
    ways = _without_model(rounds, seconds)

    def added(contestant: str) -> Ratio:
        pairs = zip(first[contestant], first[ENGINE], strict=True)
        each = tuple(mesh["p50_ms"] - alone["p50_ms"] for mesh, alone in pairs)
        return Ratio(f"first token, ms that are added: {contestant}", each, "10 at most")

    ratios = [
        ratio(busy, CONVOY, ENGINE, "rate", goal="0.9 at least"),
        ratio(busy, CONVOY, ONE_BY_ONE, "rate", goal="3"),
        ratio(busy, ENGINE, ONE_BY_ONE, "rate"),
        ratio(
            busy,
            CONVOY,
            ENGINE,
            "engine_us",
            name="CPU of the engine's process, Convoy / in process",
        ),
        added(AHEAD),
        added(CONVOY),
    ]
    charts = [
        Chart(title=f"{STREAMS} texts of {TOKENS}", results=busy, key="rate", unit="tokens/s"),
        Chart(title="first token of one text", results=first, key="p50_ms", unit="ms"),
    ]
    for streams, found in ways.items():
        for key, place in (("ingress_us", "ingress"), ("engine_us", "engine's replica")):
            title = f"CPU of the {place}, {streams} streams"
            charts.append(Chart(title=title, results=found, key=key, unit="us a token"))
            name = f"{title}: a stream for each request / sessions"
            ratios.append(ratio(found, PER_REQUEST, SESSIONS, key, name=name))
    return Outcome(
        suite="generation",
        charts=charts,
        ratios=ratios,
        notes=[
            f"The model has {THREADS} thread everywhere: of two cores the other is left to what "
            "the mesh does beside it, and to the client.",
            f"Convoy's own account, medians of one text: {_medians(first, 'queue_ms', 'inside_ms')}"
            " (until the engine begins, to the first token).",
            f"Without a model each stream gets a token every {PERIOD * 1e3:.0f} ms.",
        ],
    )


def pipeline(folder: Path, *, cache_tokens: int = CACHE, **generate: Any) -> dict[str, Any]:
    """Configure ``generation`` for a model; ``generate`` is more of the engine's stage."""
    where = "convoy_services.generation"
    own = {"model": str(folder)}
    settings = own | {"cache_tokens": cache_tokens} | generate.pop("settings", {})
    engine = {"class": f"{where}:Generate", "settings": settings, **generate}
    prompt = {"class": f"{where}:Prompt", "settings": own}
    here = {"place_with": "generate"}
    last = {"class": f"{where}:Detokenize", "settings": own}
    steps = [
        {"stage": "generate", "from": ["input_ids", "max_tokens", "temperature", "ignore_eos"]},
        {"stage": "detokenize", "from": ["token_ids", "finish", "logprob", "likeliest_ids"]},
    ]
    return {
        "stages": {
            "prompt": prompt,
            "ahead": prompt | here,
            "generate": engine,
            "detokenize": last | here,
        },
        "pipelines": {
            name: {
                "steps": [{"stage": first, "from": ["prompt"]}, *steps],
                "outputs": [*OUTPUTS, *LIKELY],
                "limits": {"timeout": "300s"},
            }
            for name, first in (("generation", "prompt"), ("ahead", "ahead"))
        },
    }


def streams(load: Worker, target: dict[str, Any], seconds: float, **case: Any) -> Measure:
    """Measure streams of one contestant."""
    return lambda: load.ask(seconds=seconds, **({"sampling": GREEDY} | case), **target)


def _with_model(folder: Path, rounds: int, seconds: float) -> tuple[Rounds, Rounds]:
    """Give tokens/s of all prompts at once, and the time to the first token of one."""
    with ExitStack() as stack:
        config = pipeline(folder, cpus=THREADS)
        mesh = stack.enter_context(convoy.Convoy(config))
        inside = stack.enter_context(Worker("benchmarks.generate_in_process", str(folder)))
        load = stack.enter_context(Worker("benchmarks.streams"))
        target = mesh.ready
        _ = inside.ready

        def alone(what: str) -> Measure:
            return lambda: inside.ask(what=what, seconds=seconds)

        def each(ask: Callable[[int], dict[str, Any]]) -> Measure:
            """Ask for another text each time."""
            texts = cycle(range(STREAMS))
            return lambda: ask(next(texts))

        busy = interleave(
            "generation",
            {
                CONVOY: _with_cpu(
                    streams(load, target, seconds, streams=STREAMS, tokens=TOKENS),
                    _pids(mesh, APP, "ingress", "generate"),
                ),
                ENGINE: alone("together"),
                ONE_BY_ONE: alone("one_by_one"),
            },
            rounds,
        )
        # One text a round: what else the machine does changes within a second.
        case = target | {"streams": 1, "tokens": FEW, "seconds": 0, "sampling": GREEDY}
        first = interleave(
            "first token",
            {
                CONVOY: each(lambda text: load.ask(**case, text=text)),
                AHEAD: each(lambda text: load.ask(**case, text=text, pipeline="ahead")),
                ENGINE: each(lambda text: inside.ask(what="first", text=text)),
            },
            rounds * FIRSTS,
        )
    return busy, first


def _without_model(rounds: int, seconds: float) -> dict[int, Rounds]:
    """Give what a token costs in CPU, by the streams at once."""
    with ExitStack() as stack:
        mesh = stack.enter_context(convoy.Convoy(_ticking()))
        # With a second application in Serve, a call has to name its own.
        target = mesh.ready | {"application": APP}
        other = stack.enter_context(
            Worker(
                "benchmarks.contestants.stream_per_request",
                mesh.ray_address,
                str(PERIOD),
                env=environment(mesh.mesh.settings),
            )
        )
        load = stack.enter_context(Worker("benchmarks.streams"))
        contestants = {
            SESSIONS: (target, _pids(mesh, APP, "ingress", "ticker")),
            PER_REQUEST: (
                target | other.ready,
                _pids(
                    mesh,
                    stream_per_request.APP,
                    stream_per_request.INGRESS,
                    stream_per_request.ENGINE,
                ),
            ),
        }

        def cases(company: int) -> dict[str, Measure]:
            case = {"streams": company, "tokens": int(seconds / PERIOD), "sampling": {}}
            return {
                name: _with_cpu(streams(load, target, 0, **case), pids)
                for name, (target, pids) in contestants.items()
            }

        return {n: interleave(f"{n} streams", cases(n), rounds) for n in COMPANY}


def _ticking() -> dict[str, Any]:
    cls = "benchmarks.contestants.ticker:Ticker"
    step = {"stage": "ticker", "from": ["prompt", "max_tokens"]}
    return {
        "stages": {"ticker": {"class": cls, "settings": {"period": PERIOD}}},
        "pipelines": {
            "generation": {"steps": [step], "outputs": list(OUTPUTS), "limits": {"timeout": "300s"}}
        },
    }


def _pids(mesh: convoy.Convoy, app: str, ingress: str, engine: str) -> Pids:
    """Find the replicas of an application's two deployments."""
    found = {p["name"]: p["pid"] for p in mesh.mesh.status()["processes"]}
    return {
        key: found[f"ServeReplica:{app}:{name}"]
        for key, name in (("ingress_us", ingress), ("engine_us", engine))
    }


def _with_cpu(measure: Measure, pids: Pids) -> Measure:
    """Add what CPU time a token took of each process, in microseconds."""

    def cpu() -> dict[str, float]:
        times = {key: psutil.Process(pid).cpu_times() for key, pid in pids.items()}
        return {key: used.user + used.system for key, used in times.items()}

    def both() -> dict[str, float]:
        before = cpu()
        found = measure()
        after = cpu()
        each = {key: (after[key] - before[key]) / found["told"] * 1e6 for key in pids}
        return {**found, **each}

    return both


def _medians(rounds: Rounds, *keys: str) -> str:
    return ", ".join(f"{median(rounds, CONVOY, key):.1f} ms" for key in keys)
