"""Which steps travel in one hop."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convoy_services.mesh.column import Column, Columns
from convoy_services.mesh.hops import join
from convoy_services.mesh.plan import Fallback, HopPlan, StepPlan

INT = Column("INT64")


def step(name: str, deployment: str, *after: str, optional: float | None = None) -> StepPlan:
    """Make a step that takes the columns of those before it, and gives one of its own name."""
    return StepPlan(
        name=name,
        stage=name,
        deployment=deployment,
        consumes={f"x{i}": earlier for i, earlier in enumerate(after)} or {"x": "x"},
        produces={"y": name},
        columns=Columns(**{name: INT}),
        after=frozenset(after),
        optional=optional is not None,
        budget=optional,
        fallback={name: Fallback(0)} if optional is not None else {},
    )


def names(hops: Sequence[HopPlan]) -> list[list[str]]:
    return [[step.name for step in hop.steps] for hop in hops]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        pytest.param(
            [step("a", "X"), step("b", "X", "a"), step("c", "X", "b")],
            [["a", "b", "c"]],
            id="a chain in one deployment",
        ),
        pytest.param(
            [step("a", "X"), step("b", "Y", "a"), step("c", "Z", "b")],
            [["a"], ["b"], ["c"]],
            id="each in its own",
        ),
        pytest.param(
            [step("a", "X"), step("b", "Y", "a"), step("c", "Y", "b")],
            [["a"], ["b", "c"]],
            id="the last two together",
        ),
        pytest.param(
            [step("a", "X"), step("b", "Y", "a"), step("c", "X", "b")],
            [["a"], ["b"], ["c"]],
            id="there and back again",
        ),
        pytest.param(
            [step("a", "X"), step("b", "X"), step("c", "X", "a", "b")],
            [["a", "b", "c"]],
            id="branches in one deployment",
        ),
        pytest.param(
            [step("a", "X"), step("b", "Y"), step("c", "X", "a", "b")],
            [["a", "c"], ["b"]],
            id="one that waits for another deployment",
        ),
        pytest.param(
            [step("a", "X"), step("b", "Y", "a"), step("c", "X", "a"), step("d", "X", "b", "c")],
            [["a", "c"], ["b"], ["d"]],
            id="a diamond with one branch elsewhere",
        ),
        pytest.param(
            [step("a", "X"), step("b", "Y"), step("c", "X", "b"), step("d", "Y", "a")],
            [["a", "c"], ["b"], ["d"]],
            id="two pairs that would wait for each other",
        ),
    ],
)
def test_neighbours_of_one_deployment_share_a_hop(
    steps: list[StepPlan], expected: list[list[str]]
) -> None:
    assert names(join(steps, [steps[-1].name])) == expected


@st.composite
def graphs(draw: st.DrawFn) -> list[StepPlan]:
    steps: list[StepPlan] = []
    for number in range(draw(st.integers(1, 9))):
        earlier = st.sampled_from([s.name for s in steps]) if steps else st.nothing()
        after = draw(st.sets(earlier, max_size=3)) if steps else set()
        deployment = draw(st.sampled_from("XYZ"))
        steps.append(step(f"s{number}", deployment, *sorted(after)))
    return steps


@given(graphs())
def test_hops_never_wait_for_each_other(steps: list[StepPlan]) -> None:
    """Two steps joined to others crosswise once made two hops that waited for each other."""
    hops = join(steps, [s.name for s in steps])
    assert sorted(name for hop in names(hops) for name in hop) == sorted(s.name for s in steps)
    finished: set[str] = set()
    while len(finished) < len(hops):
        ready = {hop.name for hop in hops if hop.after <= finished} - finished
        assert ready, f"{names(hops)} wait for each other"
        finished |= ready


@given(graphs())
def test_a_hop_stays_in_one_deployment_and_runs_its_steps_in_order(steps: list[StepPlan]) -> None:
    hops = join(steps, [steps[-1].name])
    home = {s.name: hop for hop in hops for s in hop.steps}
    for hop in hops:
        assert {s.deployment for s in hop.steps} == {hop.link}
        seen: set[str] = set()
        for member in hop.steps:
            for earlier in member.after:
                inside = home[earlier] is hop
                assert earlier in seen if inside else home[earlier].name in hop.after
            seen.add(member.name)


@given(graphs())
def test_a_hop_takes_what_is_made_elsewhere_and_gives_what_is_used_elsewhere(
    steps: list[StepPlan],
) -> None:
    outputs = [steps[-1].name]
    for hop in join(steps, outputs):
        inside = {s.name for s in hop.steps}
        needs = {column for s in hop.steps for column in s.consumes.values()}
        assert set(hop.consumes) == needs - inside
        used = {c for s in steps if s.name not in inside for c in s.consumes.values()} | {*outputs}
        assert (set(hop.columns) == inside & used) or len(hop.steps) == 1


def test_a_hop_of_optional_steps_alone_is_optional_for_the_sum_of_their_budgets() -> None:
    first, second = step("a", "X", optional=0.02), step("b", "X", "a", optional=0.03)
    (hop,) = join([first, second], ["a", "b"])
    assert hop.optional
    assert hop.budget == pytest.approx(0.05)
    assert set(hop.fallback) == {"a", "b"}


def test_a_hop_with_a_required_step_is_required() -> None:
    (hop,) = join([step("a", "X", optional=0.02), step("b", "X", "a")], ["a", "b"])
    assert not hop.optional
    assert hop.budget is None
