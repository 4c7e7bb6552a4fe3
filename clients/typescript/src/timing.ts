/** One thing that took time. */
export interface TimingEntry {
  /** `queue`, `batch`, the name of a step, or `total`. */
  readonly name: string;
  readonly ms: number;
  /** Of a batch its `rows` and `requests`; of a step what of its time was `compute`, what `wait`. */
  readonly details: Readonly<Record<string, string>>;
}

/** The metadata that asks where the time of a call went, and the trailer that tells. */
export const TIMING = "convoy-timing";

/**
 * Give one to a call, and it is filled in: `await mesh.embed(texts, { timing })`.
 *
 * It stays empty where the call did not reach a pipeline.
 */
export class Timing implements Iterable<TimingEntry> {
  entries: readonly TimingEntry[] = [];

  [Symbol.iterator](): Iterator<TimingEntry> {
    return this.entries[Symbol.iterator]();
  }

  /** Take the entries of a call's trailers, if there are any. */
  read(trailers: Headers): void {
    const told = trailers.get(TIMING);
    if (told) this.entries = told.split(",").map((one) => entry(one.trim()));
  }
}

/** Read an entry in the syntax of Server-Timing: `encode;dur=12.4;compute=9.8`. */
function entry(text: string): TimingEntry {
  const [name = "", ...parameters] = text.split(";");
  const { dur, ...details } = Object.fromEntries(
    parameters.map((parameter) => {
      const [key = "", ...value] = parameter.split("=");
      return [key, value.join("=")];
    }),
  );
  return { name, ms: Number(dur ?? 0), details };
}
