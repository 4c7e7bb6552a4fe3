/** Figures and types as the page writes them. */
import type { Column } from "@convoy-mesh/client";
import { type ColumnSpec, Datatype } from "@convoy-mesh/client/v1";

/** What stands where there is no figure. */
export const NONE = "–";

/** Three digits that matter: 0.42, 4.2, 42, 4,200. */
export function figure(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return NONE;
  const size = Math.abs(value);
  const digits = size === 0 || size >= 100 ? 0 : size >= 10 ? 1 : 2;
  return value.toLocaleString("en", { maximumFractionDigits: digits });
}

export function milliseconds(seconds: number | undefined): string {
  return seconds === undefined ? NONE : `${figure(seconds * 1000)} ms`;
}

export function count(value: number, noun: string): string {
  return `${value.toLocaleString("en")} ${noun}${value === 1 ? "" : "s"}`;
}

/** As in `FP32[384]`; a ragged dimension is `…`. */
export function typeOf(column: Typed): string {
  const { datatype, shape } = column;
  const name = typeof datatype === "string" ? datatype : Datatype[datatype];
  const sizes = shape.map((size) => (size < 0 ? "…" : String(size)));
  return sizes.length > 0 ? `${name}[${sizes.join(", ")}]` : name;
}

/** A column as it is declared, or as it came. */
type Typed = Pick<ColumnSpec | Column, "datatype" | "shape">;
