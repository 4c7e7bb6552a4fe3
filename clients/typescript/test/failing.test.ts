import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { test } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { ConvoyError, Timing } from "../src/api.js";
import { PipelineService } from "../src/gen/convoy/v1/index.js";
import { ECHO, event, forever, refusal } from "./echo.js";
import { onEveryWay, type Routes, WAYS } from "./fake.js";

let calls = 0;
let arrived = event();
let left = event();

/** A mesh whose `list` answers once `failures` have been thrown. */
const failing =
  (...failures: (() => unknown)[]) =>
  () => {
    calls = 0;
    return ((router) =>
      router.service(PipelineService, {
        list: () => {
          const failure = failures[calls++];
          if (failure) throw failure();
          return { pipelines: ["echo"] };
        },
      })) satisfies Routes;
  };

const away = () => refusal(Code.Unavailable, "STAGE_GONE");
const busy = () => refusal(Code.ResourceExhausted, "QUEUE_FULL", 60);

onEveryWay(
  "a mesh that is away for a moment is called again",
  failing(away, away),
  async (mesh) => {
    assert.deepEqual(await mesh.pipelines(), ["echo"]);
    assert.equal(calls, 3);
  },
);

onEveryWay("a mesh that asks to wait is waited for", failing(busy), async (mesh) => {
  const began = performance.now();
  await mesh.pipelines();
  assert.ok(performance.now() - began >= 59);
});

onEveryWay(
  "without retries the first failure is told",
  failing(away),
  async (mesh) => {
    await assert.rejects(mesh.pipelines(), { code: Code.Unavailable, reason: "STAGE_GONE" });
    assert.equal(calls, 1);
  },
  { retry: false },
);

onEveryWay(
  "what the mesh refuses is not sent again",
  failing(() => refusal(Code.NotFound, "PIPELINE_NOT_FOUND")),
  async (mesh) => {
    await assert.rejects(mesh.pipelines(), { code: Code.NotFound });
    assert.equal(calls, 1);
  },
);

onEveryWay(
  "CANCELLED that nobody asked for is UNAVAILABLE, and called again",
  failing(() => new ConnectError("reset", Code.Canceled)),
  async (mesh) => {
    assert.deepEqual(await mesh.pipelines(), ["echo"]);
    assert.equal(calls, 2);
  },
);

onEveryWay(
  "CANCELLED that the mesh explains is the mesh's",
  failing(() => refusal(Code.Canceled, "CALLER_LEFT")),
  async (mesh) => {
    await assert.rejects(mesh.pipelines(), { code: Code.Canceled, reason: "CALLER_LEFT" });
  },
);

/** A mesh that does not answer; it tells when a call has `arrived`, and when its caller has `left`. */
const silent = () => {
  calls = 0;
  arrived = event();
  left = event();
  return ((router) =>
    router.service(PipelineService, {
      describe: (_, context) => {
        calls += 1;
        return calls < 3 ? Promise.reject(away()) : forever(context, left.happens);
      },
      run: (_, context) => forever(context, left.happens),
      list: (_, context) => {
        calls += 1;
        arrived.happens();
        return forever(context, left.happens);
      },
      async *runStream(_, context) {
        yield { firstRow: 7, batch: { rows: 1 } };
        yield { firstRow: 8, batch: { rows: 1 } };
        await forever(context, left.happens);
      },
    })) satisfies Routes;
};

onEveryWay("a call ends at its deadline, in the mesh too", silent, async (mesh) => {
  const began = performance.now();
  await assert.rejects(mesh.pipelines({ timeoutMs: 400 }), {
    code: Code.DeadlineExceeded,
    reason: "DEADLINE_EXCEEDED",
  });
  assert.ok(performance.now() - began < 5000);
  await left.happened;
});

onEveryWay("the deadline bounds the question for columns and its retries", silent, async (mesh) => {
  const run = mesh.run("echo", { data: ["a"] }, { timeoutMs: 300 });
  await assert.rejects(run, { code: Code.DeadlineExceeded });
  assert.equal(calls, 3);
});

onEveryWay("who aborts a call cancels it", silent, async (mesh) => {
  const aborted = { code: Code.Canceled, reason: "ABORTED" };
  const controller = new AbortController();
  const { signal } = controller;
  const call = mesh.pipelines({ signal });
  arrived.happened.then(() => controller.abort(new Error("enough")));
  await assert.rejects(call, (error: ConvoyError) => {
    assert.equal((error.cause as Error).message, "enough");
    return error.code === aborted.code && error.reason === aborted.reason;
  });
  await left.happened;
  await assert.rejects(mesh.pipelines({ signal }), aborted);
  assert.equal(calls, 1);
  await assert.rejects(mesh.pipelines({ signal: AbortSignal.timeout(50) }), aborted);
});

