/** A pipeline as a graph with live figures: boxes are buttons, the lines between them a picture. */
import type { DescribeResponse, PipelineActivity } from "@convoy-mesh/client/v1";
import { useMemo, useRef, useState } from "preact/hooks";
import { count } from "../figure";
import { hopsOf, INPUT, OUTPUT } from "../graph/hops";
import { layoutOf } from "../graph/layout";
import type { Box } from "../graph/shape";
import { GraphTable } from "./graph-table";
import { KindLegend } from "./kind";
import { Lines } from "./lines";
import { Node } from "./node";
import { place, sizeOf } from "./place";
import { StepDetails } from "./step-details";
import { useWidth } from "./use-width";

interface Props {
  pipeline: DescribeResponse;
  activity: PipelineActivity | undefined;
}

export function Graph({ pipeline, activity }: Props) {
  const frame = useRef<HTMLElement>(null);
  const width = useWidth(frame);
  const [chosen, choose] = useState<string>();
  const hops = useMemo(() => hopsOf(pipeline), [pipeline]);
  const layout = useMemo(() => layoutOf(hops, width), [hops, width]);
  const steps = new Map(activity?.steps.map((step) => [step.step, step]));
  const selected = hops.hops.find((hop) => hop.id === chosen);
  const names = hops.hops.map((hop) => hop.id).join(", ");
  return (
    <>
      <section
        class="graph-frame"
        ref={frame}
        tabIndex={layout.width * layout.scale > width + 1 ? 0 : undefined}
        aria-label={`Steps of ${pipeline.pipeline}`}
      >
        {width > 0 && (
          <div class="graph" style={sizeOf(layout)}>
            <Lines
              layout={layout}
              steps={steps}
              chosen={chosen}
              title={`${count(hops.hops.length, "hop")}: ${names}`}
            />
            <End box={layout.boxes.get(INPUT)} label="in" />
            {hops.hops.map((hop) => (
              <Node
                key={hop.id}
                hop={hop}
                box={layout.boxes.get(hop.id)}
                look={layout.look}
                activity={steps.get(hop.id)}
                chosen={hop.id === chosen}
                onChoose={() => choose(hop.id === chosen ? undefined : hop.id)}
              />
            ))}
            <End box={layout.boxes.get(OUTPUT)} label="out" />
          </div>
        )}
      </section>
      {selected !== undefined && (
        <StepDetails
          pipeline={pipeline}
          hop={selected}
          activity={steps.get(selected.id)}
          onClose={() => choose(undefined)}
        />
      )}
      <KindLegend />
      <GraphTable pipeline={pipeline} steps={steps} />
    </>
  );
}

function End({ box, label }: { box: Box | undefined; label: string }) {
  if (box === undefined) return null;
  return (
    <span class="graph-end" style={place(box)} aria-hidden="true">
      {label}
    </span>
  );
}
