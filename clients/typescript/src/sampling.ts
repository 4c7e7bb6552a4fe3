import type { MessageInitShape } from "@bufbuild/protobuf";
import { isText } from "./element.js";
import type { SamplingParametersSchema } from "./gen/convoy/v1/generation_pb.js";

/** How the next token is chosen, and when a text ends. What is absent is as the pipeline has it. */
export interface SamplingOptions {
  /** The most tokens that are generated, at least one. */
  readonly maxTokens?: number;
  /** From 0 to 2; 0 always takes the likeliest token. */
  readonly temperature?: number;
  /** Keep the fewest tokens whose probabilities add up to it, above 0 to 1. */
  readonly topP?: number;
  /** Keep so many tokens; 0 keeps all. */
  readonly topK?: number;
  /** Keep tokens at least so likely as this share of the likeliest, from 0 to 1. */
  readonly minP?: number;
  /** The same seed gives the same tokens, alone or in company. */
  readonly seed?: number | bigint;
  /** Above 1: what is there already becomes less likely; 0.01 to 10. */
  readonly repetitionPenalty?: number;
  /** End before the first of these texts, at most 16. */
  readonly stop?: string | readonly string[];
  /** End before the first of these tokens, at most 64, beside the model's own. */
  readonly stopTokenIds?: readonly number[];
  /** Tell how likely each token was, and so many of the likeliest beside it, at most 20. */
  readonly logprobs?: number;
  /** How many completions are wanted: one, at most 16. */
  readonly n?: number;
  /** Go on where the model would end: for measurements. */
  readonly ignoreEos?: boolean;
}

type Sampling = MessageInitShape<typeof SamplingParametersSchema>;

const WHOLE = ["maxTokens", "topK", "logprobs", "n"] as const;
const NUMBERS = ["temperature", "topP", "minP", "repetitionPenalty"] as const;
const MOST_SEED = 2n ** 64n - 1n;

/**
 * Read the settings as they are sent. What they may be is the mesh's to say; throws TypeError or
 * RangeError for what no message can carry.
 */
export function toSampling(options: SamplingOptions): Sampling {
  const sampling: Sampling = {};
  for (const name of WHOLE) {
    const value = options[name];
    if (value !== undefined) sampling[name] = whole(name, value);
  }
  for (const name of NUMBERS) {
    const value = options[name];
    if (value === undefined) continue;
    if (typeof value !== "number") throw new TypeError(`${name} is a number`);
    if (!Number.isFinite(Math.fround(value))) throw new RangeError(`${name} is a finite number`);
    sampling[name] = value;
  }
  if (options.seed !== undefined) sampling.seed = seed(options.seed);
  if (options.stop !== undefined) sampling.stop = texts(options.stop);
  if (options.stopTokenIds !== undefined)
    sampling.stopTokenIds = tokens("stopTokenIds", options.stopTokenIds);
  if (options.ignoreEos !== undefined) sampling.ignoreEos = flag("ignoreEos", options.ignoreEos);
  return sampling;
}

/** Give token ids back; throws TypeError or RangeError where one is none. */
export function tokens(name: string, ids: readonly number[]): number[] {
  if (!Array.isArray(ids)) throw new TypeError(`${name} is a list, also of one`);
  return Array.from(ids, (id, place) => whole(`${name}[${place}]`, id));
}

function whole(name: string, value: number): number {
  if (typeof value !== "number") throw new TypeError(`${name} is a number`);
  if (!(Number.isInteger(value) && value >= 0 && value < 2 ** 32))
    throw new RangeError(`${name} is a whole number from 0 to 2 ** 32 - 1`);
  return value;
}

function flag(name: string, value: boolean): boolean {
  if (typeof value !== "boolean") throw new TypeError(`${name} is true or false`);
  return value;
}

function seed(value: number | bigint): bigint {
  if (typeof value !== "number" && typeof value !== "bigint")
    throw new TypeError("seed is a number or a bigint");
  const exact = Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof exact !== "bigint" || exact < 0n || exact > MOST_SEED)
    throw new RangeError("seed is an exact whole number from 0 to 2n ** 64n - 1n");
  return exact;
}

function texts(stop: string | readonly string[]): string[] {
  const all = typeof stop === "string" ? [stop] : stop;
  if (!Array.isArray(all) || !all.every(isText))
    throw new TypeError("stop is a text or a list of them, without half a surrogate pair");
  return [...all];
}
