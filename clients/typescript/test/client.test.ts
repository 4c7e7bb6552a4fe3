import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, ConvoyError, Timing, tensor } from "../src/api.js";
import {
  EmbeddingService,
  PipelineService,
  RecommendationService,
} from "../src/gen/convoy/v1/index.js";
import { createClient as createBrowserClient } from "../src/index.browser.js";
import { createClient } from "../src/index.js";
import { ECHO, echo, refusal } from "./echo.js";
import { GRPC, onEveryWay, serve } from "./fake.js";

let described = 0;
let sent = 0;
let headers = new Headers();

onEveryWay(
  "lists are read as the pipeline declares its columns, for which the mesh is asked once",
  () => {
    described = 0;
    return (router) =>
      router.service(PipelineService, {
        describe: () => {
          described += 1;
          return ECHO;
        },
        run: echo,
      });
  },
  async (mesh) => {
    const points = [
      [
        [1, 2],
        [3, 4],
      ],
      [],
    ];
    for (const data of [
      ["a", "é"],
      ["b", "c"],
    ]) {
      const batch = await mesh.run("echo", { data, points });
      assert.deepEqual(batch.column("data").strings(), data);
      assert.deepEqual(batch.column("points").toList(), points);
    }
    assert.equal(described, 1);
    const empty = await mesh.run("echo", { data: [], points: [] });
    assert.deepEqual([empty.rows, empty.column("data").toList()], [0, []]);
  },
);

onEveryWay(
  "what tells its own type is sent without asking",
  () => (router) => router.service(PipelineService, { run: echo }),
  async (mesh) => {
    const ids = BigInt64Array.of(1n, 2n);
    const first = await mesh.run("echo", { ids, vectors: tensor(new Float32Array(6), [3]) });
    const again = await mesh.run("echo", { vectors: first.column("vectors") });
    assert.deepEqual(first.column("ids").values, ids);
    assert.deepEqual(again.column("vectors").shape, [3]);
  },
);

onEveryWay(
  "columns are asked for again once some are refused, or do not fit",
  () => {
    described = 0;
    return (router) =>
      router.service(PipelineService, {
        describe: () => {
          described += 1;
          return ECHO;
        },
        run: (request) => {
          if (described % 2) throw refusal(Code.InvalidArgument, "INVALID_TENSOR");
          return echo(request);
        },
      });
  },
  async (mesh) => {
    const run = (data: unknown[]) => mesh.run("echo", { data });
    await assert.rejects(run(["a"]), { code: Code.InvalidArgument });
    await run(["a"]);
    await run(["a"]);
    assert.equal(described, 2);
    await assert.rejects(run([1]), TypeError);
    await assert.rejects(run(["a"]), { code: Code.InvalidArgument });
    assert.equal(described, 3);
  },
);

onEveryWay(
  "nothing is sent of columns that do not fit",
  () => {
    sent = 0;
    return (router) =>
      router.service(PipelineService, {
        describe: () => ECHO,
        run: () => {
          sent += 1;
          return {};
        },
        async *runStream() {
          sent += 1;
          yield {};
        },
      });
  },
  async (mesh) => {
    const points = [[[1, 2, 3]]];
    await assert.rejects(mesh.run("echo", { data: ["a"], points }), /column points.*row 0\[0\]/);
    await assert.rejects(mesh.run("echo", { data: ["a"], points: [] }), {
      name: "RangeError",
      message: "all columns have a value for each row; column data has 1, points has 0",
    });
    await assert.rejects(mesh.run("echo", { date: ["a"] }), {
      name: "TypeError",
      message: "column date: there is no such input; there are: data, points",
    });
    await assert.rejects(mesh.stream("echo", { data: "a" as never }).next(), TypeError);
    await assert.rejects(mesh.embed("a" as never), TypeError);
    await assert.rejects(mesh.embed(["a", 1 as never]), /texts\[1\] is no text/);
    await assert.rejects(mesh.embed(["a\ud800"]), /texts\[0\]/);
    for (const dimensions of [-1, 0, 1.5, Number.NaN, 2 ** 32])
      await assert.rejects(mesh.embed(["a"], { dimensions }), RangeError);
    await assert.rejects(mesh.run("echo", { data: ["a"] }, { timeoutMs: 0 }), RangeError);
    assert.equal(sent, 0);
  },
);

onEveryWay(
  "an error has all that the mesh told",
  () => (router) =>
    router.service(PipelineService, {
      list: () => {
        throw refusal(Code.InvalidArgument, "INVALID_REQUEST", 250);
      },
      describe: () => {
        throw refusal(Code.FailedPrecondition, "");
      },
    }),
  async (mesh) => {
    const timing = new Timing();
    const error = await mesh.pipelines({ timing }).catch((error: unknown) => error);
    assert.ok(error instanceof ConvoyError);
    const { code, message, reason, stage, violations, retryAfterMs, metadata } = error;
    assert.deepEqual(
      { code, message, reason, stage, violations, retryAfterMs, metadata },
      {
        code: Code.InvalidArgument,
        message: "the mesh says no",
        reason: "INVALID_REQUEST",
        stage: "encode",
        violations: [{ field: "texts[3]", description: "it is empty" }],
        retryAfterMs: 250,
        metadata: { id: "7" },
      },
    );
    assert.deepEqual([...timing], [{ name: "total", ms: 1.5, details: {} }]);
    await assert.rejects(mesh.describe("echo"), (error: ConvoyError) => {
      assert.equal(error.reason, "FAILED_PRECONDITION");
      return !("retryAfterMs" in error);
    });
    await assert.rejects(mesh.embed(["a"]), {
      code: Code.Unimplemented,
      reason: "UNIMPLEMENTED",
    });
  },
);

