import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, ConvoyError } from "../src/api.js";
import { Retrier, type RetryOptions } from "../src/retry.js";

const UNAVAILABLE = new ConvoyError(Code.Unavailable, "away");

/** A Retrier whose time passes only in its waits, and whose chance is always `random`. */
function world(options: RetryOptions | false = {}, random = 1) {
  const waits: number[] = [];
  let time = 0;
  const retrier = new Retrier(options, {
    now: () => time,
    random: () => random,
    sleep: async (ms) => {
      waits.push(ms);
      time += ms;
    },
  });
  const lefts: number[] = [];
  const { signal } = new AbortController();
  const call = (errors: unknown[], deadline = 1e6, takes = 0) =>
    retrier.call(
      async (left) => {
        lefts.push(left);
        time += takes;
        if (errors.length) throw errors.shift();
        return "done";
      },
      time + deadline,
      signal,
    );
  return { call, waits, lefts };
}

test("the bound of the wait doubles up to its most", async () => {
  const { call, waits } = world();
  assert.equal(await call(new Array(8).fill(UNAVAILABLE)), "done");
  assert.deepEqual(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
});

test("of the bound any part may be waited for", async () => {
  const { call, waits } = world({}, 0.25);
  await call([UNAVAILABLE, UNAVAILABLE]);
  assert.deepEqual(waits, [25, 50]);
});

test("what the mesh asks to wait comes first", async () => {
  const busy = new ConvoyError(Code.ResourceExhausted, "busy", { retryAfterMs: 700 });
  const { call, waits } = world();
  await call([busy, UNAVAILABLE]);
  assert.deepEqual(waits, [800, 200]);
});

for (const code of [Code.Internal, Code.Canceled, Code.DeadlineExceeded, Code.InvalidArgument])
  test(`${Code[code]} is not tried again`, async () => {
    const error = new ConvoyError(code, "no", { retryAfterMs: 1 });
    const { call, waits } = world();
    await assert.rejects(call([error]), error);
    assert.deepEqual(waits, []);
  });

test("what has no room at all is not tried again", async () => {
  const large = new ConvoyError(Code.ResourceExhausted, "too large");
  const { call, waits } = world();
  await assert.rejects(call([large]), large);
  assert.deepEqual(waits, []);
});

test("an error that is no call's is not tried again", async () => {
  const { call, lefts } = world();
  await assert.rejects(call([new TypeError("what?")]), TypeError);
  assert.equal(lefts.length, 1);
});

test("a wait that would reach the deadline is not begun", async () => {
  const { call, waits } = world();
  await assert.rejects(call([UNAVAILABLE, UNAVAILABLE, UNAVAILABLE], 300), UNAVAILABLE);
  assert.deepEqual(waits, [100]);
});

test("every attempt is told what is left", async () => {
  const { call, lefts } = world();
  await call([UNAVAILABLE, UNAVAILABLE], 1000, 50);
  assert.deepEqual(lefts, [1000, 850, 600]);
});

test("a call without time is not begun", async () => {
  const { call, lefts } = world();
  await assert.rejects(call([], 0), { code: Code.DeadlineExceeded, reason: "DEADLINE_EXCEEDED" });
  assert.deepEqual(lefts, []);
});

test("calls share a budget, and earn it back", async () => {
  const { call, waits } = world({ burst: 2, perSuccess: 0.5 });
  await assert.rejects(call([UNAVAILABLE, UNAVAILABLE, UNAVAILABLE]), UNAVAILABLE);
  assert.equal(waits.length, 2);
  await assert.rejects(call([UNAVAILABLE]), UNAVAILABLE);
  await call([]);
  await assert.rejects(call([UNAVAILABLE]), UNAVAILABLE);
  await call([]);
  await call([UNAVAILABLE]);
  assert.equal(waits.length, 3);
});

test("ten tenths are one", async () => {
  const { call, waits } = world({ burst: 1 });
  await assert.rejects(call([UNAVAILABLE, UNAVAILABLE]), UNAVAILABLE);
  for (let i = 0; i < 10; i++) await call([]);
  await call([UNAVAILABLE]);
  assert.equal(waits.length, 2);
});

test("no retries where there shall be none", async () => {
  const { call, waits } = world(false);
  await assert.rejects(call([UNAVAILABLE]), UNAVAILABLE);
  assert.deepEqual(waits, []);
});

test("a wait ends with its signal", async () => {
  const controller = new AbortController();
  const retrier = new Retrier({ firstMs: 60_000, longestMs: 60_000 });
  const error = new ConvoyError(Code.Unavailable, "away", { retryAfterMs: 60_000 });
  const attempt = async () => {
    setTimeout(() => controller.abort(new Error("enough")), 1);
    throw error;
  };
  const deadline = retrier.now() + 1e6;
  await assert.rejects(retrier.call(attempt, deadline, controller.signal), /enough/);
  await assert.rejects(retrier.call(attempt, deadline, controller.signal), /enough/);
});

for (const options of [
  { firstMs: -1 },
  { firstMs: 9000 },
  { longestMs: Number.NaN },
  { burst: -1 },
])
  test(`${JSON.stringify(options)} is refused`, () => {
    assert.throws(() => new Retrier(options), RangeError);
  });
