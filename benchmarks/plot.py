"""A suite's picture: bars for medians, dots for the rounds behind them."""

import statistics
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from benchmarks.outcome import Chart, Outcome
from benchmarks.report import figure

OURS, THEIRS, DOTS = "#1f6f8b", "#b8c4c9", "#333333"


def plot(outcome: Outcome, folder: Path) -> Path:
    """Draw the charts of a suite below each other."""
    heights = [0.9 + 0.36 * len(chart.results) for chart in outcome.charts]
    figures, axes = plt.subplots(
        len(heights), figsize=(9, sum(heights)), height_ratios=heights, squeeze=False
    )
    for ax, chart in zip(axes[:, 0], outcome.charts, strict=True):
        _bars(ax, chart)
    figures.tight_layout()
    file = folder / f"{outcome.suite}.png"
    figures.savefig(file, dpi=130)
    plt.close(figures)
    return file


def _bars(ax: Axes, chart: Chart) -> None:
    names = list(chart.results)[::-1]
    values = [[row[chart.key] for row in chart.results[name]] for name in names]
    medians = [statistics.median(rounds) for rounds in values]
    colours = [OURS if name.startswith("Convoy") else THEIRS for name in names]
    ax.barh(names, medians, color=colours, height=0.7)
    for place, (rounds, middle) in enumerate(zip(values, medians, strict=True)):
        ax.plot(rounds, [place] * len(rounds), "o", color=DOTS, markersize=3)
        ax.annotate(
            f"  {figure(middle)}", (max(rounds), place), va="center", fontsize=8, color=DOTS
        )
    ax.set_title(f"{chart.title} ({chart.unit})", loc="left", fontsize=10)
    ax.tick_params(labelsize=8)
    ax.margins(x=0.12)
    ax.spines[["top", "right"]].set_visible(False)
