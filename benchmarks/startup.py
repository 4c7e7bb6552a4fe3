"""From nothing to the first answer of the shipped mesh, and the memory of each process."""

import statistics
import time
from importlib.resources import files
from typing import Any

import grpc
import psutil
import yaml

from benchmarks.contestants.convoy import Convoy
from benchmarks.outcome import Chart, Outcome
from benchmarks.rounds import Ratio, Rounds, interleave
from convoy.v1 import embedding_pb2, embedding_pb2_grpc
from convoy_services.local.events import Kind

FIRST = "to the first answer"


def run(rounds: int, seconds: float) -> Outcome:
    """Start the shipped mesh, ask one question, stop; ``rounds`` times."""
    parts: Rounds = {}
    memory: list[dict[str, dict[str, int]]] = []

    def start() -> dict[str, float]:
        took, used = _start()
        for name, spent in took.items():
            parts.setdefault(name, []).append({"seconds": spent})
        memory.append(used)
        return {"seconds": took[FIRST]}

    interleave("startup", {"start the shipped mesh": start}, rounds)
    parts = {name: found for name, found in parts.items() if len(found) == rounds}
    sizes: Rounds = {
        name: [{"pss_mib": used[name]["pss"] / 2**20} for used in memory if name in used]
        for name in memory[-1]
    }
    totals = [sum(process["pss"] for process in used.values()) / 2**20 for used in memory]
    sizes["all processes"] = [{"pss_mib": total} for total in totals]
    whole = tuple(found["seconds"] for found in parts[FIRST])
    return Outcome(
        suite="startup",
        charts=[
            Chart(title="start of the shipped mesh", results=parts, key="seconds", unit="s"),
            Chart(title="memory, proportional", results=sizes, key="pss_mib", unit="MiB"),
        ],
        ratios=[Ratio(f"seconds {FIRST}", whole, "20 at most")],
        notes=[
            "A stage's import and load run side by side with the others'.",
            f"Resident: {statistics.median(map(_resident, memory)) / 2**20:,.0f} MiB in all, "
            "shared pages counted in each process.",
        ],
        extra={"processes": memory},
    )


def _start() -> tuple[dict[str, float], dict[str, dict[str, int]]]:
    config: dict[str, Any] = yaml.safe_load(
        files("convoy_services").joinpath("mesh.yaml").read_text()
    )
    began = time.perf_counter()
    with Convoy(config) as mesh:
        target = mesh.ready["address"]
        with grpc.insecure_channel(target) as channel:
            stub = embedding_pb2_grpc.EmbeddingServiceStub(channel)
            stub.Embed(embedding_pb2.EmbedRequest(texts=["the first"]), timeout=60)
        whole = time.perf_counter() - began
        took = {"Ray": 0.0, "Serve": 0.0}
        for event in mesh.events:
            match event.kind:
                case Kind.RAY:
                    took["Ray"] = event.seconds
                case Kind.SERVE:
                    took["Serve"] = event.seconds
                case Kind.STAGE if event.import_s + event.load_s > 0.05:
                    took[f"{event.deployment}: import"] = event.import_s
                    took[f"{event.deployment}: load"] = event.load_s
        took[FIRST] = whole
        return took, _memory(mesh)


def _memory(mesh: Convoy) -> dict[str, dict[str, int]]:
    """Tell the memory of each process in bytes, those of one name numbered."""
    found: dict[str, dict[str, int]] = {}
    for process in mesh.mesh.status()["processes"]:
        used = psutil.Process(process["pid"]).memory_full_info()
        name, n = process["name"], 2
        while name in found:
            name, n = f"{process['name']} {n}", n + 1
        found[name] = {"rss": used.rss, "pss": used.pss}
    return found


def _resident(used: dict[str, dict[str, int]]) -> int:
    return sum(process["rss"] for process in used.values())
