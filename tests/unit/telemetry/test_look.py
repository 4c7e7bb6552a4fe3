"""What is worked out of two looks at the metrics."""

import math

import pytest

from convoy_services.telemetry.look import Change, Labels, Look

OF = {"pipeline": "p"}


def look(at: float, **series: float) -> Look:
    """Make a look at a histogram ``h`` by its buckets, and a counter ``c`` of two codes."""
    labelled: dict[str, dict[Labels, float]] = {}
    for key, value in series.items():
        name, _, label = key.partition("__")
        extra = {}
        if name == "h_bucket":
            extra = {"le": label.replace("_", ".").replace("inf", "+Inf")}
        elif label:
            extra = {"code": label}
        labelled.setdefault(name, {})[frozenset((OF | extra).items())] = value
    return Look(at, labelled)


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
