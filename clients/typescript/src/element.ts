import { ARRAYS, type Datatype } from "./datatype.js";
import { BF16, FP16, type Half, narrow, widen } from "./half.js";

/** A value as it is sent: of FP16 and BF16 the bits, of BYTES the bytes. */
export type Element = number | bigint | Uint8Array;

/** Why a value is no element: it is of another kind, or out of range. */
export type Unfit = "kind" | "range";

type ToElement = (value: unknown) => Element | Unfit;

const encoder = new TextEncoder();

/** Makes elements of the values that a caller gives; only floats may be rounded. */
export const TO_ELEMENT: Readonly<Record<Datatype, ToElement>> = {
  BOOL: (value) =>
    value === true || value === 1 ? 1 : value === false || value === 0 ? 0 : "kind",
  UINT8: integer("UINT8"),
  UINT16: integer("UINT16"),
  UINT32: integer("UINT32"),
  UINT64: long("UINT64"),
  INT8: integer("INT8"),
  INT16: integer("INT16"),
  INT32: integer("INT32"),
  INT64: long("INT64"),
  FP16: half(FP16),
  FP32: float((value) => [value, Math.fround(value)]),
  FP64: float((value) => [value, value]),
  BF16: half(BF16),
  BYTES: bytes,
};

function integer(datatype: Exclude<Datatype, "INT64" | "UINT64">): ToElement {
  const cell = new ARRAYS[datatype](1);
  return (value) => {
    if (typeof value !== "number" || !Number.isInteger(value)) return "kind";
    cell[0] = value;
    return cell[0] === value ? value : "range";
  };
}

function long(datatype: "INT64" | "UINT64"): ToElement {
  const cell = new ARRAYS[datatype](1);
  return (value) => {
    const exact = Number.isSafeInteger(value) ? BigInt(value as number) : value;
    if (typeof exact !== "bigint") return "kind";
    cell[0] = exact;
    return cell[0] === exact ? exact : "range";
  };
}

/** `round` gives the element that is sent for a number, and the number that it stands for. */
function float(round: (value: number) => readonly [number, number]): ToElement {
  return (value) => {
    if (typeof value !== "number") return "kind";
    const [element, rounded] = round(value);
    return Number.isFinite(value) && !Number.isFinite(rounded) ? "range" : element;
  };
}

function half(kind: Half): ToElement {
  return float((value) => {
    const bits = narrow(value, kind);
    return [bits, widen(bits, kind)];
  });
}

function bytes(value: unknown): Element | Unfit {
  if (value instanceof Uint8Array) return value;
  if (typeof value !== "string") return "kind";
  return isText(value) ? encoder.encode(value) : "range";
}

/** Whether a value is text that UTF-8 can carry: half of a surrogate pair it cannot. */
export function isText(value: unknown): value is string {
  return typeof value === "string" && !/\p{Surrogate}/u.test(value);
}
