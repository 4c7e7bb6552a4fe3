/** Which steps travel together: the mesh joins steps of one deployment into hops, and so does this. */
import type { StepSpec } from "@convoy-mesh/client/v1";

/** `after` tells of a step which steps it needs; the steps are in the order of dependency. */
export function join(
  steps: readonly StepSpec[],
  after: (step: StepSpec) => readonly string[],
): StepSpec[][] {
  const groups: StepSpec[][] = [];
  for (const step of steps) {
    const home = groups.find(
      (group) => group[0]?.deployment === step.deployment && fits(step, group, groups, after),
    );
    if (home === undefined) groups.push([step]);
    else home.push(step);
  }
  return groups;
}

/** Whether no other hop that `step` needs waits for the hop that it would join. */
function fits(
  step: StepSpec,
  group: StepSpec[],
  groups: readonly StepSpec[][],
  after: (step: StepSpec) => readonly string[],
): boolean {
  const homesOf = (names: readonly string[]) =>
    groups.filter((one) => one.some((member) => names.includes(member.name)));
  const waits = (hop: StepSpec[]): boolean => {
    const needs = homesOf(hop.flatMap(after)).filter((one) => one !== hop);
    return needs.some((one) => one === group || waits(one));
  };
  return !homesOf(after(step)).some((one) => one !== group && waits(one));
}
