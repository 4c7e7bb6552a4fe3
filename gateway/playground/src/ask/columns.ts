/** A filled-in form as the columns of a call. */
import { type Field, FieldError, type Value, valuesOf } from "./field";

export interface Filled {
  columns: Record<string, Value[]>;
  rows: number;
  /** What is wrong, by the name of the column. */
  faults: Map<string, string>;
}

/** Fields of one value are repeated for every row; the others must have as many rows. */
export function fill(fields: readonly Field[], texts: ReadonlyMap<string, string>): Filled {
  const faults = new Map<string, string>();
  const given = new Map<string, Value[]>();
  for (const field of fields) {
    const { name, optional } = field.column;
    try {
      const values = valuesOf(field, texts.get(name) ?? "");
      if (values.length > 0) given.set(name, values);
      else if (!optional) faults.set(name, "This is needed.");
    } catch (error) {
      if (!(error instanceof FieldError)) throw error;
      faults.set(name, error.message);
    }
  }
  const rows = Math.max(1, ...[...given.values()].map((values) => values.length));
  const columns: Record<string, Value[]> = {};
  for (const [name, values] of given) {
    if (values.length !== 1 && values.length !== rows) {
      faults.set(name, `This has ${values.length} rows, others have ${rows}.`);
    }
    columns[name] = values.length === 1 ? Array<Value>(rows).fill(values[0] ?? "") : values;
  }
  return { columns, rows, faults };
}
