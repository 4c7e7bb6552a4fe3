/** A text as a model writes it. */
import type { Chunk, FinishReason, TextTimings, Usage } from "@convoy-mesh/client";
import { type Signal, signal } from "@preact/signals";

export interface Reply {
  phase: "waiting" | "writing" | "done" | "stopped" | "failed";
  text: string;
  /** How many tokens have come. */
  tokens: number;
  /** From the click to the first token, as this page saw it. */
  firstMs?: number;
  /** From the first token to the last one so far. */
  writingMs: number;
  finish?: FinishReason;
  usage?: Usage;
  timings?: TextTimings;
  error?: unknown;
}

export const WAITING: Reply = { phase: "waiting", text: "", tokens: 0, writingMs: 0 };

export function isUnderWay({ phase }: Reply): boolean {
  return phase === "waiting" || phase === "writing";
}

/** Tokens a second: as the mesh measured, else as they came here; undefined of one token. */
export function speedOf({ timings, tokens, writingMs }: Reply): number | undefined {
  if (timings !== undefined) return timings.perTokenMs && 1000 / timings.perTokenMs;
  return tokens > 1 && writingMs > 0 ? ((tokens - 1) * 1000) / writingMs : undefined;
}

/** How often a text is shown anew: to lay out all of it for each token would keep a page busy. */
const SHOW_MS = 40;

/** A reply that is under way, and how to end it. */
export class Replying {
  readonly reply: Signal<Reply> = signal(WAITING);
  readonly #controller = new AbortController();
  /** What has come, shown or not. */
  #now = WAITING;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Ask, and follow what comes to its end; `begin` opens the stream. */
  constructor(begin: (signal: AbortSignal) => AsyncIterable<Chunk>) {
    void this.#follow(begin(this.#controller.signal));
  }

  /** End the call, now; the text so far stays. */
  stop(): void {
    this.#end({ phase: "stopped" });
    this.#controller.abort();
  }

  async #follow(chunks: AsyncIterable<Chunk>): Promise<void> {
    const started = performance.now();
    try {
      for await (const chunk of chunks) this.#add(chunk, performance.now() - started);
      this.#end({ phase: "done" });
    } catch (error) {
      this.#end({ phase: "failed", error });
    }
  }

  #add({ text, tokenIds, finishReason, usage, timings }: Chunk, ms: number): void {
    const before = this.#now;
    if (!isUnderWay(before)) return;
    const firstMs = before.firstMs ?? ms;
    this.#now = {
      ...before,
      phase: "writing",
      text: before.text + text,
      tokens: before.tokens + tokenIds.length,
      firstMs,
      writingMs: tokenIds.length > 0 ? ms - firstMs : before.writingMs,
      ...(finishReason && { finish: finishReason }),
      ...(usage && { usage }),
      ...(timings && { timings }),
    };
    this.#timer ??= setTimeout(() => this.#show(), SHOW_MS);
  }

  /** Let it be over, unless it is already. */
  #end(news: Partial<Reply>): void {
    if (!isUnderWay(this.#now)) return;
    this.#now = { ...this.#now, ...news };
    this.#show();
  }

  #show(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.reply.value = this.#now;
  }
}
