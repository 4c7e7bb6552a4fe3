"""What a suite found."""

from dataclasses import dataclass, field
from typing import Any

from benchmarks.rounds import Ratio, Rounds, median


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One panel of a suite's picture: a bar for each case, a dot for each of its rounds."""

    title: str
    results: Rounds
    key: str
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One suite's rounds, their medians, how they compare, and how to draw them."""

    suite: str
    charts: list[Chart]
    ratios: list[Ratio] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)

    def json(self) -> dict[str, Any]:
        return {
            "charts": [
                {
                    "title": chart.title,
                    "key": chart.key,
                    "unit": chart.unit,
                    "cases": {
                        name: {"median": median(chart.results, name, chart.key), "rounds": rounds}
                        for name, rounds in chart.results.items()
                    },
                }
                for chart in self.charts
            ],
            "ratios": [ratio.json() for ratio in self.ratios],
            "notes": self.notes,
            **self.extra,
        }
