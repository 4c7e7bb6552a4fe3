import { ARRAYS, type Datatype, ownType, type TypedArray } from "./datatype.js";
import { BF16, FP16, type Half, widen } from "./half.js";

/** The elements of one row: those of BYTES, or a view of the numbers. */
export type Row = TypedArray | Uint8Array[] | Uint8Array;

/** What a tensor is made of. */
export interface TensorParts {
  readonly datatype: Datatype;
  readonly rows: number;
  /** The shape of one row, empty for a scalar; a first dimension of -1 makes the rows ragged. */
  readonly shape: readonly number[];
  /** All elements as they are sent, little-endian. */
  readonly data: Uint8Array;
  /** Of ragged rows: where each begins, and where the last ends, in entries of that dimension. */
  readonly splits?: readonly number[] | undefined;
  /** Of BYTES: where each element begins, and where the last ends, in bytes. */
  readonly offsets?: readonly number[] | undefined;
}

/** The values of all rows, end to end. */
export class Tensor implements TensorParts {
  readonly datatype: Datatype;
  readonly rows: number;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
  readonly splits: readonly number[] | undefined;
  readonly offsets: readonly number[] | undefined;
  #values: TypedArray | undefined;

  constructor(parts: TensorParts) {
    this.datatype = parts.datatype;
    this.rows = parts.rows;
    this.shape = parts.shape;
    this.data = parts.data;
    this.splits = parts.splits;
    this.offsets = parts.offsets;
  }

  /**
   * All elements of all rows. FP16 and BF16 are widened to a Float32Array; BOOL are bytes, 0 or 1;
   * of BYTES they are the bytes themselves, end to end.
   */
  get values(): TypedArray {
    this.#values ??= this.#read();
    return this.#values;
  }

  /** One row's elements: a view, not a copy. Of BYTES the one element, or a list of them. */
  row(row: number): Row {
    const [start, stop] = this.#bounds(row);
    if (this.offsets === undefined) return this.values.subarray(start, stop);
    if (this.shape.length === 0) return this.#bytes(start);
    return Array.from({ length: stop - start }, (_, i) => this.#bytes(start + i));
  }

  /** The rows of FP16, FP32 and BF16 as vectors; views, not copies. Throws TypeError for others. */
  vectors(): Float32Array[] {
    const { values } = this;
    if (!(values instanceof Float32Array)) throw new TypeError(`${this.datatype} is not FP32`);
    return Array.from({ length: this.rows }, (_, row) => values.subarray(...this.#bounds(row)));
  }

  /** All elements of BYTES as text. Throws TypeError for another type, or where they are not UTF-8. */
  strings(): string[] {
    if (this.offsets === undefined) throw new TypeError(`${this.datatype} is no text`);
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    return Array.from({ length: this.offsets.length - 1 }, (_, i) =>
      decoder.decode(this.#bytes(i)),
    );
  }

  /** The rows as nested lists of numbers, bigints, booleans or, of BYTES, Uint8Arrays. */
  toList(): unknown[] {
    const inner = this.splits ? this.shape.slice(1) : this.shape;
    const width = size(inner);
    return Array.from({ length: this.rows }, (_, row) => {
      const [start, stop] = this.#bounds(row);
      return this.splits
        ? this.#nested(start, [(stop - start) / width, ...inner])
        : this.#nested(start, inner);
    });
  }

  #nested(start: number, [length, ...inner]: readonly number[]): unknown {
    if (length === undefined) return this.#element(start);
    const step = size(inner);
    return Array.from({ length }, (_, i) => this.#nested(start + i * step, inner));
  }

  #element(index: number): unknown {
    if (this.offsets) return this.#bytes(index);
    const value = this.values[index];
    return this.datatype === "BOOL" ? value === 1 : value;
  }

  #bytes(index: number): Uint8Array {
    return this.data.subarray(this.offsets?.[index], this.offsets?.[index + 1]);
  }

  /** Give the elements that are a row's, from and to. */
  #bounds(row: number): [number, number] {
    if (!(Number.isInteger(row) && row >= 0 && row < this.rows))
      throw new RangeError(`there is no row ${row}; there are ${this.rows}`);
    if (this.splits === undefined) return [row * size(this.shape), (row + 1) * size(this.shape)];
    const width = size(this.shape.slice(1));
    const [start = 0, stop = 0] = this.splits.slice(row, row + 2);
    return [start * width, stop * width];
  }

  #read(): TypedArray {
    const array = view(this.data, ARRAYS[this.datatype]);
    if (this.datatype === "FP16") return widened(array as Uint16Array, FP16);
    if (this.datatype === "BF16") return widened(array as Uint16Array, BF16);
    return array;
  }
}

/** A column of a result. */
export class Column extends Tensor {
  readonly name: string;

  constructor(name: string, parts: TensorParts) {
    super(parts);
    this.name = name;
  }
}

/**
 * Make a column of numbers that lie end to end, without a copy: `tensor(floats, [384])` has rows of
 * 384, `tensor(numbers)` a row for each number.
 *
 * Throws TypeError for what is no typed array, RangeError where it does not fill its rows.
 */
export function tensor(values: TypedArray, shape: readonly number[] = []): Tensor {
  const datatype = ownType(values);
  if (datatype === undefined) throw new TypeError("a tensor is made of an array of numbers");
  const width = size(shape);
  if (!shape.every((dimension) => Number.isInteger(dimension) && dimension > 0))
    throw new RangeError(`[${shape}] is no shape of a row: sizes are whole and positive`);
  if (values.length % width)
    throw new RangeError(`${values.length} values do not fill rows of [${shape}]`);
  const data = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return new Tensor({ datatype, rows: values.length / width, shape: [...shape], data });
}

/** Give how many elements a shape holds. */
export function size(shape: readonly number[]): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}

type Arrays = (typeof ARRAYS)[Datatype];

/** View bytes as numbers; they are copied only where they do not lie as the numbers must. */
function view(data: Uint8Array, array: Arrays): TypedArray {
  const width = array.BYTES_PER_ELEMENT;
  const bytes = data.byteOffset % width ? new Uint8Array(data) : data;
  return new array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength / width);
}

function widened(bits: Uint16Array, half: Half): Float32Array {
  return Float32Array.from(bits, (each) => widen(each, half));
}
