"""What a call says beside its message."""

import asyncio

import pytest

from convoy import Code, ConvoyError
from convoy_services.mesh.context import BACKGROUND, NORMAL, URGENT
from convoy_services.mesh.request import Request
from convoy_services.rpc.call import Call
from tests.unit.mesh.hosted import numbers
from tests.unit.mesh.virtual_time import simulate


def request(call: Call, timeout: float = 30.0, wait: float = 0.0) -> Request:
    async def scenario() -> Request:
        await asyncio.sleep(wait)
        return call.request(numbers(1), timeout)

    return simulate(scenario())


def test_a_call_without_a_deadline_has_the_pipelines() -> None:
    assert request(Call(), timeout=30.0, wait=5.0).deadline == 35.0


def test_a_call_keeps_its_own_deadline() -> None:
    assert request(Call(deadline=7.0), timeout=30.0, wait=5.0).deadline == 7.0


@pytest.mark.parametrize(
    ("metadata", "priority"),
    [
        ({}, NORMAL),
        ({"convoy-priority": "0"}, BACKGROUND),
        ({"convoy-priority": "1"}, NORMAL),
        ({"convoy-priority": "2"}, URGENT),
    ],
)
def test_the_priority_is_in_the_metadata(metadata: dict[str, str], priority: int) -> None:
    assert request(Call(metadata=metadata)).priority == priority


@pytest.mark.parametrize("priority", ["3", "-1", "high", "", "01"])
def test_a_priority_that_there_is_not_is_refused(priority: str) -> None:
    with pytest.raises(ConvoyError) as caught:
        request(Call(metadata={"convoy-priority": priority}))
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert [v.field for v in caught.value.violations] == ["convoy-priority"]


def test_trace_and_tenant_come_along() -> None:
    made = request(Call(metadata={"traceparent": "00-1", "convoy-tenant": "acme"}))
    assert (made.traceparent, made.tenant) == ("00-1", "acme")


def test_the_time_that_remains_is_counted_from_now() -> None:
    async def scenario() -> tuple[float, float]:
        await asyncio.sleep(5.0)
        return Call(deadline=7.0).timeout(30.0), Call().timeout(30.0)

    assert simulate(scenario()) == (2.0, 30.0)
