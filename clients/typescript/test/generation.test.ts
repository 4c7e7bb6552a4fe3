import assert from "node:assert/strict";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Chunk, Code, type ConvoyError, type GenerateOptions, Timing } from "../src/api.js";
import {
  CaptioningService,
  FinishReason,
  type GenerateRequest,
  type GenerateStreamResponseSchema,
  GenerationService,
  type SamplingParameters,
} from "../src/gen/convoy/v1/index.js";
import { event, forever, refusal } from "./echo.js";
import { onEveryWay, type Routes } from "./fake.js";

type Asked = Pick<GenerateRequest, "sampling" | "pipeline">;
type Piece = MessageInitShape<typeof GenerateStreamResponseSchema>;

const { STOP, LENGTH } = FinishReason;
const MEASURED = {
  usage: { promptTokens: 3, completionTokens: 2 },
  timings: {
    queue: { seconds: 0n, nanos: 250_000 },
    timeToFirstToken: { seconds: 1n, nanos: 500_000_000 },
    perToken: { seconds: 0n, nanos: 4_000_000 },
  },
};
const USAGE = { promptTokens: 3, completionTokens: 2 };
const TIMINGS = { queueMs: 0.25, timeToFirstTokenMs: 1500, perTokenMs: 4 };

let asked: unknown;
let sampling: SamplingParameters | undefined;
let sent = 0;

