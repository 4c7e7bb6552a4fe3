"""What ``convoy top`` works out of two looks at the metrics."""

import math
from typing import Any

import pytest

from convoy_services.cli.look import Change, Look
from convoy_services.cli.screen import BLOCKS, sparkline

OF = {"pipeline": "p"}


def look(at: float, **series: float) -> Look:
    """Make a look at a histogram ``h`` by its buckets, and a counter ``c`` of two codes."""
    state: Any = {}
    labelled = {}
    for key, value in series.items():
        name, _, label = key.partition("__")
        extra = {}
        if name == "h_bucket":
            extra = {"le": label.replace("_", ".").replace("inf", "+Inf")}
        elif label:
            extra = {"code": label}
        labelled[name, frozenset((OF | extra).items())] = value
    return Look(at, state, labelled)


BEFORE = look(
    10.0,
    c__OK=5,
    c__CANCELLED=1,
    h_count=10,
    h_sum=1.0,
    h_bucket__1=10,
    h_bucket__4=10,
    h_bucket__inf=10,
)
NOW = look(
    12.0,
    c__OK=25,
    c__CANCELLED=3,
    h_count=20,
    h_sum=21.0,
    h_bucket__1=12,
    h_bucket__4=20,
    h_bucket__inf=20,
)


def test_rates_are_by_the_second_and_by_label() -> None:
    change = Change(BEFORE, NOW)
    assert change.rate("c", **OF) == pytest.approx(11)
    assert change.rate("c", **OF, code="OK") == pytest.approx(10)
    assert change.rate("c", pipeline="other") == 0


def test_means_and_quantiles_are_of_what_came_between() -> None:
    change = Change(BEFORE, NOW)
    assert change.mean("h", **OF) == pytest.approx(2.0)
    # Two of ten below 1, the other eight evenly from 1 to 4.
    assert change.quantile(0.1, "h", **OF) == pytest.approx(0.5)
    assert change.quantile(0.6, "h", **OF) == pytest.approx(2.5)
    assert math.isnan(Change(NOW, NOW).quantile(0.5, "h", **OF))
    assert math.isnan(Change(NOW, NOW).mean("h", **OF))


def test_a_process_that_starts_anew_makes_no_negative_rate() -> None:
    assert Change(NOW, BEFORE).rate("c", **OF) == 0


def test_a_sparkline_has_the_greatest_as_the_highest() -> None:
    assert sparkline([0.0, 5.0, 10.0]) == f"{BLOCKS[0]}{BLOCKS[4]}{BLOCKS[7]}"
    assert sparkline([]) == ""
    assert sparkline([0.0]) == BLOCKS[0]
