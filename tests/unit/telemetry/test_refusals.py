"""How refusals are logged."""

import logging
import time

import pytest

from convoy import Batch, Code, ConvoyError, Tensor
from convoy_services.mesh.journey import Journey
from convoy_services.mesh.request import Request
from convoy_services.telemetry.refusals import PERIOD, Refusals
from tests.unit.mesh.virtual_time import simulate

FULL = ConvoyError(Code.RESOURCE_EXHAUSTED, "full", "QUEUE_FULL")


async def request() -> Request:
    batch = Batch(rows=1, columns={"x": Tensor.texts(["secret"])})
    return Request(inputs=batch, deadline=60.0)


def test_a_reason_has_one_line_a_second_with_their_number(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    refusals, refused = Refusals(), simulate(request())
    with caplog.at_level(logging.WARNING, "ray.serve.convoy"):
        for _ in range(1000):
            refusals.ended("p", refused, FULL)
        refusals.ended("p", refused, ConvoyError(Code.UNAVAILABLE, "closed", "PIPELINE_CLOSED"))
        now += PERIOD
        refusals.ended("p", refused, FULL)
    told = [(record.reason, record.requests) for record in caplog.records]
    assert told == [("QUEUE_FULL", 1), ("PIPELINE_CLOSED", 1), ("QUEUE_FULL", 1000)]
    assert "secret" not in caplog.text


def test_what_left_the_queue_was_not_refused(caplog: pytest.LogCaptureFixture) -> None:
    refusals, failed = Refusals(), simulate(request())
    failed.journeys.append(Journey())
    refusals.ended("p", failed, FULL)
    refusals.ended("p", simulate(request()), None)
    assert not caplog.records
