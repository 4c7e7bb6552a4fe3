/** The three kinds of stages, each with a shape of its own. */
import { StageKind } from "@convoy-mesh/client/v1";

const PATHS: Record<StageKind, string> = {
  [StageKind.UNSPECIFIED]: "",
  [StageKind.PREPROCESS]: "M1 2h6l4 4-4 4H1z",
  [StageKind.INFERENCE]: "M6 .5l5.5 5.5L6 11.5.5 6z",
  [StageKind.POSTPROCESS]: "M1.5 1.5h9v9h-9z",
};

export function KindMark({ kind }: { kind: StageKind }) {
  return (
    <svg
      class={`kind ${kindName(kind)}`}
      viewBox="0 0 12 12"
      width="12"
      height="12"
      aria-hidden="true"
    >
      <path d={PATHS[kind] ?? ""} />
    </svg>
  );
}

export function kindName(kind: StageKind): string {
  return (StageKind[kind] ?? "another kind").toLowerCase(); // a newer mesh may have more
}

/** What the marks in a graph mean. */
export function KindLegend() {
  const kinds = [StageKind.PREPROCESS, StageKind.INFERENCE, StageKind.POSTPROCESS];
  return (
    <ul class="legend" aria-label="Marks of the graph">
      {kinds.map((kind) => (
        <li key={kind}>
          <KindMark kind={kind} /> {kindName(kind)}
        </li>
      ))}
      <li>
        <svg width="22" height="12" viewBox="0 0 22 12" aria-hidden="true">
          <rect class="legend-optional" x="1" y="1" width="20" height="10" rx="3" />
        </svg>
        optional
      </li>
      <li>
        <svg width="18" height="12" viewBox="0 0 18 12" aria-hidden="true">
          <rect class="legend-computing" x="0" y="3" width="7" height="6" rx="1" />
          <rect class="legend-waiting" x="10" y="3.5" width="6" height="5" rx="1" />
        </svg>
        batch computing, waiting
      </li>
    </ul>
  );
}
