"""The metrics of a mesh at two moments, and what happened between them."""

import math
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from prometheus_client.metrics_core import Metric

Labels = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Look:
    """Every metric, at one moment."""

    at: float
    series: Mapping[str, Mapping[Labels, float]]
    """By the sample's name."""

    @classmethod
    def of(cls, metrics: Iterable[Metric]) -> Self:
        """Hold what these metrics are now."""
        series: dict[str, dict[Labels, float]] = {}
        for metric in metrics:
            for sample in metric.samples:
                of_name = series.setdefault(sample.name, {})
                of_name[frozenset(sample.labels.items())] = sample.value
        return cls(time.monotonic(), series)

    def select(self, name: str, **labels: str) -> Iterator[tuple[Labels, float]]:
        """Give the series of a name that have these labels."""
        wanted = labels.items()
        for has, value in self.series.get(name, {}).items():
            if has >= wanted:
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
