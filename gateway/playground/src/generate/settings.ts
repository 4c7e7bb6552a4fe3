/** How a text is generated, as a visitor types it. */
import type { SamplingOptions } from "@convoy-mesh/client";
import type { ColumnSpec, DescribeResponse } from "@convoy-mesh/client/v1";
import { signal } from "@preact/signals";
import { FieldError, valuesOf } from "../ask/field";

export type Name = "maxTokens" | "temperature" | "topP" | "topK" | "seed" | "stop";

export interface Setting {
  name: Name;
  /** The pipeline's input. */
  column: string;
  label: string;
  takes: string;
  suits: (value: number) => boolean;
}

const from = (least: number) => (value: number) => value >= least;

export const SETTINGS: readonly Setting[] = [
  {
    name: "maxTokens",
    column: "max_tokens",
    label: "Max tokens",
    takes: "1 or more",
    suits: from(1),
  },
  {
    name: "temperature",
    column: "temperature",
    label: "Temperature",
    takes: "0 to 2; 0 is the likeliest token",
    suits: (value) => value >= 0 && value <= 2,
  },
  {
    name: "topP",
    column: "top_p",
    label: "Top-p",
    takes: "above 0 to 1",
    suits: (value) => value > 0 && value <= 1,
  },
  { name: "topK", column: "top_k", label: "Top-k", takes: "0 or more; 0 is all", suits: from(0) },
  { name: "seed", column: "seed", label: "Seed", takes: "0 or more", suits: from(0) },
];

export const STOP = { name: "stop", column: "stop", label: "Stop texts" } as const;
const MOST_STOPS = 16;

/** Settings that are typed, by name, and what is wrong with them. */
export class Settings {
  readonly texts = signal<ReadonlyMap<Name, string>>(new Map());
  readonly faults = signal<ReadonlyMap<Name, string>>(new Map());

  type(name: Name, text: string): void {
    this.texts.value = new Map(this.texts.peek()).set(name, text);
  }

  /** Read those that the pipeline takes; undefined where one is wrong, which `faults` tells. */
  read(pipeline: DescribeResponse): SamplingOptions | undefined {
    const read: Partial<Record<Name, unknown>> = {};
    const faults = new Map<Name, string>();
    for (const setting of SETTINGS.filter(({ column }) => columnOf(pipeline, column))) {
      try {
        const value = this.#number(setting, columnOf(pipeline, setting.column));
        if (value !== undefined) read[setting.name] = value;
      } catch (error) {
        if (!(error instanceof FieldError)) throw error;
        faults.set(setting.name, error.message);
      }
    }
    if (columnOf(pipeline, STOP.column)) {
      const stops = stopsOf(this.texts.peek().get(STOP.name) ?? "");
      if (stops.length > MOST_STOPS) faults.set(STOP.name, `At most ${MOST_STOPS} texts.`);
      if (stops.length > 0) read.stop = stops;
    }
    this.faults.value = faults;
    return faults.size > 0 ? undefined : (read as SamplingOptions);
  }

  #number({ name, suits, takes }: Setting, column: ColumnSpec | undefined): unknown {
    if (column === undefined) return undefined;
    const [value] = valuesOf({ kind: "number", column }, this.texts.peek().get(name) ?? "");
    if (value !== undefined && !suits(Number(value))) throw new FieldError(`Take ${takes}.`);
    return value;
  }
}

export function columnOf(pipeline: DescribeResponse, name: string): ColumnSpec | undefined {
  return pipeline.inputs.find((column) => column.name === name);
}

/** A text a line, in which `\n` is a line break. */
function stopsOf(text: string): string[] {
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map((line) => line.replaceAll("\\n", "\n"));
}
