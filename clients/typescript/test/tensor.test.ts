import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { ARRAYS, type Datatype } from "../src/datatype.js";
import { TensorSchema } from "../src/gen/convoy/v1/batch_pb.js";
import { pack } from "../src/pack.js";
import { type Column, Tensor, tensor } from "../src/tensor.js";
import { readTensor, writeTensor } from "../src/wire.js";
import { Random } from "./random.js";

/** Send a tensor and read it where it does not lie as its numbers would. */
function sent(made: Tensor): Column {
  const bytes = toBinary(TensorSchema, create(TensorSchema, writeTensor("column", made)));
  const moved = new Uint8Array(bytes.length + 1);
  moved.set(bytes, 1);
  return readTensor(fromBinary(TensorSchema, moved.subarray(1)), made.rows);
}

const VALUES: Record<Datatype, (random: Random) => unknown> = {
  BOOL: (random) => random.below(2) === 1,
  UINT8: (random) => random.below(2 ** 8),
  UINT16: (random) => random.below(2 ** 16),
  UINT32: (random) => random.word(),
  UINT64: (random) => (BigInt(random.word()) << 32n) + BigInt(random.word()),
  INT8: (random) => random.below(2 ** 8) - 2 ** 7,
  INT16: (random) => random.below(2 ** 16) - 2 ** 15,
  INT32: (random) => random.word() - 2 ** 31,
  INT64: (random) => (BigInt(random.word()) << 32n) + BigInt(random.word()) - 2n ** 63n,
  FP16: (random) => (random.below(2048) - 1024) / 64,
  FP32: (random) => Math.fround(random.word() / 977),
  FP64: (random) => random.word() / 977,
  BF16: (random) => (random.below(256) - 128) / 16,
  BYTES: (random) => Uint8Array.from(random.list(random.below(5), () => random.below(256))),
};

function rowOf(
  random: Random,
  [length, ...inner]: readonly number[],
  value: () => unknown,
): unknown {
  if (length === undefined) return value();
  return random.list(length < 0 ? random.below(4) : length, () => rowOf(random, inner, value));
}

for (const datatype of Object.keys(ARRAYS) as Datatype[])
  test(`lists of ${datatype} of every shape come back as they were sent`, () => {
    const random = new Random(datatype.length * 7919 + datatype.charCodeAt(0));
    for (const shape of [[], [3], [2, 3], [1, 2, 2], [-1], [-1, 2], [-1, 2, 3]])
      for (const rows of [0, 1, 2, 5]) {
        const value = () => VALUES[datatype](random);
        const given = random.list(rows, () => rowOf(random, shape, value));
        const column = sent(pack("column", given, { datatype, shape }));
        assert.deepEqual(column.toList(), given);
        assert.deepEqual([column.datatype, column.shape, column.rows], [datatype, shape, rows]);
      }
  });

test("text is UTF-8 and comes back as text", () => {
  const texts = ["", "a", "é", "日本", "👩‍🚀", "\uFEFFa"];
  const column = sent(pack("text", texts, { datatype: "BYTES", shape: [] }));
  assert.deepEqual(column.strings(), texts);
  assert.deepEqual(column.row(2), Uint8Array.of(0xc3, 0xa9));
});

test("a row is a view of the values, as long as the row", () => {
  const column = sent(pack("ids", [[1, 2], [], [3]], { datatype: "INT32", shape: [-1] }));
  assert.deepEqual(column.row(0), Int32Array.of(1, 2));
  assert.deepEqual(column.row(1), Int32Array.of());
  assert.deepEqual(column.row(2), Int32Array.of(3));
  assert.equal((column.row(2) as Int32Array).buffer, column.values.buffer);
  assert.throws(() => column.row(3), RangeError);
  assert.throws(() => column.row(-1), RangeError);
  const words = sent(pack("words", [["a", "b"], []], { datatype: "BYTES", shape: [-1] }));
  assert.deepEqual(words.row(0), [Uint8Array.of(97), Uint8Array.of(98)]);
  assert.deepEqual(words.row(1), []);
});

test("values are of the datatype's own array, halves are widened", () => {
  const read = (datatype: Datatype, given: unknown[]) =>
    sent(pack("column", given, { datatype, shape: [] })).values;
  assert.deepEqual(read("INT64", [1, -2n]), BigInt64Array.of(1n, -2n));
  assert.deepEqual(read("UINT8", [1, 255]), Uint8Array.of(1, 255));
  assert.deepEqual(read("BOOL", [true, false, 1, 0]), Uint8Array.of(1, 0, 1, 0));
  assert.deepEqual(read("FP16", [0.5, -1.5]), Float32Array.of(0.5, -1.5));
  assert.deepEqual(read("BF16", [0.5, -1.5]), Float32Array.of(0.5, -1.5));
  assert.deepEqual(
    read("FP32", [Number.NaN, Number.NEGATIVE_INFINITY]),
    Float32Array.of(Number.NaN, Number.NEGATIVE_INFINITY),
  );
});

