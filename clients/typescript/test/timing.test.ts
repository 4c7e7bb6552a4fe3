import assert from "node:assert/strict";
import { test } from "node:test";
import { Timing } from "../src/timing.js";

test("the trailer is read into entries, in order", () => {
  const timing = new Timing();
  timing.read(
    new Headers({
      "convoy-timing":
        "queue;dur=0.190, batch;dur=20.570;rows=11;requests=3, encode;dur=12.4;transport=value, total;dur=21.6",
    }),
  );
  assert.deepEqual(
    [...timing],
    [
      { name: "queue", ms: 0.19, details: {} },
      { name: "batch", ms: 20.57, details: { rows: "11", requests: "3" } },
      { name: "encode", ms: 12.4, details: { transport: "value" } },
      { name: "total", ms: 21.6, details: {} },
    ],
  );
});

test("what is no timing leaves it empty, or without numbers, and throws nothing", () => {
  const timing = new Timing();
  timing.read(new Headers());
  assert.deepEqual(timing.entries, []);
  timing.read(new Headers({ "convoy-timing": ";;=,a;dur=;b=c=d" }));
  assert.deepEqual(timing.entries[1], { name: "a", ms: 0, details: { b: "c=d" } });
});
