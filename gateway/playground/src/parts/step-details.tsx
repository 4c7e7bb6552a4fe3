/** All that is known of the steps of one hop. */
import type { DescribeResponse, StepActivity, StepSpec } from "@convoy-mesh/client/v1";
import { figure, milliseconds, NONE, typeOf } from "../figure";
import { type Hop, INPUT, sourcesOf } from "../graph/hops";
import { Fact } from "./fact";
import { KindMark, kindName } from "./kind";

interface Props {
  pipeline: DescribeResponse;
  hop: Hop;
  activity: StepActivity | undefined;
  onClose: () => void;
}

export function StepDetails({ pipeline, hop, activity, onClose }: Props) {
  return (
    <section class="step-details" aria-label={`Step ${hop.id}`}>
      <button type="button" class="quiet close" onClick={onClose}>
        Close
      </button>
      {hop.steps.map((step) => (
        <Step key={step.name} pipeline={pipeline} step={step} />
      ))}
      <dl class="facts">
        <Fact name="replicas" value={activity === undefined ? NONE : String(activity.replicas)} />
        <Fact name="hop" value={milliseconds(activity?.hopSeconds)} />
        <Fact name="batches/s" value={figure(activity?.batchesPerSecond)} />
        <Fact name="in flight" value={figure(activity?.inFlight)} />
        <Fact name="waiting" value={figure(activity?.queued)} />
        <Fact name="computing" value={figure(activity?.computing)} />
        <Fact name="failures/s" value={figure(activity?.failuresPerSecond)} />
        <Fact name="fallback rows/s" value={figure(activity?.fallbackRowsPerSecond)} />
      </dl>
    </section>
  );
}

function Step({ pipeline, step }: { pipeline: DescribeResponse; step: StepSpec }) {
  return (
    <div class="step">
      <h2>
        <KindMark kind={step.kind} /> {step.name}
      </h2>
      <p class="soft">
        {kindName(step.kind)}, stage <code>{step.stage}</code> in deployment{" "}
        <code>{step.deployment}</code>
        {step.when !== "" && (
          <>
            , only rows where <code>{step.when}</code>
          </>
        )}
        {step.optional && `, optional${budgetOf(step)}`}.
      </p>
      <div class="pair">
        <div>
          <h3>Takes</h3>
          <ul class="columns">
            {bySource(sourcesOf(pipeline, step)).map(([source, columns]) => (
              <li key={source}>
                {columns.map((column) => (
                  <code key={column}>{column} </code>
                ))}
                <span class="soft">from {source === INPUT ? "the request" : source}</span>
              </li>
            ))}
          </ul>
        </div>
        <div>
          <h3>Gives</h3>
          <ul class="columns flow">
            {step.produces.map((column) => (
              <li key={column.name}>
                <code>{column.name}</code> <span class="soft">{typeOf(column)}</span>
              </li>
            ))}
          </ul>
        </div>
      </div>
    </div>
  );
}

/** The columns of each source, in the order in which the step names them. */
function bySource(sources: Map<string, string>): [string, string[]][] {
  const groups = new Map<string, string[]>();
  for (const [column, source] of sources) {
    groups.set(source, [...(groups.get(source) ?? []), column]);
  }
  return [...groups];
}

export function budgetOf(step: StepSpec): string {
  if (step.budget === undefined) return "";
  const seconds = Number(step.budget.seconds) + step.budget.nanos / 1e9;
  return ` within ${milliseconds(seconds)}`;
}
