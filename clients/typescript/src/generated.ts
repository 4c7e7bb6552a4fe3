import type { Duration } from "@bufbuild/protobuf/wkt";
import type { CaptionResponse, CaptionStreamResponse } from "./gen/convoy/v1/captioning_pb.js";
import {
  type ChatResponse,
  type ChatStreamResponse,
  type CompletionChunk,
  type GeneratedToken,
  type GenerateResponse,
  type GenerateStreamResponse,
  type GenerationTimings,
  type TokenUsage,
  FinishReason as Wire,
} from "./gen/convoy/v1/generation_pb.js";
import { malformed } from "./translate.js";

/** Why a text ended: `stop` is the model's end or one that was asked for, `length` the limit. */
export type FinishReason = "stop" | "length";

/** How many tokens there were. */
export interface Usage {
  /** Those that the model read. */
  readonly promptTokens: number;
  /** Those that it generated, in all completions. */
  readonly completionTokens: number;
}

/** Where the time of a text went, in milliseconds; of several completions the longest of each. */
export interface TextTimings {
  /** Until the engine began with the prompt. */
  readonly queueMs: number;
  /** From the request's arrival to the first token. */
  readonly timeToFirstTokenMs: number;
  /** The mean between two tokens; absent where there was only one. */
  readonly perTokenMs?: number;
}

/** A text that was generated. */
export interface Completion {
  /** Which of the completions it is, from 0. */
  readonly index: number;
  readonly text: string;
  /** Where `stop` ended it, they may reach beyond the text. */
  readonly tokenIds: readonly number[];
  /** How likely the tokens were; empty unless `logprobs` were asked for. */
  readonly tokens: readonly GeneratedToken[];
  readonly finishReason: FinishReason | undefined;
}

/** A whole answer. */
export interface Generated {
  /** The text of the first completion, mostly the only one. */
  readonly text: string;
  readonly completions: readonly Completion[];
  readonly usage: Usage;
  readonly timings: TextTimings;
}

/**
 * What was added to a text: whole characters. `finishReason` is on the last chunk of each
 * completion; the very last chunk, which may have no text, is that with `usage` and `timings`.
 */
export interface Chunk extends Completion {
  readonly usage?: Usage;
  readonly timings?: TextTimings;
}

type Whole = GenerateResponse | ChatResponse | CaptionResponse;
type Piece = GenerateStreamResponse | ChatStreamResponse | CaptionStreamResponse;

const REASONS: ReadonlyMap<Wire, FinishReason> = new Map([
  [Wire.STOP, "stop"],
  [Wire.LENGTH, "length"],
]);

/** Read a whole answer; throws ConvoyError where it has not the `n` completions asked for. */
export function readWhole(response: Whole, n = 1): Generated {
  const completions = response.completions.map(readText);
  if (completions.length !== n)
    throw malformed(`${completions.length} completions, ${n} were asked for`);
  const { usage, timings } = response;
  return {
    text: completions[0]?.text ?? "",
    completions,
    usage: readUsage(usage),
    timings: readTimings(timings),
  };
}

/** Read a message of a stream. */
export function readPiece({ chunks, usage, timings }: Piece): Chunk[] {
  const read: Chunk[] = chunks.map(readText);
  if (!usage && !timings) return read;
  const last = read.pop() ?? {
    index: 0,
    text: "",
    tokenIds: [],
    tokens: [],
    finishReason: undefined,
  };
  return [...read, { ...last, usage: readUsage(usage), timings: readTimings(timings) }];
}

type Text = Pick<CompletionChunk, keyof Completion>;

function readText({ index, text, tokenIds, tokens, finishReason }: Text): Completion {
  return { index, text, tokenIds, tokens, finishReason: REASONS.get(finishReason) };
}

function readUsage(usage: TokenUsage | undefined): Usage {
  return {
    promptTokens: usage?.promptTokens ?? 0,
    completionTokens: usage?.completionTokens ?? 0,
  };
}

function readTimings(timings: GenerationTimings | undefined): TextTimings {
  return {
    queueMs: milliseconds(timings?.queue),
    timeToFirstTokenMs: milliseconds(timings?.timeToFirstToken),
    ...(timings?.perToken && { perTokenMs: milliseconds(timings.perToken) }),
  };
}

function milliseconds(duration: Duration | undefined): number {
  return Number(duration?.seconds ?? 0n) * 1000 + (duration?.nanos ?? 0) / 1e6;
}
