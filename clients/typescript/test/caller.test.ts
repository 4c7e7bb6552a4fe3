import assert from "node:assert/strict";
import { test } from "node:test";
import type { Transport } from "@connectrpc/connect";
import { Caller } from "../src/caller.js";
import { PipelineService } from "../src/gen/convoy/v1/index.js";

/**
 * A stream that was left while messages of it lay ready was not read to its end, and the timer of
 * its deadline kept the process alive.
 */
test("a stream that is left is read to its end", async () => {
  const ready = [{}, {}, {}];
  let ended = false;
  const next = async () => {
    const value = ready.shift();
    if (value) return { value, done: false };
    ended = true;
    throw new Error("aborted");
  };
  const response = {
    trailer: new Headers(),
    message: { [Symbol.asyncIterator]: () => ({ next }) },
  };
  const transport = { stream: async () => response } as unknown as Transport;
  const caller = new Caller({ transport, close: () => {} }, {});
  const call = caller.begin({});
  for await (const _ of caller.stream(call, PipelineService.method.watch, {})) break;
  caller.end(call);
  await new Promise((resolve) => setImmediate(resolve));
  assert.ok(ended);
});
