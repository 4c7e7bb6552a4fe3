/** One hop of a pipeline's graph: its steps and what they do now. */
import type { StepActivity } from "@convoy-mesh/client/v1";
import { figure, milliseconds, NONE } from "../figure";
import type { Hop } from "../graph/hops";
import type { Box, Layout } from "../graph/shape";
import { KindMark, kindName } from "./kind";
import { place } from "./place";
import { Wagons } from "./wagons";

interface Props {
  hop: Hop;
  box: Box | undefined;
  look: Layout["look"];
  activity: StepActivity | undefined;
  chosen: boolean;
  onChoose: () => void;
}

export type StepState = "well" | "degraded" | "no replica" | "failing";

export function stateOf(activity: StepActivity | undefined): StepState {
  if (activity === undefined) return "well";
  if (activity.replicas === 0) return "no replica";
  if (activity.fallbackRowsPerSecond > 0) return "degraded";
  return activity.failuresPerSecond > 0 ? "failing" : "well";
}

export function Node({ hop, box, look, activity, chosen, onChoose }: Props) {
  if (box === undefined) return null;
  const state = stateOf(activity);
  const works = activity?.hopSeconds !== undefined;
  const classes = ["node", look, state.replace(" ", "-")];
  if (hop.steps.every((step) => step.optional)) classes.push("optional");
  return (
    <button
      type="button"
      class={classes.join(" ")}
      style={place(box)}
      aria-pressed={chosen}
      onClick={onChoose}
    >
      <span class="node-names">
        {hop.steps.map((step) => (
          <span class="node-name" key={step.name}>
            <KindMark kind={step.kind} />
            <span class="node-text">{step.name}</span>
            <span class="hidden">, {kindName(step.kind)}, </span>
          </span>
        ))}
      </span>
      {works && <Figures activity={activity} />}
      <span class="node-foot">
        {state !== "well" ? (
          <span class="node-state">{state}</span>
        ) : works ? (
          <Wagons activity={activity} />
        ) : (
          <span>{activity === undefined ? NONE : "idle"}</span>
        )}
        {activity !== undefined && (
          <span>
            ×{activity.replicas}
            <span class="hidden"> replicas</span>
          </span>
        )}
      </span>
      <Condition hop={hop} />
    </button>
  );
}

function Figures({ activity }: { activity: StepActivity }) {
  return (
    <span class="node-figures">
      <span class="node-time">
        {milliseconds(activity.hopSeconds)}
        <span class="hidden"> a hop, </span>
      </span>
      <span>
        {figure(activity.batchesPerSecond)}/s<span class="hidden"> batches, </span>
      </span>
    </span>
  );
}

/** Said where it holds for all steps of the hop. */
function Condition({ hop }: { hop: Hop }) {
  const when = new Set(hop.steps.map((step) => step.when));
  const [only = ""] = when;
  if (when.size !== 1 || only === "") return null;
  return <span class="node-when">if {only}</span>;
}
