/** One live chart of the last two minutes. */

import type { PipelineActivity } from "@convoy-mesh/client/v1";
import { useSignalEffect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { figure } from "../figure";
import { SECONDS, samples } from "../state/history";
import { theme } from "../state/theme";

export interface Series {
  name: string;
  value: (activity: PipelineActivity) => number | undefined;
}

interface Props {
  title: string;
  unit: string;
  pipeline: string;
  /** The first is drawn in the accent, the second dashed. */
  series: readonly [Series, Series];
}

const HEIGHT = 132;

export function Chart({ title, unit, pipeline, series }: Props) {
  const frame = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const look = theme();

  useEffect(() => {
    const node = frame.current;
    if (node === null) return;
    const made = new uPlot(options(node, series), data(pipeline, series), node);
    plot.current = made;
    const observer = new ResizeObserver(() => {
      made.setSize({ width: node.clientWidth, height: HEIGHT });
    });
    observer.observe(node);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, [pipeline, series, look]);

  useSignalEffect(() => {
    plot.current?.setData(data(pipeline, series));
  });

  const now = samples.value.at(-1)?.pipelines.get(pipeline);
  const figures = series.map(({ name, value }) => ({ name, now: now && value(now) }));
  return (
    <figure class="chart">
      <figcaption>
        <h3>{title}</h3>
        <ul class="chart-figures">
          {figures.map((one, index) => (
            <li key={one.name}>
              <span class={index === 0 ? "key solid" : "key dashed"} aria-hidden="true" />
              {one.name} <b>{figure(one.now)}</b> {unit}
            </li>
          ))}
        </ul>
      </figcaption>
      <div
        ref={frame}
        class="chart-frame"
        role="img"
        aria-label={`${title}, the last two minutes`}
      />
    </figure>
  );
}

function data(pipeline: string, series: Props["series"]): uPlot.AlignedData {
  const now = samples.value.at(-1)?.time ?? 0;
  const times = samples.value.map((one) => one.time - now);
  const lines = series.map(({ value }) =>
    samples.value.map((one) => {
      const activity = one.pipelines.get(pipeline);
      return (activity && value(activity)) ?? null;
    }),
  );
  return [times, ...lines];
}

function options(node: HTMLElement, series: Props["series"]): uPlot.Options {
  const style = getComputedStyle(node);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const font = `11px ${style.fontFamily}`;
  const axis = { stroke: colour("--ink-3"), font, ticks: { show: false } };
  const [first, second] = series;
  return {
    width: node.clientWidth,
    height: HEIGHT,
    padding: [8, 14, 0, 0],
    cursor: { show: false },
    legend: { show: false },
    scales: {
      x: { time: false, range: [-SECONDS, 0] },
      y: { range: (_plot, _low, high) => [0, high > 0 ? high * 1.15 : 1] },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 24,
        splits: () => [-SECONDS, -SECONDS / 2, 0],
        values: ago,
      },
      { ...axis, grid: { stroke: colour("--line"), width: 1 }, space: 32, size: 40, values: ticks },
    ],
    series: [
      {},
      { label: first.name, stroke: colour("--accent"), width: 2, points: alone },
      {
        label: second.name,
        stroke: colour("--ink-2"),
        width: 1.5,
        dash: [3, 3],
        points: alone,
      },
    ],
  };
}

/** A value between two gaps has no line: it is a point. */
const alone: uPlot.Series.Points = {
  size: 4,
  filter: (plot, index) => {
    const values = Array.from(plot.data[index] ?? []);
    const isAlone = (at: number) =>
      values[at] != null && values[at - 1] == null && values[at + 1] == null;
    return values.map((_, at) => at).filter(isAlone);
  },
};

function ticks(_plot: uPlot, values: number[]): string[] {
  return values.map(figure);
}

function ago(_plot: uPlot, values: number[]): string[] {
  return values.map((value) => (value === 0 ? "now" : `−${value / -60} min`));
}
