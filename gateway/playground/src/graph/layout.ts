/** Where the boxes of a graph stand and how the lines run. */
import dagre from "@dagrejs/dagre";
import { type Hops, INPUT, OUTPUT } from "./hops";
import { rails } from "./rails";
import type { Box, Layout, Point } from "./shape";

interface Sizes {
  width: number;
  height: number;
  /** How much each further step of a hop adds to its height. */
  step: number;
  gap: number;
  end: number;
}

type Direction = "LR" | "TB";

const ROOMY: Sizes = { width: 172, height: 92, step: 22, gap: 88, end: 56 };
const CLOSE: Sizes = { width: 156, height: 92, step: 22, gap: 44, end: 48 };
const COMPACT: Sizes = { width: 124, height: 92, step: 20, gap: 24, end: 40 };
const DOWN: Sizes = { width: 184, height: 92, step: 22, gap: 44, end: 56 };
const NARROW = 640;
/** Smaller, and figures are too small to read: a wider graph is scrolled. */
const SMALLEST = 0.85;

/** Left to right as roomy as fits into `available` px; top to bottom where that is narrow. */
export function layoutOf(hops: Hops, available: number): Layout {
  if (available < NARROW) {
    const down = arrange(hops, DOWN, "TB");
    return down.width <= available ? down : rails(hops, available);
  }
  const roomy = arrange(hops, ROOMY, "LR");
  if (roomy.width <= available) return roomy;
  const close = arrange(hops, CLOSE, "LR");
  if (close.width <= available) return { ...close, look: "close" };
  const compact = arrange(hops, COMPACT, "LR");
  const scale = Math.max(SMALLEST, Math.min(1, available / compact.width));
  return { ...compact, look: "compact", scale };
}

function arrange(hops: Hops, sizes: Sizes, rankdir: Direction): Layout {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir, ranksep: sizes.gap, nodesep: 16, marginx: 1, marginy: 1 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const hop of hops.hops) {
    const height = sizes.height + (hop.steps.length - 1) * sizes.step;
    graph.setNode(hop.id, { width: sizes.width, height });
  }
  for (const end of [INPUT, OUTPUT]) graph.setNode(end, { width: sizes.end, height: 32 });
  const drawn = hops.edges.filter((edge) => !edge.skips);
  for (const edge of drawn) graph.setEdge(edge.from, edge.to);
  dagre.layout(graph);
  const boxes = new Map<string, Box>();
  for (const id of graph.nodes()) {
    const { x, y, width, height } = graph.node(id) as Required<Box>;
    boxes.set(id, { id, x: x - width / 2, y: y - height / 2, width, height });
  }
  const lines = drawn.map(({ from, to, columns }) => {
    const { points } = graph.edge(from, to) as { points: Point[] };
    const ends = anchored(points, boxes.get(from), boxes.get(to), rankdir);
    return {
      from,
      to,
      columns,
      path: curve(ends, rankdir),
      end: ends.at(-1) ?? { x: 0, y: 0 },
      down: rankdir === "TB",
      label: middle(ends),
    };
  });
  const { width = 0, height = 0 } = graph.graph();
  return { width, height, boxes, lines, look: "roomy", scale: 1 };
}

/** Let a line leave and arrive at the middle of a side, as dagre's own ends do not. */
function anchored(
  points: Point[],
  from: Box | undefined,
  to: Box | undefined,
  rankdir: Direction,
): Point[] {
  if (from === undefined || to === undefined) return points;
  const across = rankdir === "LR";
  const start = across
    ? { x: from.x + from.width, y: from.y + from.height / 2 }
    : { x: from.x + from.width / 2, y: from.y + from.height };
  const end = across ? { x: to.x, y: to.y + to.height / 2 } : { x: to.x + to.width / 2, y: to.y };
  return [start, ...points.slice(2, -2), end];
}

function curve([start, ...rest]: Point[], rankdir: Direction): string {
  if (start === undefined) return "";
  let path = `M${start.x} ${start.y}`;
  let last = start;
  for (const point of rest) {
    const x = (last.x + point.x) / 2;
    const y = (last.y + point.y) / 2;
    path +=
      rankdir === "LR"
        ? `C${x} ${last.y} ${x} ${point.y} ${point.x} ${point.y}`
        : `C${last.x} ${y} ${point.x} ${y} ${point.x} ${point.y}`;
    last = point;
  }
  return path;
}

function middle(points: Point[]): Point | undefined {
  const index = Math.floor((points.length - 1) / 2);
  const left = points[index];
  const right = points[index + 1] ?? left;
  if (left === undefined || right === undefined) return undefined;
  return { x: (left.x + right.x) / 2, y: (left.y + right.y) / 2 };
}
