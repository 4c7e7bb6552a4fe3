/** The entries of a call's timing, set out in time. */
import type { Timing } from "@convoy-mesh/client";
import type { DescribeResponse } from "@convoy-mesh/client/v1";
import { type Edge, hopsOf } from "../graph/hops";

export type PartName = "queue" | "serialize" | "travel" | "wait" | "compute" | "batch";

export interface Part {
  name: PartName;
  ms: number;
}

export interface Bar {
  name: string;
  /** How many steps share the hop with the one that names it. */
  also: number;
  /** What is known beside times, in words. */
  note: string;
  start: number;
  ms: number;
  parts: Part[];
}

export interface Schedule {
  total: number;
  bars: Bar[];
}

type Entry = Timing["entries"][number];

/**
 * Timing tells how long each hop took, not when it began: a hop begins when the last of those that
 * it takes columns from has ended. Batches of one call begin, as far as it tells, together.
 */
export function scheduleOf(timing: Timing, pipeline: DescribeResponse): Schedule {
  const { edges, hops } = hopsOf(pipeline);
  const bars: Bar[] = [];
  let queued = 0;
  let ends = new Map<string, number>();
  for (const entry of timing.entries) {
    if (entry.name === "total") continue;
    if (entry.name === "queue") {
      bars.push(bar(entry, 0, [{ name: "queue", ms: entry.ms }], ""));
      queued = entry.ms;
    } else if (entry.name === "batch") {
      ends = new Map();
      bars.push(bar(entry, queued, [{ name: "batch", ms: entry.ms }], batchNote(entry)));
    } else {
      const start = Math.max(queued, endBefore(entry.name, edges, ends));
      ends.set(entry.name, start + entry.ms);
      const also = hops.find((hop) => hop.id === entry.name)?.steps.slice(1) ?? [];
      const names = also.map((step) => step.name).join(", ");
      bars.push({
        ...bar(entry, start, stepParts(entry), names === "" ? "" : `with ${names}`),
        also: also.length,
      });
    }
  }
  const last = timing.entries.find((entry) => entry.name === "total")?.ms ?? 0;
  const total = Math.max(last, ...bars.map((one) => one.start + one.ms), 0.001);
  return { total, bars };
}

/** When all that a hop needs had ended; what did not run counts as what it needs itself. */
function endBefore(hop: string, edges: readonly Edge[], ends: Map<string, number>): number {
  const before = edges.filter((edge) => edge.to === hop);
  return Math.max(0, ...before.map(({ from }) => ends.get(from) ?? endBefore(from, edges, ends)));
}

function bar(entry: Entry, start: number, parts: Part[], note: string): Bar {
  return { name: entry.name, also: 0, note, start, ms: entry.ms, parts };
}

function batchNote({ details }: Entry): string {
  const { rows = "1", requests = "1" } = details;
  const plural = (number: string, noun: string) => `${number} ${noun}${number === "1" ? "" : "s"}`;
  return `${plural(rows, "row")} of ${plural(requests, "request")}`;
}

/** What is not told of a hop is its way there and back. */
function stepParts({ ms, details }: Entry): Part[] {
  const told = (name: "serialize" | "wait" | "compute") => ({
    name,
    ms: Number(details[name] ?? 0),
  });
  const [serialize, wait, compute] = [told("serialize"), told("wait"), told("compute")];
  const travel = Math.max(0, ms - serialize.ms - wait.ms - compute.ms);
  return [serialize, { name: "travel", ms: travel }, wait, compute];
}
