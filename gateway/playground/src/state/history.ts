/** What the pipelines did in the last two minutes. */
import type { PipelineActivity, WatchResponse } from "@convoy-mesh/client/v1";
import { signal } from "@preact/signals";

export const SECONDS = 120;

export interface Sample {
  /** Seconds since the epoch. */
  time: number;
  /** Empty while the mesh was away. */
  pipelines: Map<string, PipelineActivity>;
}

/** The oldest first. */
export const samples = signal<readonly Sample[]>([]);

export function record(activity: WatchResponse): void {
  add(new Map(activity.pipelines.map((one) => [one.pipeline, one])));
}

/** Let the charts show that nothing is known from here on. */
export function recordGap(): void {
  add(new Map());
}

/** What a pipeline does now; undefined while that is not known. */
export function activityOf(pipeline: string): PipelineActivity | undefined {
  return samples.value.at(-1)?.pipelines.get(pipeline);
}

function add(pipelines: Sample["pipelines"]): void {
  const time = Date.now() / 1000;
  const kept = samples.peek().filter((one) => one.time > time - SECONDS);
  samples.value = [...kept, { time, pipelines }];
}
