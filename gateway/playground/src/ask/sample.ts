/** What a form holds before anybody has typed, so that it can be run at once. */
import { type ColumnSpec, Datatype } from "@convoy-mesh/client/v1";
import type { Field } from "./field";

const TEXTS = [
  "The ferry leaves at nine and takes bicycles.",
  "Boats to the island run every morning.",
  "Knead the dough until it no longer sticks.",
];

const NUMBERS: Record<string, string> = {
  user: "17",
  limit: "10",
  kind: "2",
  item: "1",
  seconds: "30",
};

export function sampleOf(field: Field): string {
  const { column } = field;
  if (column.optional) return column.name === "user" ? "17" : "";
  switch (field.kind) {
    case "ramp":
      return "";
    case "flag":
      return "false";
    case "number":
      return NUMBERS[column.name] ?? (column.name === "time" ? microseconds() : "1");
    case "lines":
      return lines(column);
  }
}

function lines(column: ColumnSpec): string {
  if (column.shape.length === 0) return TEXTS.join("\n");
  const size = Math.max(3, Number(column.shape[0] ?? 3n));
  const one = column.datatype === Datatype.BYTES ? (index: number) => `word${index}` : String;
  return Array.from({ length: size }, (_, index) => one(index + 1)).join(", ");
}

/** Now, as the mesh writes the time of an event. */
function microseconds(): string {
  return String(Date.now() * 1000);
}