onEveryWay(
  "a call carries its metadata, priority and deadline, and brings its timing",
  () => (router) =>
    router.service(PipelineService, {
      list: (_, context) => {
        headers = new Headers(context.requestHeader);
        headers.set("left", String(context.timeoutMs()));
        context.responseTrailer.set("convoy-timing", "queue;dur=0.5, total;dur=2;rows=3");
        return { pipelines: ["echo"] };
      },
    }),
  async (mesh) => {
    const timing = new Timing();
    const metadata = { "convoy-tenant": "acme" };
    await mesh.pipelines({ priority: 2, metadata, timing, timeoutMs: 4321.5 });
    const told = ["convoy-tenant", "convoy-priority", "convoy-timing", "convoy-team"];
    assert.deepEqual(
      told.map((key) => headers.get(key)),
      ["acme", "2", "1", "blue"],
    );
    const left = Number(headers.get("left"));
    assert.ok(left > 4000 && left <= 4322, `${left} ms are left`);
    assert.deepEqual(timing.entries[1], { name: "total", ms: 2, details: { rows: "3" } });
    await mesh.pipelines();
    assert.equal(headers.get("convoy-priority"), null);
    assert.equal(headers.get("convoy-tenant"), "other");
    assert.ok(Number(headers.get("left")) > 9000);
  },
  { metadata: { "convoy-team": "blue", "Convoy-Tenant": "other" } },
);

onEveryWay(
  "a vector for each text, or the response is malformed",
  () => (router) =>
    router.service(EmbeddingService, {
      embed: ({ texts, dimensions = 2, normalize, pipeline }) => {
        const values = [normalize === false ? 2 : 1, pipeline.length];
        const embeddings = texts.filter((text) => text !== "lost").map(() => ({ values }));
        return { embeddings, dimensions };
      },
    }),
  async (mesh) => {
    assert.deepEqual(await mesh.embed(["a", "b"]), [Float32Array.of(1, 0), Float32Array.of(1, 0)]);
    const options = { normalize: false, pipeline: "other", dimensions: 2 };
    assert.deepEqual(await mesh.embed(["a"], options), [Float32Array.of(2, 5)]);
    const malformed = { code: Code.Internal, reason: "MALFORMED_RESPONSE" };
    await assert.rejects(mesh.embed(["a", "lost"]), malformed);
    await assert.rejects(mesh.embed(["a"], { dimensions: 3 }), malformed);
  },
);

onEveryWay(
  "any generated service can be called",
  () => (router) =>
    router.service(RecommendationService, {
      recommend: ({ userId, limit }) => ({ items: [{ itemId: userId, score: limit }] }),
    }),
  async (mesh) => {
    const { items } = await mesh.service(RecommendationService).recommend({ userId: 7n, limit: 3 });
    assert.deepEqual([items[0]?.itemId, items[0]?.score], [7n, 3]);
  },
);

test("over gRPC a caller can stream, too", async (context) => {
  const fake = await serve(context, GRPC, (router) =>
    router.service(RecommendationService, {
      recordEvents: async (requests) => {
        let recorded = 0n;
        for await (const { events } of requests) recorded += BigInt(events.length);
        if (recorded > 3n) throw refusal(Code.Unavailable, "FULL");
        return { recorded };
      },
    }),
  );
  const mesh = createClient(fake.target);
  context.after(() => mesh.close());
  async function* events(count: number) {
    for (let i = 0; i < count; i++) yield { events: [{ userId: 1n, itemId: BigInt(i) }] };
  }
  const { recordEvents } = mesh.service(RecommendationService);
  assert.equal((await recordEvents(events(3))).recorded, 3n);
  await assert.rejects(recordEvents(events(4)), { code: Code.Unavailable, reason: "FULL" });
});

test("a target is a gateway's URL or HOST:PORT, in a browser a URL", () => {
  for (const target of [
    "",
    "localhost",
    "ftp://host:1",
    "http://",
    "host:port",
    "/path:1",
    "a b:1",
  ])
    assert.throws(() => createClient(target), TypeError, target);
  for (const target of ["localhost:9000", "[::1]:9000", "http://host", "HTTPS://host:1/path"])
    createClient(target).close();
  assert.throws(() => createBrowserClient("localhost:9000"), /a browser has no gRPC/);
  for (const timeoutMs of [0, -1, Number.NaN, Number.POSITIVE_INFINITY])
    assert.throws(() => createClient("http://host", { timeoutMs }), RangeError);
});
