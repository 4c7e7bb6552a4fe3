import { ARRAYS, type Datatype, ownType, type TypedArray } from "./datatype.js";
import { type Element, TO_ELEMENT } from "./element.js";
import { Tensor, type TensorParts } from "./tensor.js";

/** The type that a pipeline declares for a column. */
export interface Declared {
  readonly datatype: Datatype;
  readonly shape: readonly number[];
}

/**
 * Make a tensor of a list, as the column of that name is declared. Text becomes UTF-8.
 *
 * Throws TypeError for values of another kind, RangeError for those that do not fit the shape or
 * are out of range; both name the column and the value.
 */
export function pack(name: string, given: unknown, { datatype, shape }: Declared): Tensor {
  const elements: Element[] = [];
  const splits = shape[0] === -1 ? [0] : undefined;
  const toElement = TO_ELEMENT[datatype];
  const place: number[] = [];

  function refusal(Kind: typeof TypeError | typeof RangeError, what: string): Error {
    const [row, ...inner] = place;
    const where = row === undefined ? "" : `row ${row}${inner.map((i) => `[${i}]`).join("")}: `;
    return new Kind(`column ${name}, ${datatype} [${shape.join(", ")}]: ${where}${what}`);
  }

  function take(value: unknown, depth: number): void {
    if (depth === shape.length) {
      const element = toElement(value);
      if (element === "kind") throw refusal(TypeError, `${told(value)} is no ${datatype}`);
      if (element === "range") throw refusal(RangeError, `${told(value)} is out of range`);
      elements.push(element);
      return;
    }
    const length = shape[depth];
    if (!isList(value)) throw refusal(TypeError, `a list is due, not ${told(value)}`);
    if (length !== -1 && value.length !== length)
      throw refusal(RangeError, `it has ${value.length} values where ${length} are due`);
    takeAll(value, depth + 1);
    if (length === -1) splits?.push((splits.at(-1) ?? 0) + value.length);
  }

  function takeAll(values: ArrayLike<unknown>, depth: number): void {
    for (let i = 0; i < values.length; i++) {
      place.push(i);
      take(values[i], depth);
      place.pop();
    }
  }

  if (!isList(given)) throw refusal(TypeError, "give a list with a value for each row");
  takeAll(given, 0);
  return new Tensor({ datatype, rows: given.length, shape, splits, ...laid(datatype, elements) });
}

/** Lay elements end to end. */
function laid(
  datatype: Datatype,
  elements: readonly Element[],
): Pick<TensorParts, "data" | "offsets"> {
  if (datatype !== "BYTES") {
    const { buffer } = (ARRAYS[datatype] as { from(values: readonly Element[]): TypedArray }).from(
      elements,
    );
    return { data: new Uint8Array(buffer) };
  }
  const offsets = [0];
  for (const element of elements as readonly Uint8Array[])
    offsets.push((offsets.at(-1) ?? 0) + element.length);
  const data = new Uint8Array(offsets.at(-1) ?? 0);
  for (const [i, element] of (elements as readonly Uint8Array[]).entries())
    data.set(element, offsets[i]);
  return { data, offsets };
}

function isList(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || ownType(value) !== undefined;
}

function told(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 40));
  if (typeof value === "bigint") return `${value}n`;
  return typeof value === "object" && value !== null
    ? `an ${value.constructor?.name}`
    : `${String(value)}`;
}
