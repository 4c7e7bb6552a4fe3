/** A graph for narrow pages: a row for each box, and beside the rows a rail for each open line. */
import { type Edge, type Hops, INPUT, OUTPUT } from "./hops";
import type { Box, Layout, Line } from "./shape";

const RAIL = 14;
const END = 28;
const ROW = 76;
const STEP = 20;
const GAP = 12;

export function rails(hops: Hops, available: number): Layout {
  const drawn = hops.edges.filter((edge) => !edge.skips);
  const order = [INPUT, ...hops.hops.map((hop) => hop.id), OUTPUT];
  const { lanes, count } = lanesOf(order, drawn);
  const left = count * RAIL + 4;
  const boxes = new Map<string, Box>();
  let y = 1;
  for (const id of order) {
    const steps = hops.hops.find((hop) => hop.id === id)?.steps.length ?? 0;
    const height = steps === 0 ? END : ROW + (steps - 1) * STEP;
    boxes.set(id, { id, x: left, y, width: steps === 0 ? 56 : available - left - 1, height });
    y += height + GAP;
  }
  const lines = drawn.map((edge) => line(edge, lanes.get(edge) ?? 0, left, boxes));
  return { width: available, height: y - GAP + 1, boxes, lines, look: "rails", scale: 1 };
}

/** Give each line the first rail that is free from its box to the one that it leads to. */
function lanesOf(order: readonly string[], edges: readonly Edge[]) {
  const place = new Map(order.map((id, index) => [id, index]));
  const at = (id: string) => place.get(id) ?? 0;
  const lanes = new Map<Edge, number>();
  const sorted = [...edges].sort((a, b) => at(a.from) - at(b.from) || at(a.to) - at(b.to));
  for (const edge of sorted) {
    const overlaps = (other: Edge) =>
      other !== edge && at(other.from) < at(edge.to) && at(edge.from) < at(other.to);
    const shares = (other: Edge) => other.to === edge.to || other.from === edge.from;
    const taken = new Set(
      [...lanes].filter(([other]) => overlaps(other) && !shares(other)).map(([, lane]) => lane),
    );
    let lane = 0;
    while (taken.has(lane)) lane += 1;
    lanes.set(edge, lane);
  }
  return { lanes, count: 1 + Math.max(0, ...lanes.values()) };
}

/** Out of the box to its rail, down, and into the other box, with round corners. */
function line(
  { from, to, columns }: Edge,
  lane: number,
  left: number,
  boxes: Map<string, Box>,
): Line {
  const start = boxes.get(from);
  const end = boxes.get(to);
  if (start === undefined || end === undefined) throw new Error(`no box of ${from} or ${to}`);
  const x = left - 8 - lane * RAIL;
  const radius = 6;
  const out = start.y + start.height * (start.height > END ? 0.72 : 0.5);
  const into = end.y + Math.min(18, end.height / 2);
  const path =
    `M${left} ${out}H${x + radius}Q${x} ${out} ${x} ${out + radius}` +
    `V${into - radius}Q${x} ${into} ${x + radius} ${into}H${left}`;
  const tip = { x: left, y: into };
  return { from, to, columns, path, end: tip, down: false, label: undefined };
}
