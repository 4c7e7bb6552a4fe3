import { Datatype as Wire } from "./gen/convoy/v1/batch_pb.js";

/** An element type, by the name that the Open Inference Protocol has for it. */
export type Datatype = Exclude<keyof typeof Wire, "UNSPECIFIED">;

/** Elements of one column. Machines that are not little-endian are not supported. */
export type TypedArray =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | Float32Array
  | Float64Array;

/** What holds the elements of each type as they are sent; those of BYTES are the bytes. */
export const ARRAYS = {
  BOOL: Uint8Array,
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  UINT64: BigUint64Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  FP16: Uint16Array,
  FP32: Float32Array,
  FP64: Float64Array,
  BF16: Uint16Array,
  BYTES: Uint8Array,
} as const satisfies Record<Datatype, unknown>;

/** The type of each kind of array. */
const OWN: readonly Datatype[] = [
  "UINT8",
  "UINT16",
  "UINT32",
  "UINT64",
  "INT8",
  "INT16",
  "INT32",
  "INT64",
  "FP32",
  "FP64",
];

export function toWire(datatype: Datatype): Wire {
  return Wire[datatype];
}

/** Give the type of that number; undefined where there is none. */
export function fromWire(wire: Wire): Datatype | undefined {
  const name = Wire[wire];
  return name in ARRAYS ? (name as Datatype) : undefined;
}

/** Give an array's own type; undefined for what is no array of numbers. */
export function ownType(values: unknown): Datatype | undefined {
  return OWN.find((datatype) => values instanceof ARRAYS[datatype]);
}
