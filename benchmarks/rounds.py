"""Interleaved rounds: every case once a round, so that what the machine does meets all alike."""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

Measure = Callable[[], Mapping[str, float]]
Rounds = dict[str, list[dict[str, float]]]
"""By the case's name, what each round measured."""


def interleave(title: str, cases: Mapping[str, Measure], rounds: int) -> Rounds:
    """Run each case ``rounds`` times; each round begins with another case."""
    names = list(cases)
    results: Rounds = {name: [] for name in names}
    columns = (TextColumn("{task.description:45}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), transient=True) as progress:
        task = progress.add_task(title, total=rounds * len(names))
        for n in range(rounds):
            turn = n % len(names)
            for name in names[turn:] + names[:turn]:
                progress.update(task, description=f"{title}: {name}"[:45])
                results[name].append(dict(cases[name]()))
                progress.advance(task)
    return results


@dataclass(frozen=True, slots=True)
class Ratio:
    """How two cases compare: the median of what each round gives."""

    name: str
    values: tuple[float, ...]
    goal: str = ""
    """What the ratio should be, in words; nothing asserts it."""

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def json(self) -> dict[str, Any]:
        rounds = list(self.values)
        return {"name": self.name, "median": self.median, "rounds": rounds, "goal": self.goal}


def ratio(
    results: Rounds, above: str, below: str, key: str, *, goal: str = "", name: str = ""
) -> Ratio:
    """Compare two cases round by round: those of one round met the same machine."""
    pairs = zip(results[above], results[below], strict=True)
    return Ratio(name or f"{above} / {below}", tuple(a[key] / b[key] for a, b in pairs), goal)


def median(results: Rounds, case: str, key: str) -> float:
    """Give the median of a case's rounds."""
    return statistics.median(row[key] for row in results[case])
