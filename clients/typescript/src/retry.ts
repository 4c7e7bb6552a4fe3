import { Code } from "@connectrpc/connect";
import { ConvoyError } from "./error.js";

/** How a client retries; what is left out is as here. */
export interface RetryOptions {
  /** The longest wait before the first retry of a call: 100. */
  readonly firstMs?: number;
  /** What that bound doubles up to: 5000. */
  readonly longestMs?: number;
  /** Retries that a client may spend at the start, and at most: 100. */
  readonly burst?: number;
  /** Retries that a call earns by succeeding: 0.1. */
  readonly perSuccess?: number;
}

/** What time and chance are to a Retrier. */
export interface Surroundings {
  /** Milliseconds of a clock that never goes back. */
  now(): number;
  /** A number from 0 to below 1. */
  random(): number;
  /** Wait; rejects once the signal is aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/**
 * Whether another try may succeed: there was nobody to compute, or no room for now. What has no
 * room at all, such as too large a message, has no RetryInfo.
 */
function passes(error: ConvoyError): boolean {
  const full = error.code === Code.ResourceExhausted && error.retryAfterMs !== undefined;
  return full || error.code === Code.Unavailable;
}

/**
 * Sends calls until they succeed, or it is no use.
 *
 * Before a retry it waits as long as the answer's RetryInfo says, and then a random time from none
 * to a bound that doubles. How many retries there may be is a budget that all calls share, so that
 * a mesh that is down gets little more than the calls themselves.
 */
export class Retrier {
  readonly #options: Required<RetryOptions>;
  readonly #surroundings: Surroundings;
  #tokens: number;

  constructor(options: RetryOptions | false = {}, surroundings: Surroundings = REAL) {
    const given = options || { burst: 0 };
    this.#options = { firstMs: 100, longestMs: 5000, burst: 100, perSuccess: 0.1, ...given };
    const { firstMs, longestMs, burst, perSuccess } = this.#options;
    if (!(firstMs >= 0 && firstMs <= longestMs && longestMs < Number.POSITIVE_INFINITY))
      throw new RangeError("retry: 0 <= firstMs <= longestMs, in milliseconds");
    if (!(burst >= 0 && perSuccess >= 0))
      throw new RangeError("retry: burst and perSuccess are numbers of retries, 0 or more");
    this.#surroundings = surroundings;
    this.#tokens = burst;
  }

  now(): number {
    return this.#surroundings.now();
  }

  /**
   * Give what `attempt(ms that remain)` gives, `deadline` on this clock.
   *
   * Throws the last attempt's error when it is none to retry, when the wait would reach the
   * deadline or when the budget is spent; DEADLINE_EXCEEDED where no time is left.
   */
  async call<T>(
    attempt: (remainingMs: number) => Promise<T>,
    deadline: number,
    signal: AbortSignal,
  ): Promise<T> {
    const { now, random, sleep } = this.#surroundings;
    let bound = this.#options.firstMs;
    let cause: unknown;
    for (let left = deadline - now(); left > 0; left = deadline - now()) {
      try {
        const result = await attempt(left);
        this.#earn();
        return result;
      } catch (error) {
        if (!(error instanceof ConvoyError) || !passes(error)) throw error;
        const wait = Math.max(error.retryAfterMs ?? 0, 0) + random() * bound;
        if (now() + wait >= deadline || !this.#spend()) throw error;
        cause = error;
        await sleep(wait, signal);
      }
      bound = Math.min(2 * bound, this.#options.longestMs);
    }
    throw new ConvoyError(Code.DeadlineExceeded, "no time is left for the call", { cause });
  }

  #earn(): void {
    // Rounded: ten tenths shall be one.
    const tokens = Math.round((this.#tokens + this.#options.perSuccess) * 1e6) / 1e6;
    this.#tokens = Math.min(this.#options.burst, tokens);
  }

  #spend(): boolean {
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}

const REAL: Surroundings = {
  now: () => performance.now(),
  random: Math.random,
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      const stop = () => {
        clearTimeout(timer);
        reject(signal.reason);
      };
      const timer = setTimeout(() => {
        signal.removeEventListener("abort", stop);
        resolve();
      }, ms);
      if (signal.aborted) stop();
      else signal.addEventListener("abort", stop, { once: true });
    }),
};