async function all(stream: AsyncIterable<Chunk>): Promise<Chunk[]> {
  const chunks: Chunk[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

/** A mesh that answers with what it was asked, and keeps the settings. */
const parrot = () => {
  sent = 0;
  const heard = (request: Asked, text: string) => {
    sent += 1;
    sampling = request.sampling;
    asked = request.pipeline;
    const completions = Array.from({ length: sampling?.n ?? 1 }, (_, index) => ({
      index,
      text: `${text}${index || ""}`,
      tokenIds: [7, 8],
      finishReason: index ? LENGTH : STOP,
    }));
    return { completions, ...MEASURED };
  };
  async function* pieces(whole: ReturnType<typeof heard>) {
    for (const { index, text, tokenIds, finishReason } of whole.completions)
      for (const place of [0, 1]) {
        const chunk = {
          index,
          text: text.split(" ")[place] ?? "",
          tokenIds: [tokenIds[place] ?? 0],
        };
        yield { chunks: [{ ...chunk, ...(place && { finishReason }) }] };
      }
    yield MEASURED;
  }
  const told = (prompt: { case: string | undefined; value?: unknown }) =>
    prompt.case === "tokenIds" ? JSON.stringify(prompt.value, ["ids"]) : String(prompt.value);
  return ((router) => {
    router.service(GenerationService, {
      generate: (request) => heard(request, told(request.prompt)),
      generateStream: (request) => pieces(heard(request, told(request.prompt))),
      chat: (request) =>
        heard(request, request.messages.map(({ role, content }) => `${role}:${content}`).join()),
      chatStream: (request) => pieces(heard(request, request.messages.at(-1)?.content ?? "")),
    });
    router.service(CaptioningService, {
      caption: (request) => heard(request, `${request.image.join()} ${request.question}`),
      captionStream: (request) => pieces(heard(request, `${request.image} ${request.question}`)),
    });
  }) satisfies Routes;
};

onEveryWay("a whole answer has its texts, its tokens and its times", parrot, async (mesh) => {
  const generated = await mesh.generate("go on", { n: 2, pipeline: "other" });
  const { text, completions, usage, timings } = generated;
  assert.equal(asked, "other");
  assert.equal(text, "go on");
  assert.deepEqual({ ...usage }, USAGE);
  assert.deepEqual({ ...timings }, TIMINGS);
  assert.deepEqual(completions, [
    { index: 0, text: "go on", tokenIds: [7, 8], tokens: [], finishReason: "stop" },
    { index: 1, text: "go on1", tokenIds: [7, 8], tokens: [], finishReason: "length" },
  ]);
  assert.equal((await mesh.generate([5, 6])).text, '{"ids":[5,6]}');
  const turns = [
    { role: "system", content: "be brief" },
    { role: "user", content: "hello" },
  ];
  assert.equal((await mesh.chat(turns)).text, "system:be brief,user:hello");
  assert.equal(asked, "");
  const bytes = Uint8Array.of(1, 2);
  const question = "what is it?";
  assert.equal((await mesh.caption(bytes, { question })).text, "1,2 what is it?");
  assert.equal((await mesh.caption(new Blob([bytes]))).text, "1,2 ");
});

onEveryWay("a stream's chunks are the text; the last has the measures", parrot, async (mesh) => {
  const streams = [
    mesh.generateStream("go on"),
    mesh.chatStream([{ role: "user", content: "go on" }]),
    mesh.captionStream(Uint8Array.of(), { question: "go on" }),
  ];
  for (const [place, stream] of streams.entries()) {
    const chunks = await all(stream);
    const texts = place === 2 ? ["", "go"] : ["go", "on"];
    assert.deepEqual(
      chunks.slice(0, 2).map(({ text, finishReason }) => [text, finishReason]),
      [
        [texts[0], undefined],
        [texts[1], "stop"],
      ],
    );
    const last = chunks.at(-1);
    assert.deepEqual([chunks.length, last?.text, last?.finishReason], [3, "", undefined]);
    assert.deepEqual([last?.usage, last?.timings], [USAGE, TIMINGS]);
  }
});

onEveryWay("settings are sent as they are, and only those that are given", parrot, async (mesh) => {
  const settings = {
    maxTokens: 20,
    temperature: 0.5,
    topP: 0.25,
    topK: 0,
    minP: 0.125,
    seed: 2n ** 64n - 1n,
    repetitionPenalty: 1.5,
    stop: ["\n", "end"],
    stopTokenIds: [4],
    logprobs: 0,
    n: 1,
    ignoreEos: true,
  };
  await mesh.generate("a", settings);
  const { $typeName: _, ...heard } = sampling as SamplingParameters;
  assert.deepEqual(heard, settings);
  await mesh.generate("a", { seed: 7, stop: "end" });
  assert.deepEqual([sampling?.seed, sampling?.stop], [7n, ["end"]]);
  assert.deepEqual([sampling?.temperature, sampling?.n], [undefined, undefined]);
  assert.equal(sampling?.ignoreEos, false);
});

onEveryWay("nothing is sent of what no message can carry", parrot, async (mesh) => {
  const refused = async (options: object, error: RegExp | typeof TypeError) => {
    const given = options as GenerateOptions;
    await assert.rejects(mesh.generate("a", given), error);
    await assert.rejects(mesh.chatStream([], given).next(), error);
  };
  for (const maxTokens of [-1, 1.5, Number.NaN, 2 ** 32])
    await refused({ maxTokens }, /RangeError: maxTokens is a whole number/);
  await refused({ topK: "7" }, TypeError);
  await refused({ temperature: Number.NaN }, /RangeError: temperature/);
  await refused({ minP: "0.5" }, TypeError);
  await refused({ seed: -1 }, /RangeError: seed/);
  await refused({ seed: 2 ** 53 }, /RangeError: seed/);
  await refused({ seed: 2n ** 64n }, /RangeError: seed/);
  await refused({ seed: "7" }, TypeError);
  await refused({ stop: ["\ud800"] }, TypeError);
  await refused({ stop: 7 }, TypeError);
  await refused({ stopTokenIds: [1, -1] }, /RangeError: stopTokenIds\[1\]/);
  await refused({ stopTokenIds: 1 }, TypeError);
  await refused({ ignoreEos: 1 }, /TypeError: ignoreEos is true or false/);
  await assert.rejects(mesh.generate("\ud800"), TypeError);
  await assert.rejects(mesh.generate([1.5]), /RangeError: prompt\[0\]/);
  await assert.rejects(mesh.generate(7 as never), TypeError);
  await assert.rejects(mesh.chat("hello" as never), TypeError);
  const turns = [{ role: "user", content: 7 as never }];
  await assert.rejects(mesh.chat(turns), /messages\[0\]\.content is no text/);
  await assert.rejects(mesh.caption("image.png" as never), /image is a Uint8Array or a Blob/);
  const question = "\udc00";
  await assert.rejects(mesh.captionStream(Uint8Array.of(), { question }).next(), TypeError);
  assert.equal(sent, 0);
});

const call = (generateStream: (attempt: number) => AsyncGenerator<Piece>) => () => {
  sent = 0;
  return ((router) =>
    router.service(GenerationService, {
      generateStream: () => {
        sent += 1;
        return generateStream(sent);
      },
    })) satisfies Routes;
};

onEveryWay(
  "a text is asked for again until its first piece, not later",
  call(async function* (attempt) {
    if (attempt === 1) throw refusal(Code.Unavailable, "STAGE_GONE");
    yield { chunks: [{ text: "once" }] };
    throw refusal(Code.Unavailable, "STAGE_GONE");
  }),
  async (mesh) => {
    const chunks = mesh.generateStream("a");
    assert.equal((await chunks.next()).value?.text, "once");
    await assert.rejects(chunks.next(), { code: Code.Unavailable, reason: "STAGE_GONE" });
    assert.equal(sent, 2);
  },
);

onEveryWay(
  "measures that come with the last piece are on it",
  call(async function* () {
    yield { chunks: [{ text: "a" }, { index: 1, text: "b", finishReason: LENGTH }], ...MEASURED };
  }),
  async (mesh) => {
    const chunks = await all(mesh.generateStream("a", { n: 2 }));
    assert.deepEqual(
      chunks.map(({ index, text, usage }) => [index, text, usage]),
      [
        [0, "a", undefined],
        [1, "b", USAGE],
      ],
    );
  },
);

onEveryWay(
  "what is refused names the setting",
  call(async function* () {
    yield* [];
    throw refusal(Code.InvalidArgument, "INVALID_ARGUMENT");
  }),
  async (mesh) => {
    await assert.rejects(all(mesh.generateStream("a", { topP: 7 })), (error: ConvoyError) => {
      return error.code === Code.InvalidArgument && error.violations.length === 1;
    });
    assert.equal(sent, 1);
  },
);

onEveryWay(
  "an answer without the completions asked for is malformed",
  () => (router) => router.service(GenerationService, { chat: () => ({ completions: [{}] }) }),
  async (mesh) => {
    const turns = [{ role: "user", content: "hello" }];
    const whole = await mesh.chat(turns);
    assert.deepEqual({ ...whole.timings }, { queueMs: 0, timeToFirstTokenMs: 0 });
    await assert.rejects(mesh.chat(turns, { n: 2 }), { reason: "MALFORMED_RESPONSE" });
  },
);

let left = event();

onEveryWay(
  "who leaves a text or aborts it lets the mesh stop",
  () => {
    left = event();
    return (router) =>
      router.service(GenerationService, {
        async *chatStream(_, context) {
          yield { chunks: [{ text: "on and" }] };
          await forever(context, left.happens);
        },
      });
  },
  async (mesh) => {
    const turns = [{ role: "user", content: "hello" }];
    for await (const { text } of mesh.chatStream(turns)) if (text === "on and") break;
    await left.happened;
    left = event();
    const controller = new AbortController();
    const chunks = mesh.chatStream(turns, { signal: controller.signal, timing: new Timing() });
    await chunks.next();
    const next = assert.rejects(chunks.next(), { code: Code.Canceled, reason: "ABORTED" });
    controller.abort();
    await next;
    await left.happened;
  },
);
