/** Where the time of one call went. */
import type { Timing } from "@convoy-mesh/client";
import type { DescribeResponse } from "@convoy-mesh/client/v1";
import { useMemo, useState } from "preact/hooks";
import { type Bar, type PartName, scheduleOf } from "../ask/schedule";
import { figure } from "../figure";
import { Scroll } from "./scroll";

interface Props {
  timing: Timing;
  pipeline: DescribeResponse;
  /** How long the call took as the page saw it. */
  elapsedMs: number;
}

const LEGEND: readonly [PartName, string][] = [
  ["compute", "compute"],
  ["wait", "wait in the replica"],
  ["travel", "way there and back"],
  ["serialize", "serialize"],
  ["queue", "queue"],
];
/** A large request has many batches; so many bars are drawn. */
const MOST = 40;

export function Waterfall({ timing, pipeline, elapsedMs }: Props) {
  const schedule = useMemo(() => scheduleOf(timing, pipeline), [timing, pipeline]);
  if (schedule.bars.length === 0) return <p class="soft">The mesh told no timing of this call.</p>;
  const total = timing.entries.find((entry) => entry.name === "total")?.ms ?? schedule.total;
  return (
    <div class="waterfall">
      <p class="waterfall-total">
        <b>{figure(total)} ms</b> in the mesh, <b>{figure(elapsedMs)} ms</b> as this page saw it
      </p>
      <ol class="bars">
        {schedule.bars.slice(0, MOST).map((bar, index) => (
          <Row key={`${index} ${bar.name}`} bar={bar} total={schedule.total} />
        ))}
      </ol>
      <ul class="legend" aria-label="Parts of the bars">
        {LEGEND.map(([name, words]) => (
          <li key={name}>
            <span class={`swatch ${name}`} aria-hidden="true" /> {words}
          </li>
        ))}
      </ul>
      <TimingTable bars={schedule.bars} />
    </div>
  );
}

function Row({ bar, total }: { bar: Bar; total: number }) {
  const [open, setOpen] = useState(false);
  const percent = (ms: number) => `${(ms / total) * 100}%`;
  return (
    <li>
      <button
        type="button"
        class={bar.name === "batch" ? "bar batch-bar" : "bar"}
        aria-expanded={open}
        onClick={() => setOpen(!open)}
      >
        <span class="bar-name">
          {bar.name}
          {bar.also > 0 && <span class="soft"> +{bar.also}</span>}
        </span>
        <span class="bar-track" aria-hidden="true">
          <span class="bar-parts" style={{ left: percent(bar.start), width: percent(bar.ms) }}>
            {bar.parts.map((part) => (
              <i
                key={part.name}
                class={part.name}
                style={{ width: `${(part.ms / Math.max(bar.ms, 1e-6)) * 100}%` }}
              />
            ))}
          </span>
        </span>
        <span class="bar-ms">{figure(bar.ms)} ms</span>
        <span class="bar-details">{detailsOf(bar)}</span>
      </button>
    </li>
  );
}

function detailsOf(bar: Bar): string {
  const parts =
    bar.parts.length > 1 ? bar.parts.map((part) => `${part.name} ${figure(part.ms)} ms`) : [];
  return [...parts, bar.note].filter((one) => one !== "").join(" · ");
}

function TimingTable({ bars }: { bars: readonly Bar[] }) {
  const part = (bar: Bar, name: PartName) => figure(bar.parts.find((one) => one.name === name)?.ms);
  return (
    <details class="as-table">
      <summary>The times as a table</summary>
      <Scroll label="All times">
        <table>
          <caption class="hidden">Times in milliseconds</caption>
          <thead>
            <tr>
              <th scope="col">Part</th>
              <th scope="col">ms</th>
              <th scope="col">Compute</th>
              <th scope="col">Wait</th>
              <th scope="col">Way</th>
              <th scope="col">Serialize</th>
              <th scope="col">Note</th>
            </tr>
          </thead>
          <tbody>
            {bars.map((bar, index) => (
              <tr key={`${index} ${bar.name}`}>
                <th scope="row">{bar.name}</th>
                <td>{figure(bar.ms)}</td>
                <td>{part(bar, "compute")}</td>
                <td>{part(bar, "wait")}</td>
                <td>{part(bar, "travel")}</td>
                <td>{part(bar, "serialize")}</td>
                <td>{bar.note}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </details>
  );
}
