/** The passages that are searched, and their vectors. */
import { mesh } from "../mesh";

export const MOST = 2000;
/** How many passages go in one call: small enough for the bar to move. */
const CALL = 64;

export type Split = "line" | "paragraph";

/** All passages of a text; only the first of them are searched. */
export function allOf(text: string, split: Split): string[] {
  const parts = text.split(split === "line" ? "\n" : /\n\s*\n/);
  const passages = parts.map((part) => part.replace(/\s+/g, " ").trim());
  return passages.filter((part) => part !== "");
}

export function passagesOf(text: string, split: Split): string[] {
  return allOf(text, split).slice(0, MOST);
}

export class Index {
  readonly passages: readonly string[];
  readonly #vectors: readonly Float32Array[];

  private constructor(passages: readonly string[], vectors: readonly Float32Array[]) {
    this.passages = passages;
    this.#vectors = vectors;
  }

  /** Embed the passages; those that `before` has are taken from there. */
  static async of(
    passages: readonly string[],
    pipeline: string,
    before: Index | undefined,
    signal: AbortSignal,
    tell: (done: number) => void,
  ): Promise<Index> {
    const vectors = new Map(before?.passages.map((one, row) => [one, before.#vectors[row]]));
    const missing = [...new Set(passages)].filter((one) => vectors.get(one) === undefined);
    for (let first = 0; first < missing.length; first += CALL) {
      const texts = missing.slice(first, first + CALL);
      const embedded = await mesh.embed(texts, { pipeline, signal });
      for (const [row, text] of texts.entries()) vectors.set(text, embedded[row]);
      tell(passages.length - missing.length + Math.min(first + CALL, missing.length));
    }
    return new Index(
      passages,
      passages.map((one) => vectors.get(one) ?? new Float32Array()),
    );
  }

  /** Whether it is of these passages. */
  isOf(passages: readonly string[]): boolean {
    const own = this.passages;
    return own.length === passages.length && own.every((one, row) => one === passages[row]);
  }

  /** The passages that are nearest to a vector of length one, the best first. */
  nearest(query: Float32Array, most: number): Hit[] {
    const hits = this.#vectors.map((vector, row) => ({
      passage: this.passages[row] ?? "",
      score: dot(vector, query),
    }));
    return hits.sort((left, right) => right.score - left.score).slice(0, most);
  }
}

export interface Hit {
  passage: string;
  /** The cosine of the angle between the two. */
  score: number;
}

function dot(left: Float32Array, right: Float32Array): number {
  let sum = 0;
  for (let at = 0; at < left.length; at++) sum += (left[at] ?? 0) * (right[at] ?? 0);
  return sum;
}
