"""Prometheus' alerting rules of a mesh.

https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/. The error budget burns
as in the SRE workbook, chapter 5: by two windows each.
"""

from collections.abc import Iterator
from typing import Any

OBJECTIVE = 0.999
"""The part of requests that is to be answered, or refused for the caller's own fault."""

CALLERS = "OK|CANCELLED|INVALID_ARGUMENT|NOT_FOUND|DEADLINE_EXCEEDED|FAILED_PRECONDITION"
"""Codes that say nothing against the mesh."""

BURNS = (("fast", 14.4, "1h", "5m", "page"), ("slow", 6.0, "6h", "30m", "ticket"))
"""How many times too fast the budget burns, over a long and a short window."""


def alerts() -> dict[str, Any]:
    """Give the rules, as a rule file has them."""
    return {"groups": [{"name": "convoy", "rules": list(_rules())}]}


def _rules() -> Iterator[dict[str, Any]]:
    for speed, times, long, short, severity in BURNS:
        bound = f"{times * (1 - OBJECTIVE):.4f}"
        yield _rule(
            f"ConvoyErrorBudgetBurns{speed.capitalize()}",
            f"{_failing(long)} > {bound} and {_failing(short)} > {bound}",
            "2m",
            severity,
            "{{ $labels.pipeline }} fails {{ $value | humanizePercentage }} of its requests",
        )
    yield _rule(
        "ConvoyQueueGrows",
        "sum by (pipeline) (deriv(convoy_queue_rows[5m])) > 0"
        " and sum by (pipeline) (rate(convoy_refusals_total[5m])) > 0",
        "5m",
        "page",
        "{{ $labels.pipeline }} is offered more than it can do, and refuses requests",
    )
    yield _rule(
        "ConvoyDegraded",
        "sum by (pipeline, stage) (rate(convoy_fallbacks_total[5m]))"
        " / on (pipeline) group_left sum by (pipeline) (rate(convoy_rows_total[5m])) > 0.05",
        "5m",
        "ticket",
        "{{ $labels.stage }} of {{ $labels.pipeline }} falls back for"
        " {{ $value | humanizePercentage }} of the rows",
    )
    yield _rule(
        "ConvoyOrphans",
        "sum by (pipeline, stage) (increase(convoy_orphans_total[10m])) > 0",
        "0m",
        "ticket",
        "rows of {{ $labels.pipeline }} were sent to {{ $labels.stage }} after their cancellation",
    )
    yield _rule(
        "ConvoyNotReady",
        "sum by (pipeline) (convoy_ready) == 0",
        "1m",
        "page",
        "no ingress is ready for {{ $labels.pipeline }}",
    )


def _failing(window: str) -> str:
    failed = f'convoy_request_seconds_count{{code!~"{CALLERS}"}}'
    every = "convoy_request_seconds_count"
    over, under = (f"sum by (pipeline) (rate({n}[{window}]))" for n in (failed, every))
    return f"({over} / {under})"


def _rule(name: str, expr: str, lasting: str, severity: str, summary: str) -> dict[str, Any]:
    return {
        "alert": name,
        "expr": expr,
        "for": lasting,
        "labels": {"severity": severity},
        "annotations": {"summary": summary},
    }
