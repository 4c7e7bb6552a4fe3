// Calls a mesh as an installed package: `node check.js TARGET HELD`, where HELD is a row that the
// pipeline fussy holds until the test has ended.
import assert from "node:assert/strict";
import { Code, ConvoyError, createClient, Timing, tensor } from "@convoy-mesh/client";
import { Datatype, EmbeddingService } from "@convoy-mesh/client/v1";

const [, , target = "", held = ""] = process.argv;
const mesh = createClient(target);

// Unary, with columns as the pipeline declares them.
const texts = ["parse a date", "read the time", "é"];
const timing = new Timing();
const vectors: Float32Array[] = await mesh.embed(texts, { timing, priority: 2 });
const result = (await mesh.run("embedding", { text: texts })).throwIfFailed();
assert.equal(vectors.length, 3);
assert.deepEqual(result.column("embedding").shape, [384]);
for (const [row, vector] of result.column("embedding").vectors().entries())
  for (const [i, value] of vector.entries())
    assert.ok(Math.abs(value - (vectors[row]?.[i] ?? 0)) < 1e-4);
const names = timing.entries.map((entry) => entry.name);
assert.deepEqual([names[0], names.at(-1)], ["queue", "total"]);
const { embeddings } = await mesh.service(EmbeddingService).embed({ texts, dimensions: 8 });
assert.equal(embeddings[2]?.values.length, 8);
const only = await mesh.run("embedding", { text: texts }, { outputs: ["tokens"] });
assert.deepEqual(
  only.columns.map((column) => column.name),
  ["tokens"],
);

// Every kind of column.
const words = [["a", "b"], [], ["é"]];
const reversed = await mesh.run("reverse", { words });
assert.deepEqual(reversed.column("reversed").strings(), ["b", "a", "é"]);
const points = [
  [
    [1, 2],
    [3, 4],
  ],
  [],
  [[5, 6]],
];
const mean = await mesh.run("mean", { points });
assert.deepEqual(mean.column("mean").toList(), [
  [2, 3],
  [0, 0],
  [5, 6],
]);
const shared = await mesh.run("shared", { data: ["abc", new Uint8Array(6)] });
assert.deepEqual(shared.column("length").values, BigInt64Array.of(3n, 6n));
const bytes = Uint8Array.of(0, 255, 128);
assert.deepEqual((await mesh.run("echo", { data: [bytes] })).column("data").row(0), bytes);

// What it is.
assert.ok((await mesh.pipelines()).includes("embedding"));
const { inputs } = await mesh.describe("mean");
assert.deepEqual(inputs[0]?.shape, [-1n, 2n]);
assert.equal(inputs[0]?.datatype, Datatype.FP32);

// Streams.
const seen = new Set<number>();
const text = Array.from({ length: 50 }, (_, i) => `text ${i}`);
for await (const { firstRow, batch } of mesh.stream("embedding", { text }))
  for (let row = 0; row < batch.rows; row++) seen.add(firstRow + row);
assert.equal(seen.size, 50);
for await (const { pipelines } of mesh.watch()) {
  assert.ok(pipelines.some(({ pipeline, ready }) => pipeline === "embedding" && ready));
  break;
}

// What goes wrong.
const failed = await mesh.run("fussy", { data: ["good", "bad"] });
assert.deepEqual([...failed.failures.keys()], [1]);
assert.equal(failed.failures.get(1)?.stage, "fussy");
assert.throws(() => failed.throwIfFailed(), ConvoyError);
await assert.rejects(mesh.embed(["a", ""]), {
  code: Code.InvalidArgument,
  reason: "INVALID_REQUEST",
  violations: [{ field: "texts[1]", description: "the text is empty" }],
});
await assert.rejects(mesh.run("none", { text: ["a"] }), {
  code: Code.NotFound,
  reason: "PIPELINE_NOT_FOUND",
});
await assert.rejects(mesh.run("mean", { points: tensor(new Float32Array(2), [2]) }), {
  code: Code.InvalidArgument,
});
await assert.rejects(mesh.run("mean", { points: [[[1]]] }), /column points.*row 0\[0\]/);

// Who does not wait.
const late = mesh.run("fussy", { data: [held] }, { timeoutMs: 400 });
await assert.rejects(
  late,
  // A mesh that knows that it will be late says so at once.
  (error: ConvoyError) => error.code === Code.DeadlineExceeded || error.reason === "QUEUE_TOO_LONG",
);
const signal = AbortSignal.timeout(200);
await assert.rejects(mesh.run("fussy", { data: [held] }, { signal }), { reason: "ABORTED" });
const left = mesh.run("fussy", { data: [held] });
setTimeout(() => mesh.close(), 100);
await assert.rejects(left, { code: Code.Canceled, reason: "CLIENT_CLOSED" });
console.log("all is well");
