"""The metrics of a mesh at two moments, and what happened between them."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from convoy_services.local.errors import MeshError
from convoy_services.local.mesh import LocalMesh
from convoy_services.local.ports import LOOPBACK
from convoy_services.local.state import MeshState

TIMEOUT = 5.0
"""Seconds that the metrics have to come."""

Labels = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Look:
    """Everything that a mesh tells, at one moment."""

    at: float
    state: MeshState
    series: dict[tuple[str, Labels], float]

    @classmethod
    def take(cls, mesh: LocalMesh) -> Self:
        """Look at a mesh; raises MeshError where its metrics do not answer."""
        url = f"http://{LOOPBACK}:{mesh.settings.ports.metrics}/metrics"
        try:
            with urlopen(url, timeout=TIMEOUT) as answer:
                text = answer.read().decode()
        except OSError as exc:
            raise MeshError(f"the metrics of {mesh.settings.name} do not answer: {exc}") from exc
        series = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }
        return cls(time.monotonic(), mesh.status(), series)

    @property
    def pipelines(self) -> list[str]:
        """The names of the pipelines."""
        return self.state["pipelines"]

    def select(self, name: str, **labels: str) -> Iterator[tuple[Labels, float]]:
        """Give the series of a name that have these labels."""
        wanted = labels.items()
        for (of, has), value in self.series.items():
            if of == name and has >= wanted:
                yield has, value

    def total(self, name: str, **labels: str) -> float:
        """Add up the series of a name that have these labels."""
        return sum(value for _, value in self.select(name, **labels))


@dataclass(frozen=True, slots=True)
class Change:
    """What happened between two looks."""

    before: Look
    now: Look

    def rise(self, name: str, **labels: str) -> float:
        """Tell by how much a counter has risen."""
        return max(0.0, self.now.total(name, **labels) - self.before.total(name, **labels))

    def rate(self, name: str, **labels: str) -> float:
        """Tell how fast a counter rises, a second."""
        return self.rise(name, **labels) / max(self.now.at - self.before.at, 1e-9)

    def mean(self, name: str, **labels: str) -> float:
        """Give the mean of what a histogram has seen; NaN where that is nothing."""
        count = self.rise(f"{name}_count", **labels)
        return self.rise(f"{name}_sum", **labels) / count if count else math.nan

    def quantile(self, q: float, name: str, **labels: str) -> float:
        """Estimate a quantile as Prometheus does: even within a bucket; NaN where there is none."""
        bounds = {dict(has)["le"] for has, _ in self.now.select(f"{name}_bucket", **labels)}
        below = 0.0
        least = 0.0
        wanted = q * self.rise(f"{name}_count", **labels)
        if not wanted:
            return math.nan
        for bound in sorted(bounds, key=float):
            count = self.rise(f"{name}_bucket", **labels, le=bound)
            if count >= wanted:
                most = float(bound)
                if math.isinf(most):
                    return least
                return least + (most - least) * (wanted - below) / max(count - below, 1e-9)
            below, least = count, float(bound)
        return least