onEveryWay(
  "a wait before a retry ends with the call",
  () => (router) =>
    router.service(PipelineService, {
      list: () => {
        throw refusal(Code.Unavailable, "STARTING", 5000);
      },
    }),
  async (mesh) => {
    const began = performance.now();
    const signal = AbortSignal.timeout(50);
    await assert.rejects(mesh.pipelines({ signal }), { code: Code.Canceled, reason: "ABORTED" });
    assert.ok(performance.now() - began < 3000);
  },
);

onEveryWay("who leaves a stream cancels it", silent, async (mesh) => {
  for await (const { firstRow } of mesh.stream("echo", {})) if (firstRow === 8) break;
  await left.happened;
});

onEveryWay("who aborts a stream cancels it", silent, async (mesh) => {
  const controller = new AbortController();
  const rows: number[] = [];
  await assert.rejects(
    async () => {
      for await (const part of mesh.stream("echo", {}, { signal: controller.signal })) {
        rows.push(part.firstRow);
        if (part.firstRow === 8) controller.abort();
      }
    },
    { code: Code.Canceled, reason: "ABORTED" },
  );
  assert.deepEqual(rows, [7, 8]);
  await left.happened;
});

onEveryWay("a stream ends at its deadline", silent, async (mesh) => {
  const parts = mesh.stream("echo", {}, { timeoutMs: 200 });
  await parts.next();
  await parts.next();
  await assert.rejects(parts.next(), { code: Code.DeadlineExceeded });
  await left.happened;
});

onEveryWay(
  "a client that closes ends its calls, and begins no more",
  silent,
  async (mesh) => {
    const closed = { code: Code.Canceled, reason: "CLIENT_CLOSED" };
    const call = assert.rejects(mesh.pipelines(), closed);
    const parts = mesh.stream("echo", {});
    await parts.next();
    await arrived.happened;
    mesh.close();
    await call;
    await assert.rejects(parts.next(), closed);
    await assert.rejects(mesh.pipelines(), closed);
    await assert.rejects(mesh.stream("echo", {}).next(), closed);
  },
  { timeoutMs: 2000 }, // the fake mesh waits so long for the one that broke off
);

/** A mesh whose stream fails before its first part, and once more after it. */
const breaking = () => {
  calls = 0;
  return ((router) =>
    router.service(PipelineService, {
      async *runStream() {
        calls += 1;
        if (calls === 1) throw away();
        yield { firstRow: 0, batch: { rows: 1 } };
        throw away();
      },
    })) satisfies Routes;
};

onEveryWay("a stream is called again until its first part, not later", breaking, async (mesh) => {
  const parts = mesh.stream("echo", {});
  assert.equal((await parts.next()).value?.firstRow, 0);
  await assert.rejects(parts.next(), { code: Code.Unavailable, reason: "STAGE_GONE" });
  assert.equal(calls, 2);
});

onEveryWay(
  "an answer that never came is asked for again on another connection",
  () => {
    calls = 0;
    arrived = event();
    return (router) =>
      router.service(PipelineService, {
        list: async (_, context) => {
          calls += 1;
          if (calls > 1) return { pipelines: ["echo"] };
          arrived.happens();
          return forever(context, left.happens);
        },
      });
  },
  async (mesh, fake) => {
    const call = mesh.pipelines();
    await arrived.happened;
    fake.cut();
    assert.deepEqual(await call, ["echo"]);
    assert.equal(calls, 2);
  },
);

onEveryWay("a stream whose connection breaks is UNAVAILABLE", silent, async (mesh, fake) => {
  const parts = mesh.stream("echo", {});
  await parts.next();
  await parts.next();
  fake.cut();
  await assert.rejects(parts.next(), { code: Code.Unavailable });
});

onEveryWay(
  "the trailers of a stream are its timing",
  () => (router) =>
    router.service(PipelineService, {
      describe: () => ECHO,
      async *watch(_, context) {
        yield { pipelines: [{ pipeline: "echo", ready: true }] };
        context.responseTrailer.set("convoy-timing", "total;dur=2");
      },
    }),
  async (mesh) => {
    const timing = new Timing();
    for await (const { pipelines } of mesh.watch({ timing })) assert.equal(pipelines.length, 1);
    assert.equal(timing.entries[0]?.ms, 2);
  },
);

for (const way of WAYS) {
  test(`where nobody listens the mesh is UNAVAILABLE (${way.name})`, async () => {
    const mesh = way.createClient(way.target(1), { retry: false });
    await assert.rejects(mesh.pipelines(), { code: Code.Unavailable, reason: "UNAVAILABLE" });
    await assert.rejects(mesh.watch().next(), { code: Code.Unavailable });
    mesh.close();
  });

  test(`what speaks another protocol fails calls, and no more (${way.name})`, async (context) => {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.end("what?\r\n\r\n");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    context.after(() => server.close());
    const target = way.target((server.address() as AddressInfo).port);
    const mesh = way.createClient(target, { retry: false });
    for (let i = 0; i < 3; i++) await assert.rejects(mesh.pipelines(), ConvoyError);
    mesh.close();
  });
}
