/** One value of an answer. */
import type { Column } from "@convoy-mesh/client";
import { figure, NONE } from "../figure";
import { Spark } from "./spark";

/** How many numbers are written out. */
const SHORT = 6;
const TEXT = 160;

export function Cell({ column, row }: { column: Column; row: number }) {
  const values = column.row(row);
  if (column.datatype === "BYTES") {
    return <>{cut(Array.isArray(values) ? values.map(text).join(", ") : text(values))}</>;
  }
  if (column.datatype === "BOOL") {
    return <>{Array.from(values as Uint8Array, (one) => (one === 1 ? "yes" : "no")).join(", ")}</>;
  }
  const numbers = Array.from(values as ArrayLike<number | bigint>);
  if (column.shape.length === 0) return <>{numbers.map(plain).join(", ")}</>;
  if (numbers.length <= SHORT)
    return <>{numbers.length === 0 ? NONE : numbers.map(plain).join(", ")}</>;
  const asNumbers = numbers.map(Number);
  const norm = Math.sqrt(asNumbers.reduce((sum, value) => sum + value * value, 0));
  const isFixed = column.splits === undefined;
  const isFloat =
    typeof numbers[0] === "number" && asNumbers.some((value) => !Number.isInteger(value));
  return (
    <span class="vector">
      {isFloat && <Spark values={asNumbers} />}
      <span>
        {numbers.slice(0, 4).map(plain).join(", ")}, …
        <small>
          {numbers.length} values{isFixed && `, norm ${norm.toFixed(3)}`}
        </small>
      </span>
    </span>
  );
}

function plain(value: number | bigint): string {
  if (typeof value === "bigint") return String(value);
  return Number.isInteger(value) ? String(value) : figure(value);
}

function text(value: unknown): string {
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : String(value);
}

function cut(value: string): string {
  return value.length > TEXT ? `${value.slice(0, TEXT)}…` : value;
}
