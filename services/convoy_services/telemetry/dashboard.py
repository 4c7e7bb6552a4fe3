"""Grafana's dashboard of a mesh, made from its graph: a row a pipeline, a group of panels a stage.

Schema: https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
"""

from collections.abc import Iterator
from typing import Any

from convoy_services.mesh.plan import MeshPlan

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
WINDOW = "$__rate_interval"
HEIGHT = 7
COLUMNS = 24
"""Of Grafana's grid."""


def dashboard(plan: MeshPlan) -> dict[str, Any]:
    """Make the dashboard of every pipeline, as Grafana imports and provisions it."""
    grid = _Grid()
    for pipeline in plan.pipelines.values():
        grid.row(f"pipeline {pipeline.name}")
        for title, unit, queries in _pipeline(pipeline.name):
            grid.panel(title, unit, queries, width=6)
        for hop in pipeline.hops:
            for title, unit, queries in _stage(pipeline.name, hop.name):
                grid.panel(f"{hop.name}: {title}", unit, queries, width=6)
    grid.row("deployments")
    for title, unit, queries in _deployments():
        grid.panel(title, unit, queries, width=12)
    return {
        "title": "Convoy",
        "uid": "convoy",
        "schemaVersion": 39,
        "editable": True,
        "refresh": "5s",
        "time": {"from": "now-15m", "to": "now"},
        "templating": {
            "list": [{"name": "datasource", "type": "datasource", "query": "prometheus"}]
        },
        "panels": grid.panels,
    }


def queries(board: dict[str, Any]) -> list[str]:
    """Give every query of a dashboard."""
    return [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]


Panel = tuple[str, str, dict[str, str]]
"""A title, Grafana's unit, and queries by what their lines are called."""


def _pipeline(name: str) -> Iterator[Panel]:
    of = f'pipeline="{name}"'
    requests = f"convoy_request_seconds_count{{{of}}}"
    yield "requests", "reqps", {"{{code}}": f"sum by (code) (rate({requests}[{WINDOW}]))"}
    yield (
        "latency",
        "s",
        {f"p{q}": _quantile(q, "convoy_request_seconds", f'{of},code="OK"') for q in ("50", "99")},
    )
    yield (
        "waiting and under way",
        "short",
        {
            "rows in the queue": f"sum(convoy_queue_rows{{{of}}})",
            "batches in flight": f"sum(convoy_in_flight{{{of}}})",
        },
    )
    yield (
        "a batch",
        "short",
        {
            "rows": _mean("convoy_batch_rows", of),
            "requests": _mean("convoy_batch_requests", of),
        },
    )
    yield "time in the queue", "s", {"p99": _quantile("99", "convoy_queue_seconds", of)}
    yield (
        "refused",
        "reqps",
        {"{{reason}}": f"sum by (reason) (rate(convoy_refusals_total{{{of}}}[{WINDOW}]))"},
    )
    yield (
        "rows lost",
        "short",
        {
            "failed": f"sum(rate(convoy_failed_rows_total{{{of}}}[{WINDOW}]))",
            "{{reason}}": f"sum by (reason) (rate(convoy_dropped_rows_total{{{of}}}[{WINDOW}]))",
        },
    )
    yield "rows", "short", {"rows/s": f"sum(rate(convoy_rows_total{{{of}}}[{WINDOW}]))"}


def _stage(pipeline: str, stage: str) -> Iterator[Panel]:
    of = f'pipeline="{pipeline}",stage="{stage}"'
    yield "hop", "s", {f"p{q}": _quantile(q, "convoy_hop_seconds", of) for q in ("50", "99")}
    yield (
        "of which",
        "s",
        {
            "compute": _mean("convoy_compute_seconds", of),
            "waits in the replica": _mean("convoy_hop_queue_seconds", of),
            "serialize": _mean("convoy_serialize_seconds", of),
        },
    )
    yield (
        "went wrong",
        "short",
        {
            "sent again": f"sum(rate(convoy_retries_total{{{of}}}[{WINDOW}]))",
            "bisections": f"sum(rate(convoy_bisections_total{{{of}}}[{WINDOW}]))",
            "orphans": f"sum(rate(convoy_orphans_total{{{of}}}[{WINDOW}]))",
        },
    )
    yield (
        "bytes",
        "Bps",
        {"{{transport}}": f"sum by (transport) (rate(convoy_hop_bytes_total{{{of}}}[{WINDOW}]))"},
    )


def _deployments() -> Iterator[Panel]:
    yield "slots taken", "short", {"{{deployment}}": "sum by (deployment) (convoy_slots_busy)"}
    yield "slots", "short", {"{{deployment}}": "sum by (deployment) (convoy_slots)"}


def _quantile(percent: str, name: str, of: str) -> str:
    rate = f"sum by (le) (rate({name}_bucket{{{of}}}[{WINDOW}]))"
    return f"histogram_quantile(0.{percent}, {rate})"


def _mean(name: str, of: str) -> str:
    total, count = (f"sum(rate({name}_{part}{{{of}}}[{WINDOW}]))" for part in ("sum", "count"))
    return f"{total} / {count}"


class _Grid:
    """Panels from left to right, from top to bottom."""

    def __init__(self) -> None:
        self.panels: list[dict[str, Any]] = []
        self._x = self._y = 0

    def row(self, title: str) -> None:
        """Begin a row that can be folded."""
        self._break()
        where = {"x": 0, "y": self._y, "w": COLUMNS, "h": 1}
        self._add({"type": "row", "title": title, "collapsed": False, "panels": []}, where)
        self._y += 1

    def panel(self, title: str, unit: str, queries: dict[str, str], *, width: int) -> None:
        """Add a graph of some queries, each with what its lines are called."""
        if self._x + width > COLUMNS:
            self._break()
        panel = {
            "type": "timeseries",
            "title": title,
            "datasource": DATASOURCE,
            "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
            "targets": [
                {"refId": chr(65 + n), "datasource": DATASOURCE, "expr": expr, "legendFormat": name}
                for n, (name, expr) in enumerate(queries.items())
            ],
        }
        self._add(panel, {"x": self._x, "y": self._y, "w": width, "h": HEIGHT})
        self._x += width

    def _break(self) -> None:
        if self._x:
            self._x, self._y = 0, self._y + HEIGHT

    def _add(self, panel: dict[str, Any], where: dict[str, int]) -> None:
        self.panels.append({"id": len(self.panels) + 1, "gridPos": where, **panel})
