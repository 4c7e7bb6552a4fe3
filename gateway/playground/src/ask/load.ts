/** A bounded load: some callers that ask again and again for some seconds. */
import { mesh } from "../mesh";
import type { Call } from "../parts/form";

export const CALLERS = 16;
export const LOAD_MS = 10_000;

export interface Tally {
  done: number;
  failed: number;
  error: unknown;
}

/** Send `call` in closed loops until the time is over or `signal` ends it; tell of it as it goes. */
export async function load(
  pipeline: string,
  call: Call,
  signal: AbortSignal,
  tell: (tally: Tally) => void,
): Promise<void> {
  const until = performance.now() + LOAD_MS;
  const tally: Tally = { done: 0, failed: 0, error: undefined };
  const caller = async () => {
    while (!signal.aborted && performance.now() < until) {
      try {
        const { timeoutMs, priority } = call;
        await mesh.run(pipeline, call.columns, { timeoutMs, priority, signal });
        tally.done += 1;
      } catch (error) {
        if (signal.aborted) return;
        tally.failed += 1;
        tally.error = error;
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
      tell({ ...tally });
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
}
