import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConvoyError } from "../src/api.js";
import { Batch } from "../src/batch.js";
import { BatchSchema, Datatype, type TensorSchema } from "../src/gen/convoy/v1/batch_pb.js";

type Message = MessageInitShape<typeof TensorSchema>;

const index = (...places: number[]) => new Uint8Array(BigInt64Array.from(places, BigInt).buffer);
const numbers = { name: "n", datatype: Datatype.INT32, data: new Uint8Array(8) };
const ragged = { ...numbers, shape: [-1n], rowSplits: index(0, 1, 2) };
const bytes = {
  name: "b",
  datatype: Datatype.BYTES,
  data: new Uint8Array(3),
  offsets: index(0, 1, 3),
};

const read = (...tensors: Message[]) => new Batch(create(BatchSchema, { rows: 2, tensors }));

test("what is sound is read", () => {
  const batch = read(numbers, { ...ragged, name: "r" }, bytes);
  assert.deepEqual(
    batch.columns.map((column) => column.name),
    ["n", "r", "b"],
  );
  assert.throws(() => batch.column("x"), /there is no column x; there are: n, r, b/);
});

const MALFORMED: Record<string, Message> = {
  "no datatype": { ...numbers, datatype: 0 },
  "a datatype that there is not": { ...numbers, datatype: 99 as Datatype },
  "too few bytes": { ...numbers, data: new Uint8Array(7) },
  "too many bytes": { ...numbers, data: new Uint8Array(12) },
  "an empty dimension": { ...numbers, shape: [0n] },
  "a ragged dimension inside": { ...numbers, shape: [1n, -1n] },
  "an endless dimension": { ...numbers, shape: [2n ** 62n] },
  "splits of rows that are not ragged": { ...numbers, rowSplits: index(0, 1, 2) },
  "no splits": { ...ragged, rowSplits: index() },
  "splits of fewer rows": { ...ragged, rowSplits: index(0, 2) },
  "splits that begin late": { ...ragged, rowSplits: index(1, 1, 2) },
  "splits that go back": { ...ragged, rowSplits: index(0, 3, 2) },
  "negative splits": { ...ragged, rowSplits: index(0, -1, 2) },
  "splits beyond the data": { ...ragged, rowSplits: index(0, 1, 3) },
  "splits that are cut": { ...ragged, rowSplits: index(0, 1, 2).subarray(1) },
  "offsets of numbers": { ...numbers, offsets: index(0, 1, 2) },
  "no offsets": { ...bytes, offsets: index() },
  "offsets beyond the data": { ...bytes, offsets: index(0, 1, 4) },
  "offsets that go back": { ...bytes, offsets: index(0, 4, 3) },
};

for (const [name, tensor] of Object.entries(MALFORMED))
  test(`a response with ${name} is malformed`, () => {
    assert.throws(
      () => read(tensor),
      (error) =>
        error instanceof ConvoyError &&
        error.code === Code.Internal &&
        error.reason === "MALFORMED_RESPONSE" &&
        error.message.includes(`column ${tensor.name}`),
    );
  });

test("a response without a batch, or with failures of no row, is malformed", () => {
  const malformed = { code: Code.Internal, reason: "MALFORMED_RESPONSE" };
  assert.throws(() => new Batch(undefined), malformed);
  const failures = [{ row: 2, failure: {} }];
  assert.throws(() => new Batch(create(BatchSchema, { rows: 2, failures })), malformed);
  assert.throws(() => new Batch(create(BatchSchema, { rows: 2, failures: [{}] })), malformed);
  const degradations = [{ rows: [2] }];
  assert.throws(() => new Batch(create(BatchSchema, { rows: 2, degradations })), malformed);
});

test("failures and degradations are told by row", () => {
  const failure = {
    code: 14,
    message: "gone",
    reason: "STAGE_GONE",
    stage: "encode",
    retryAfter: { seconds: 1n, nanos: 500_000_000 },
    violations: [{ field: "text", description: "it is long" }],
    metadata: { id: "7" },
  };
  const batch = new Batch(
    create(BatchSchema, {
      rows: 3,
      failures: [
        { row: 2, failure: { code: 13, message: "later" } },
        { row: 1, failure },
      ],
      degradations: [{ step: "s", reason: "LATE", rows: [0] }],
    }),
  );
  const failed = batch.failures.get(1);
  assert.ok(failed);
  const { code, reason, stage, violations, retryAfterMs, metadata, message } = failed;
  assert.deepEqual(
    { code, reason, stage, violations, retryAfterMs, metadata, message },
    {
      ...{ code: Code.Unavailable, reason: "STAGE_GONE", stage: "encode", retryAfterMs: 1500 },
      ...{ violations: failure.violations, metadata: failure.metadata, message: "gone" },
    },
  );
  assert.deepEqual(batch.degradations, [{ step: "s", reason: "LATE", rows: [0] }]);
  assert.throws(() => batch.throwIfFailed(), {
    code: Code.Unavailable,
    message: "2 of 3 rows failed; row 1: gone",
    violations: [
      { field: "rows[1]", description: "gone" },
      { field: "rows[2]", description: "later" },
    ],
  });
  assert.equal(read(numbers).throwIfFailed().rows, 2);
});
