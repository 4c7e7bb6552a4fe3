"""What ``convoy top`` shows of one look."""

import math
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta

from rich.console import Group
from rich.table import Table
from rich.text import Text

from convoy_services.cli.look import Seen
from convoy_services.local.state import DeploymentState
from convoy_services.telemetry.look import Change

BLOCKS = "\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588"


def screen(seen: Seen, rates: Mapping[str, Sequence[float]]) -> Group:
    """Lay out pipelines, stages and deployments."""
    change, state = seen
    age = timedelta(seconds=round(time.time() - state["since"]))
    head = Text.assemble(
        "mesh ", (state["name"], "bold"), f"  {state['state']}  up {age}  {state['target']}"
    )
    tables = (
        _pipelines(change, state["pipelines"], rates),
        _stages(change),
        _deployments(change, state["deployments"]),
    )
    return Group(head, *(part for table in tables for part in ("", table)))


def _pipelines(
    change: Change, pipelines: Sequence[str], rates: Mapping[str, Sequence[float]]
) -> Table:
    table = _table("pipeline", "req/s", "p50", "p99", "errors/s", "refused/s", "queue", "flying")
    table.add_column("rows a batch", justify="right")
    table.add_column("req/s")
    for name in pipelines:
        of = {"pipeline": name}
        every = change.rate("convoy_request_seconds_count", **of)
        good = change.rate("convoy_request_seconds_count", **of, code="OK")
        refused = change.rate("convoy_refusals_total", **of)
        table.add_row(
            name,
            f"{every:,.1f}",
            *(_ms(change.quantile(q, "convoy_request_seconds", **of)) for q in (0.5, 0.99)),
            Text(f"{every - good:,.1f}", "red" if every > good else ""),
            f"{refused:,.1f}",
            f"{change.now.total('convoy_queue_rows', **of):,.0f}",
            f"{change.now.total('convoy_in_flight', **of):.0f}",
            _plain(change.mean("convoy_batch_rows", **of)),
            Text(sparkline(rates.get(name, ())), "cyan"),
        )
    return table


def _stages(change: Change) -> Table:
    table = _table("stage", "batches/s", "p50", "p99", "compute", "wait", "serialize", "sent again")
    names = sorted(
        {
            (labels["pipeline"], labels["stage"])
            for has, _ in change.now.select("convoy_hop_seconds_count")
            for labels in [dict(has)]
        }
    )
    for pipeline, stage in names:
        of = {"pipeline": pipeline, "stage": stage}
        table.add_row(
            f"{pipeline} / {stage}",
            f"{change.rate('convoy_hop_seconds_count', **of):,.1f}",
            *(_ms(change.quantile(q, "convoy_hop_seconds", **of)) for q in (0.5, 0.99)),
            _ms(change.mean("convoy_compute_seconds", **of)),
            _ms(change.mean("convoy_hop_queue_seconds", **of)),
            _ms(change.mean("convoy_serialize_seconds", **of)),
            f"{change.rise('convoy_retries_total', **of):,.0f}",
        )
    return table


def _deployments(change: Change, deployments: Mapping[str, DeploymentState]) -> Table:
    table = _table("deployment", "slots")
    table.add_column("state")
    table.add_column("replicas")
    for name, deployment in deployments.items():
        slots = change.now.total("convoy_slots", deployment=name)
        busy = change.now.total("convoy_slots_busy", deployment=name)
        healthy = deployment["state"] == "HEALTHY"
        table.add_row(
            name,
            f"{busy:.0f} of {slots:.0f}" if slots else "",
            Text(deployment["state"], "green" if healthy else "yellow"),
            ", ".join(f"{n} {of}" for of, n in deployment["replicas"].items()),
        )
    return table


def sparkline(values: Sequence[float]) -> str:
    """Draw values as a line of blocks, the greatest as the highest."""
    most = max(values, default=0.0) or 1.0
    return "".join(BLOCKS[round((len(BLOCKS) - 1) * value / most)] for value in values)


def _table(first: str, *others: str) -> Table:
    table = Table(first, box=None, header_style="bold", pad_edge=False)
    for column in others:
        table.add_column(column, justify="right")
    return table


def _ms(seconds: float) -> str:
    return "" if math.isnan(seconds) else f"{seconds * 1e3:.1f} ms"


def _plain(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.1f}"
