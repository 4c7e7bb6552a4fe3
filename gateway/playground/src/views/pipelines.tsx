/** The pipelines: one as a graph, what it does now, and a form to ask it. */
import type { DescribeResponse, PipelineActivity } from "@convoy-mesh/client/v1";
import { useEffect, useRef } from "preact/hooks";
import { count, figure, milliseconds } from "../figure";
import { Charts } from "../parts/charts";
import { Fact } from "../parts/fact";
import { Graph } from "../parts/graph";
import { stateOf } from "../parts/node";
import { catalog } from "../state/catalog";
import { activityOf } from "../state/history";
import { pipelinePath } from "../state/route";
import { Ask } from "./ask";

export function Pipelines({ name }: { name: string }) {
  const all = catalog.value ?? new Map<string, DescribeResponse>();
  const pipeline = name === "" ? [...all.values()][0] : all.get(name);
  return (
    <>
      <nav class="tabs" aria-label="Pipelines">
        <ul>
          {[...all.keys()].map((one) => (
            <li key={one}>
              <Tab name={one} current={one === pipeline?.pipeline} />
            </li>
          ))}
        </ul>
      </nav>
      {pipeline === undefined ? (
        <p class="empty">
          {name === "" ? "The mesh has no pipelines." : `The mesh has no pipeline “${name}”.`}
        </p>
      ) : (
        <Pipeline key={pipeline.pipeline} pipeline={pipeline} />
      )}
    </>
  );
}

function Tab({ name, current }: { name: string; current: boolean }) {
  const activity = activityOf(name);
  const link = useRef<HTMLAnchorElement>(null);
  useEffect(() => {
    if (current) link.current?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [current]);
  const state = activity === undefined ? "unknown" : stateOfPipeline(activity);
  return (
    <a ref={link} href={pipelinePath(name)} aria-current={current ? "page" : undefined}>
      <span class={`dot ${state.replace(" ", "-")}`} aria-hidden="true" />
      {name}
      {state !== "ready" && state !== "unknown" && <span class="tab-state"> {state}</span>}
    </a>
  );
}

function stateOfPipeline(activity: PipelineActivity): string {
  if (!activity.ready) return "not ready";
  return activity.steps.some((step) => stateOf(step) !== "well") ? "degraded" : "ready";
}

function Pipeline({ pipeline }: { pipeline: DescribeResponse }) {
  const activity = activityOf(pipeline.pipeline);
  return (
    <>
      <header class="head">
        <div>
          <h1>{pipeline.pipeline}</h1>
          <p class="soft">{summaryOf(pipeline)}</p>
        </div>
        <Activity activity={activity} />
      </header>
      <section class="card" aria-label={`Graph of ${pipeline.pipeline}`}>
        <Graph pipeline={pipeline} activity={activity} />
      </section>
      <section class="card" aria-label="Charts">
        <h2 class="hidden">The last two minutes</h2>
        <Charts pipeline={pipeline.pipeline} />
      </section>
      <Ask pipeline={pipeline} />
    </>
  );
}

function summaryOf({ steps, limits }: DescribeResponse): string {
  const words = [count(steps.length, "step")];
  if (limits !== undefined) words.push(`room for ${count(Number(limits.rows), "row")} that wait`);
  const seconds = Number(limits?.timeout?.seconds ?? 0) + (limits?.timeout?.nanos ?? 0) / 1e9;
  if (seconds > 0) words.push(`a deadline of ${figure(seconds)} s`);
  return words.join(", ");
}

function Activity({ activity }: { activity: PipelineActivity | undefined }) {
  return (
    <dl class="facts" aria-label="Now">
      <Fact name="requests/s" value={figure(activity?.requestsPerSecond)} />
      <Fact name="rows waiting" value={figure(activity && Number(activity.queueRows))} />
      <Fact name="batches in flight" value={figure(activity?.inFlight)} />
      <Fact name="rows a batch" value={figure(activity?.batchRows)} />
      <Fact name="≈ median" value={milliseconds(activity?.p50Seconds)} />
      <Fact
        name="failed/s"
        value={figure(activity?.failuresPerSecond)}
        bad={(activity?.failuresPerSecond ?? 0) > 0}
      />
    </dl>
  );
}
