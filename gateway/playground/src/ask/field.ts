/** What a visitor types for a column, and the values that it stands for. */
import { type ColumnSpec, Datatype } from "@convoy-mesh/client/v1";

export type Value = string | number | bigint | boolean | Value[];

export type Field =
  /** A row is a line. */
  | { kind: "lines"; column: ColumnSpec }
  /** One value for all rows. */
  | { kind: "number"; column: ColumnSpec }
  | { kind: "flag"; column: ColumnSpec }
  /** Too many values to type: the form makes them up. */
  | { kind: "ramp"; column: ColumnSpec; size: number };

const LONG = new Set([Datatype.INT64, Datatype.UINT64]);
const FLOATS = new Set([Datatype.FP16, Datatype.FP32, Datatype.FP64, Datatype.BF16]);
const MOST_TYPED = 64;
/** The bits of whole numbers; negative: with a sign. */
const BITS = new Map([
  [Datatype.UINT8, 8],
  [Datatype.UINT16, 16],
  [Datatype.UINT32, 32],
  [Datatype.UINT64, 64],
  [Datatype.INT8, -8],
  [Datatype.INT16, -16],
  [Datatype.INT32, -32],
  [Datatype.INT64, -64],
]);

export function fieldOf(column: ColumnSpec): Field {
  const size = column.shape.reduce((product, one) => product * Math.abs(Number(one)), 1);
  if (column.shape.length > 1 || size > MOST_TYPED) return { kind: "ramp", column, size };
  if (column.shape.length === 1 || column.datatype === Datatype.BYTES) {
    return { kind: "lines", column };
  }
  return { kind: column.datatype === Datatype.BOOL ? "flag" : "number", column };
}

/** What is wrong with a field, in words for its visitor. */
export class FieldError extends Error {}

/** The values of a field's rows; one value stands for every row. Empty: the field is left out. */
export function valuesOf(field: Field, text: string): Value[] {
  const { column } = field;
  switch (field.kind) {
    case "ramp":
      return [ramp(column.shape.map(Number), column.datatype)];
    case "flag":
      return text === "" ? [] : [text === "true"];
    case "number":
      return text.trim() === "" ? [] : [scalar(text, column.datatype)];
    case "lines": {
      const lines = text.split("\n").filter((line) => line.trim() !== "");
      if (column.shape.length === 0) return lines;
      return lines.map((line) => list(line, column));
    }
  }
}

function list(line: string, column: ColumnSpec): Value[] {
  const parts = line.split(/[\s,;]+/).filter((part) => part !== "" && part !== "-");
  const size = Number(column.shape[0] ?? -1n);
  if (size >= 0 && parts.length !== size) {
    throw new FieldError(`A row has ${size} values; here it has ${parts.length}.`);
  }
  return parts.map((part) => scalar(part, column.datatype));
}

function scalar(text: string, datatype: Datatype): Value {
  const trimmed = text.trim();
  if (datatype === Datatype.BYTES) return trimmed;
  if (datatype === Datatype.BOOL) return trimmed === "true" || trimmed === "1";
  const isNumber = FLOATS.has(datatype)
    ? trimmed !== "" && !Number.isNaN(Number(trimmed))
    : /^[+-]?\d+$/.test(trimmed);
  if (!isNumber) {
    throw new FieldError(
      `“${trimmed}” is not a ${FLOATS.has(datatype) ? "number" : "whole number"}.`,
    );
  }
  if (FLOATS.has(datatype)) return Number(trimmed);
  const whole = BigInt(trimmed.replace(/^\+/, ""));
  const bits = BITS.get(datatype) ?? 64;
  const kept = bits < 0 ? BigInt.asIntN(-bits, whole) : BigInt.asUintN(bits, whole);
  if (kept !== whole) throw new FieldError(`${trimmed} does not fit ${Datatype[datatype]}.`);
  return LONG.has(datatype) ? whole : Number(whole);
}

function ramp(shape: readonly number[], datatype: Datatype): Value {
  const [size, ...rest] = shape;
  if (size === undefined) return scalar("1", datatype);
  return Array.from({ length: Math.abs(size) }, (_, index) =>
    rest.length > 0 ? ramp(rest, datatype) : step(index, datatype),
  );
}

function step(index: number, datatype: Datatype): Value {
  return FLOATS.has(datatype) ? (index % 100) / 100 : scalar(String(index % 2), datatype);
}
