import type { MessageInitShape } from "@bufbuild/protobuf";
import { ARRAYS, fromWire, toWire } from "./datatype.js";
import type { Tensor as TensorMessage, TensorSchema } from "./gen/convoy/v1/batch_pb.js";
import { Column, size, type Tensor } from "./tensor.js";

/** Write a column. */
export function writeTensor(name: string, tensor: Tensor): MessageInitShape<typeof TensorSchema> {
  return {
    name,
    datatype: toWire(tensor.datatype),
    shape: tensor.shape.map(BigInt),
    data: tensor.data,
    rowSplits: writeIndex(tensor.splits),
    offsets: writeIndex(tensor.offsets),
  };
}

/** Read a column of so many rows; throws RangeError when it contradicts itself. */
export function readTensor(message: TensorMessage, rows: number): Column {
  const { name } = message;
  // Node's HTTP/1.1 gives a Buffer, whose `slice` and `toString` are other than a Uint8Array's.
  const { buffer, byteOffset, byteLength } = message.data;
  const data = new Uint8Array(buffer, byteOffset, byteLength);
  const datatype = fromWire(message.datatype);
  expect(datatype !== undefined, "its datatype is unknown");
  const shape = message.shape.map(Number);
  const ragged = shape[0] === -1;
  const inner = ragged ? shape.slice(1) : shape;
  expect(
    inner.every((dimension) => Number.isSafeInteger(dimension) && dimension > 0),
    `[${shape}] is no shape`,
  );
  const splits = readIndex("row_splits", message.rowSplits, ragged ? rows : undefined);
  const entries = splits?.at(-1) ?? rows;
  const elements = entries * size(inner);
  const isBytes = datatype === "BYTES";
  const offsets = readIndex("offsets", message.offsets, isBytes ? elements : undefined);
  const bytes = offsets?.at(-1) ?? elements * ARRAYS[datatype].BYTES_PER_ELEMENT;
  expect(data.length === bytes, `it has ${data.length} bytes where ${bytes} are due`);
  return new Column(name, { datatype, rows, shape, data, splits, offsets });
}

function writeIndex(index: readonly number[] | undefined): Uint8Array {
  return index ? new Uint8Array(BigInt64Array.from(index, BigInt).buffer) : new Uint8Array();
}

/** Read where each of so many parts begins; nothing where there are no parts. */
function readIndex(name: string, data: Uint8Array, parts: number | undefined) {
  if (parts === undefined) {
    expect(data.length === 0, `it has ${name}`);
    return undefined;
  }
  expect(data.length === 8 * (parts + 1), `${name} has ${data.length} bytes for ${parts} parts`);
  const index = Array.from(new BigInt64Array(new Uint8Array(data).buffer), Number);
  const ascends = index.every((place, i) => place >= (index[i - 1] ?? 0));
  expect(index[0] === 0 && ascends, `${name} does not ascend from 0`);
  return index;
}

function expect(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new RangeError(otherwise);
}
