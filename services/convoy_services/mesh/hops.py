"""Steps that share a deployment share a hop."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from convoy_services.mesh.column import Columns
from convoy_services.mesh.plan import HopPlan, StepPlan


def join(steps: Sequence[StepPlan], outputs: Collection[str]) -> tuple[HopPlan, ...]:
    """Join neighbours of one deployment into hops; ``steps`` are in the order of dependency.

    A step joins an earlier hop of its deployment unless it needs another hop that waits for it.
    """
    groups: list[list[StepPlan]] = []
    for step in steps:
        for group in groups:
            if group[0].deployment == step.deployment and _fits(step, group, groups):
                group.append(step)
                break
        else:
            groups.append([step])
    home = {step.name: group[0].name for group in groups for step in group}
    return tuple(_hop(group, home, steps, outputs) for group in groups)


def _fits(step: StepPlan, group: list[StepPlan], groups: list[list[StepPlan]]) -> bool:
    """Whether no other hop that ``step`` needs waits for the hop that it would join."""
    home = {member.name: i for i, other in enumerate(groups) for member in other}
    here = home[group[0].name]
    waiting = {home[name] for name in step.after} - {here}
    seen: set[int] = set()
    while waiting:
        hop = waiting.pop()
        seen.add(hop)
        needs = {home[name] for member in groups[hop] for name in member.after}
        if here in needs:
            return False
        waiting |= needs - seen
    return True


def _hop(
    group: list[StepPlan], home: dict[str, str], steps: Sequence[StepPlan], outputs: Collection[str]
) -> HopPlan:
    first = group[0]
    if len(group) == 1:
        after = frozenset(home[name] for name in first.after)
        return replace(HopPlan.of(first, first.deployment), after=after)
    inside = {name for step in group for name in step.columns}
    wanted = {*outputs}
    for step in steps:
        if step not in group:
            wanted |= _needs(step)
    optional = all(step.optional for step in group)
    if optional:  # falls back here, and there needs what a fallback is like
        wanted |= {f.like for step in group for f in step.fallback.values() if f.like}
    columns = {n: c for step in group for n, c in step.columns.items() if n in wanted}
    needs = [name for step in group for name in _needs(step) if name not in inside]
    return HopPlan(
        name=first.name,
        link=first.deployment,
        steps=tuple(group),
        consumes=tuple(dict.fromkeys(needs)),
        columns=Columns(**columns),
        after=frozenset(home[n] for step in group for n in step.after) - {first.name},
        optional=optional,
        budget=sum(step.budget or 0 for step in group) if optional else None,
        fallback={n: f for step in group for n, f in step.fallback.items() if n in columns},
    )


def _needs(step: StepPlan) -> set[str]:
    likes = {f.like for f in step.fallback.values() if f.like}
    return {*step.consumes.values(), *likes, *([step.when] if step.when else [])}
