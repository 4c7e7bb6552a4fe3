/** The lines between the boxes of a graph, and the columns on them. */
import type { StepActivity } from "@convoy-mesh/client/v1";
import { count } from "../figure";
import type { Layout, Line } from "../graph/shape";

interface Props {
  layout: Layout;
  steps: Map<string, StepActivity>;
  chosen: string | undefined;
  title: string;
}

export function Lines({ layout, steps, chosen, title }: Props) {
  const busy = (line: Line) => (steps.get(line.to)?.batchesPerSecond ?? 0) > 0;
  const touches = (line: Line) => line.from === chosen || line.to === chosen;
  return (
    <svg width={layout.width} height={layout.height} role="img" aria-label={title}>
      {layout.lines.map((line) => (
        <g key={`${line.from} ${line.to}`} class={touches(line) ? "line chosen" : "line"}>
          <path d={line.path} />
          {busy(line) && <path class="flow" d={line.path} />}
          <path class="tip" d={tip(line, layout.look)} />
          <title>{line.columns.join(", ")}</title>
        </g>
      ))}
      {layout.lines.map((line) => (
        <Label key={`${line.from} ${line.to}`} line={line} look={layout.look} />
      ))}
    </svg>
  );
}

/** A small triangle where the line arrives. */
function tip({ end, down }: Line, look: Layout["look"]): string {
  const [long, half] = look === "roomy" ? [7, 4] : [6, 3.5];
  return down
    ? `M${end.x} ${end.y}l${-half} ${-long}h${half * 2}z`
    : `M${end.x} ${end.y}l${-long} ${-half}v${half * 2}z`;
}

/** How many characters a label may have; longer ones become a number. */
const LABEL = 12;

function Label({ line, look }: { line: Line; look: Layout["look"] }) {
  if (line.label === undefined) return null;
  const names = line.columns.join(", ");
  const short = names.length <= LABEL ? names : count(line.columns.length, "column");
  const text = look === "close" || look === "compact" ? String(line.columns.length) : short;
  const width = text.length * 6 + 10;
  return (
    <g class="label" transform={`translate(${line.label.x} ${line.label.y})`}>
      <title>{names}</title>
      <rect x={-width / 2} y={-9} width={width} height={18} rx={9} />
      <text y={4} text-anchor="middle">
        {text}
      </text>
    </g>
  );
}
