/** A pipeline's steps as hops with edges between them, ready to be drawn. */
import type { DescribeResponse, StepSpec } from "@convoy-mesh/client/v1";
import { join } from "./join";

export const INPUT = "in:";
export const OUTPUT = "out:";

/** Steps that share a deployment travel together: one hop. */
export interface Hop {
  /** The first step's name, which its activity and its timing have, too. */
  id: string;
  steps: StepSpec[];
}

export interface Edge {
  from: string;
  to: string;
  columns: string[];
  /** A longer way leads around it: it is not drawn, the details of its step tell of it. */
  skips: boolean;
}

export interface Hops {
  hops: Hop[];
  edges: Edge[];
}

export function hopsOf(pipeline: DescribeResponse): Hops {
  const after = (step: StepSpec) => [...sourcesOf(pipeline, step).values()];
  const hops = join(pipeline.steps, after).map((steps) => ({ id: steps[0]?.name ?? "", steps }));
  return { hops, edges: edgesOf(pipeline, hops) };
}

/** Where each column that a step consumes comes from; its `when` is one of them. */
export function sourcesOf(pipeline: DescribeResponse, step: StepSpec): Map<string, string> {
  const before = pipeline.steps.slice(0, pipeline.steps.indexOf(step));
  const columns = step.when === "" ? step.consumes : [...step.consumes, step.when];
  return new Map(columns.map((column) => [column, sourceOf(before, column)]));
}

/** The last of the steps that gives a column; else it is an input. */
function sourceOf(steps: readonly StepSpec[], column: string): string {
  const gives = (step: StepSpec) => step.produces.some((one) => one.name === column);
  return steps.findLast(gives)?.name ?? INPUT;
}

function edgesOf(pipeline: DescribeResponse, hops: readonly Hop[]): Edge[] {
  const home = new Map([[INPUT, INPUT]]);
  for (const hop of hops) for (const step of hop.steps) home.set(step.name, hop.id);
  const edges = new Map<string, Edge>();
  const add = (source: string, to: string, column: string) => {
    const from = home.get(source) ?? INPUT;
    if (from === to) return;
    const key = `${from} ${to}`;
    const edge = edges.get(key) ?? { from, to, columns: [], skips: false };
    if (!edge.columns.includes(column)) edge.columns.push(column);
    edges.set(key, edge);
  };
  for (const hop of hops) {
    for (const step of hop.steps) {
      for (const [column, source] of sourcesOf(pipeline, step)) add(source, hop.id, column);
    }
  }
  for (const column of pipeline.outputs) {
    add(sourceOf(pipeline.steps, column.name), OUTPUT, column.name);
  }
  return reduced([...edges.values()]);
}

/** Mark the edges that a longer way leads around. */
function reduced(edges: Edge[]): Edge[] {
  const next = new Map<string, string[]>();
  for (const { from, to } of edges) next.set(from, [...(next.get(from) ?? []), to]);
  const reaches = (from: string, to: string): boolean =>
    from === to || (next.get(from) ?? []).some((one) => reaches(one, to));
  for (const edge of edges) {
    const others = (next.get(edge.from) ?? []).filter((one) => one !== edge.to);
    edge.skips = others.some((one) => reaches(one, edge.to));
  }
  return edges;
}
