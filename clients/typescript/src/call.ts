import { Code, ConnectError } from "@connectrpc/connect";
import { ConvoyError } from "./error.js";
import { TIMING, type Timing } from "./timing.js";
import { fromConnect } from "./translate.js";

/** What every method takes. */
export interface CallOptions {
  /** How long the call may take, retries included; else the client's own. */
  readonly timeoutMs?: number;
  /** Aborting it cancels the call. */
  readonly signal?: AbortSignal;
  /** 0 background, 1 normal (what a call without one is), 2 urgent. */
  readonly priority?: 0 | 1 | 2;
  /** More to send, as `{ "convoy-tenant": "acme" }`. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Filled in with where the time went. */
  readonly timing?: Timing;
}

/** What gRPC can carry as milliseconds: more than a day. */
const LONGEST = 99_999_999;

/** A call under way, its retries included. */
export class Call {
  readonly deadline: number;
  readonly header: Headers;
  readonly timing: Timing | undefined;
  readonly #controller = new AbortController();
  readonly #theirs: AbortSignal | undefined;
  #stopped: ConvoyError | undefined;

  /** Begin: the time runs from `now` on. Throws RangeError for a timeout that is none. */
  constructor(options: CallOptions & { readonly timeoutMs: number }, header: Headers, now: number) {
    this.deadline = now + checkTimeout(options.timeoutMs);
    this.header = header;
    for (const [key, value] of Object.entries(options.metadata ?? {})) header.set(key, value);
    if (options.priority !== undefined)
      this.header.set("convoy-priority", String(options.priority));
    if (options.timing) this.header.set(TIMING, "1");
    this.timing = options.timing;
    this.#theirs = options.signal;
    if (this.#theirs?.aborted) this.#abort();
    else this.#theirs?.addEventListener("abort", this.#abort);
  }

  /** Aborted once the call is stopped, or has ended. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** End it before it has answered: it throws the error. */
  stop(error: ConvoyError): void {
    this.#stopped ??= error;
    this.end();
  }

  /** Let go of all that belongs to it; a stream that is not at its end is cancelled. */
  end(): void {
    this.#theirs?.removeEventListener("abort", this.#abort);
    this.#controller.abort(new ConnectError("the call has ended", Code.Canceled));
  }

  /** Await a step of the call; what fails is thrown as ConvoyError. */
  async step<T>(step: () => Promise<T>): Promise<T> {
    try {
      if (this.#stopped) throw this.#stopped;
      return await step();
    } catch (error) {
      if (this.#stopped) throw this.#stopped;
      if (!(error instanceof ConnectError)) throw error;
      this.timing?.read(error.metadata);
      throw fromConnect(error);
    }
  }

  readonly #abort = (): void => {
    const cause: unknown = this.#theirs?.reason;
    this.stop(
      new ConvoyError(Code.Canceled, "the caller has aborted the call", {
        reason: "ABORTED",
        cause,
      }),
    );
  };
}

/** Give a timeout back; throws RangeError for one that is none. */
export function checkTimeout(timeoutMs: number): number {
  if (!(typeof timeoutMs === "number" && timeoutMs > 0 && timeoutMs <= LONGEST))
    throw new RangeError(`timeoutMs is above 0 and at most ${LONGEST}: every call has a deadline`);
  return timeoutMs;
}
