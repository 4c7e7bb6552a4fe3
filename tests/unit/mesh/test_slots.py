"""Who may leave next, and which deployment it is counted at."""

import pytest

from convoy_services.mesh.bottleneck import Bottleneck
from convoy_services.mesh.hop import StageReport
from convoy_services.mesh.plan import DeploymentPlan
from convoy_services.mesh.slots import Slots
from tests.unit.mesh.simulator import Stage, chain
from tests.unit.mesh.virtual_time import simulate

FLIGHT = 0.002
"""The seconds of each batch's flight."""


def test_free_slots_are_never_fewer_than_none() -> None:
    slots = Slots(2)
    for left in (1, 0, 0):
        slots.acquire()
        assert slots.free == left
    slots.release()
    slots.release()
    assert slots.free == 1


def test_those_who_wait_for_a_slot_are_asked_in_turn() -> None:
    slots, asked = Slots(1), []
    for name in "abc":
        slots.watch(lambda name=name: asked.append(name))  # type: ignore[misc]
    for _ in range(3):
        slots.acquire()
        slots.release()
    assert sorted(asked[::3]) == ["a", "b", "c"]
    assert len(asked) == 9


def bottleneck(**replicas: int) -> Bottleneck:
    async def scenario() -> Bottleneck:
        mesh = chain({name: Stage(lambda _: 0.0) for name in replicas})
        deployments = {
            name: DeploymentPlan(name=name, stages=(name,), replicas=count)
            for name, count in replicas.items()
        }
        return Bottleneck(mesh.plan.pipelines["chain"].hops, deployments)

    return simulate(scenario())


def observe(watched: Bottleneck, times: int = 50, **us: int) -> str:
    for _ in range(times):
        reports = {name: StageReport(compute_us=10 * each) for name, each in us.items()}
        watched.observe(10, reports, FLIGHT)
    return watched.deployment


def test_until_there_are_reports_work_is_where_the_replicas_are() -> None:
    assert bottleneck(a=1, b=4, c=2).deployment == "b"


def test_the_slowest_deployment_takes_over() -> None:
    assert observe(bottleneck(a=1, b=1), a=10, b=100) == "b"


def test_replicas_share_the_work() -> None:
    assert observe(bottleneck(a=1, b=4), a=100, b=200) == "a"


@pytest.mark.parametrize("b", [90, 110, 140])
def test_a_tie_does_not_swing(b: int) -> None:
    watched = bottleneck(a=1, b=1)
    observe(watched, a=100, b=10)
    assert observe(watched, a=100, b=b) == "a"


def test_a_hop_that_was_not_made_is_not_counted_as_fast() -> None:
    watched = bottleneck(a=1, b=1)
    observe(watched, a=10, b=100)
    assert observe(watched, a=50) == "b"


@pytest.mark.parametrize(("us", "computes"), [(190, True), (60, True), (40, False), (0, False)])
def test_a_bottleneck_that_hardly_computes_is_none(us: int, computes: bool) -> None:
    watched = bottleneck(a=1)
    assert watched.computes
    observe(watched, a=us)
    assert watched.computes is computes
