/** Whether the mesh answers, kept up to date by one Watch stream that is opened again whenever it ends. */
import { Code, ConvoyError } from "@convoy-mesh/client";
import { signal } from "@preact/signals";
import { watched } from "../mesh";
import { refresh } from "./catalog";
import { record, recordGap } from "./history";

export type Connection =
  | { phase: "connecting" }
  | { phase: "live"; back: boolean }
  | { phase: "down"; since: number; error: ConvoyError; nextTry: number };

/** How long `back` stays true after the mesh was away. */
const BACK_MS = 5000;
/** The mesh speaks once a second; one that is silent for so long is away. */
const SILENCE_MS = 12_000;
/** The mesh ends a stream before its deadline; the next is opened at once. */
const STREAM_MS = 60_000;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 5000;

export const connection = signal<Connection>({ phase: "connecting" });

/** How many streams have failed since the mesh was last heard. */
let failures = 0;
let wake: () => void = () => {};

/** Try at once instead of when the wait is over. */
export function tryNow(): void {
  wake();
}

/** Watch the mesh for as long as the page is open. */
export async function watchForever(): Promise<never> {
  addEventListener("online", tryNow);
  for (;;) {
    const error = await watchOnce();
    if (error !== undefined) {
      failures += 1;
      // A stream that breaks may only have met a gateway that was replaced: once is not away.
      if (failures > 1 || connection.peek().phase !== "live") fail(error);
    }
    await wait();
  }
}

/** Follow one stream to its end; tell what was wrong with it. */
async function watchOnce(): Promise<ConvoyError | undefined> {
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), SILENCE_MS);
  let heard = false;
  try {
    const options = { signal: silence.signal, timeoutMs: STREAM_MS };
    for await (const activity of watched.watch(options)) {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE_MS);
      heard = true;
      succeed();
      record(activity);
      void refresh(activity.pipelines.map((one) => one.pipeline));
    }
    return heard ? undefined : silent("The stream ended before it told anything.");
  } catch (error) {
    if (silence.signal.aborted) return silent(`Nothing was heard for ${SILENCE_MS / 1000} s.`);
    return error instanceof ConvoyError ? error : silent(String(error));
  } finally {
    clearTimeout(timer);
  }
}

function succeed(): void {
  failures = 0;
  const before = connection.peek();
  if (before.phase === "live") return;
  const back = before.phase === "down";
  connection.value = { phase: "live", back };
  void refresh(undefined);
  if (back) setTimeout(calm, BACK_MS);
}

function calm(): void {
  if (connection.peek().phase === "live") connection.value = { phase: "live", back: false };
}

function fail(error: ConvoyError): void {
  const before = connection.peek();
  const since = before.phase === "down" ? before.since : Date.now();
  connection.value = { phase: "down", since, error, nextTry: Date.now() + waitMs() };
  recordGap();
}

function waitMs(): number {
  return Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (failures - 1));
}

function wait(): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, waitMs());
    wake = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}

function silent(message: string): ConvoyError {
  return new ConvoyError(Code.Unavailable, message, { reason: "SILENT" });
}