test("a typed array is taken as its own datatype, in rows of the shape given", () => {
  const made = sent(tensor(Float32Array.of(1, 2, 3, 4), [2]));
  assert.equal(made.datatype, "FP32");
  assert.deepEqual(made.toList(), [
    [1, 2],
    [3, 4],
  ]);
  assert.deepEqual(made.vectors(), [Float32Array.of(1, 2), Float32Array.of(3, 4)]);
  assert.deepEqual(sent(tensor(BigUint64Array.of(7n))).toList(), [7n]);
  assert.deepEqual(sent(tensor(new Float64Array(3).subarray(1))).toList(), [0, 0]);
  assert.equal(tensor(Buffer.of(1, 2)).datatype, "UINT8");
  assert.throws(() => tensor(Float32Array.of(1, 2, 3), [2]), RangeError);
  assert.throws(() => tensor(Float32Array.of(1, 2), [0]), RangeError);
  assert.throws(() => tensor(Float32Array.of(1, 2), [-1]), RangeError);
  assert.throws(() => tensor([1, 2] as unknown as Float32Array), TypeError);
  assert.throws(() => tensor(new DataView(new ArrayBuffer(8)) as never), TypeError);
});

test("rows of a list may be typed arrays", () => {
  const given = [Float32Array.of(1, 2), Float32Array.of(3, 4)];
  const column = sent(pack("vectors", given, { datatype: "FP64", shape: [2] }));
  assert.deepEqual(column.toList(), [
    [1, 2],
    [3, 4],
  ]);
});

test("numbers are no text, text is no number", () => {
  const numbers = sent(tensor(Int32Array.of(1)));
  assert.throws(() => numbers.strings(), TypeError);
  assert.throws(() => numbers.vectors(), TypeError);
  const bytes = pack("text", [Uint8Array.of(0xff)], { datatype: "BYTES", shape: [] });
  assert.throws(() => bytes.strings(), TypeError);
  assert.throws(() => bytes.vectors(), TypeError);
});

const REFUSED: [given: unknown, Datatype, shape: number[], ErrorConstructor, told: RegExp][] = [
  ["ab", "BYTES", [], TypeError, /column c, BYTES \[\]: give a list/],
  [7, "INT32", [], TypeError, /give a list/],
  [null, "INT32", [], TypeError, /give a list/],
  [
    [[1, 2], [3]],
    "INT32",
    [2],
    RangeError,
    /column c, INT32 \[2\]: row 1: it has 1 values where 2 are due/,
  ],
  [[[[1], [2, 3]]], "INT32", [2, 1], RangeError, /row 0\[1\]: it has 2 values where 1 are due/],
  [[[[1, 2], [3]]], "INT32", [-1, 2], RangeError, /row 0\[1\]: it has 1 values where 2/],
  [[1], "INT32", [2], TypeError, /row 0: a list is due, not 1/],
  [[1], "INT32", [-1], TypeError, /row 0: a list is due, not 1/],
  [["ab"], "BYTES", [-1], TypeError, /row 0: a list is due, not "ab"/],
  [[[1]], "INT32", [], TypeError, /row 0: an Array is no INT32/],
  [[1, undefined], "INT32", [], TypeError, /row 1: undefined is no INT32/],
  [[1, null], "FP32", [], TypeError, /row 1: null is no FP32/],
  [[1.5], "INT32", [], TypeError, /row 0: 1.5 is no INT32/],
  [["1"], "INT32", [], TypeError, /row 0: "1" is no INT32/],
  [[1n], "INT32", [], TypeError, /row 0: 1n is no INT32/],
  [[1n], "FP32", [], TypeError, /row 0: 1n is no FP32/],
  [[2 ** 53], "INT64", [], TypeError, /row 0: 9007199254740992 is no INT64/],
  [[2], "BOOL", [], TypeError, /row 0: 2 is no BOOL/],
  [[7], "BYTES", [], TypeError, /row 0: 7 is no BYTES/],
  [[128], "INT8", [], RangeError, /row 0: 128 is out of range/],
  [[-1], "UINT32", [], RangeError, /row 0: -1 is out of range/],
  [[2n ** 63n], "INT64", [], RangeError, /row 0: 9223372036854775808n is out of range/],
  [[-1n], "UINT64", [], RangeError, /row 0: -1n is out of range/],
  [[1e39], "FP32", [], RangeError, /out of range/],
  [[65520], "FP16", [], RangeError, /out of range/],
  [["a\ud800"], "BYTES", [], RangeError, /out of range/],
];

for (const [given, datatype, shape, kind, message] of REFUSED)
  test(`refused: ${message.source}`, () => {
    assert.throws(
      () => pack("c", given, { datatype, shape }),
      (error: Error) => error.constructor === kind && message.test(error.message),
    );
  });

test("a tensor is an input, and so is a column of a result", () => {
  const column = sent(pack("ids", [[1], [2, 3]], { datatype: "INT64", shape: [-1] }));
  assert.ok(column instanceof Tensor);
  assert.deepEqual(sent(column).toList(), [[1n], [2n, 3n]]);
});
