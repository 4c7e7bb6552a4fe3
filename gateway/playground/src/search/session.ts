/** What is searched, for what, and what was found; kept while the visitor looks at other views. */
import { signal } from "@preact/signals";
import { mesh } from "../mesh";
import { embedders } from "../state/catalog";
import { type Hit, Index, passagesOf, type Split } from "./passages";
import { PASSAGES } from "./sample";

/** How long a visitor pauses before it is asked. */
const DEBOUNCE_MS = 180;
const HITS = 10;

export interface Found {
  hits: Hit[];
  embedMs: number;
  rankMs: number;
}

export const text = signal(PASSAGES);
export const split = signal<Split>("line");
export const query = signal("");
export const index = signal<Index | undefined>(undefined);
/** From 0 to 1 while passages are embedded. */
export const progress = signal<number | undefined>(undefined);
export const found = signal<Found | undefined>(undefined);
export const error = signal<unknown>(undefined);

const chosen = signal<string | undefined>(undefined);
let asking = new AbortController();
let timer: ReturnType<typeof setTimeout> | undefined;

/** The pipeline that embeds. */
export function embedder(): string {
  return chosen.value ?? embedders.value[0] ?? "embedding";
}

export function choose(name: string): void {
  chosen.value = name;
  index.value = undefined;
  found.value = undefined;
}

/** Take what the visitor types, and search for it after a pause. */
export function type(wanted: string): void {
  query.value = wanted;
  later(DEBOUNCE_MS);
}

export function searchFor(wanted: string): void {
  query.value = wanted;
  later(0);
}

/** Embed the passages, and search again. */
export function reindex(): void {
  void guarded(async (signal) => {
    await makeIndex(signal);
    await ask(signal);
  });
}

function later(delay: number): void {
  if (progress.value !== undefined) return; // what makes the index searches then
  stop();
  timer = setTimeout(() => void guarded(ask), delay);
}

async function makeIndex(signal: AbortSignal): Promise<void> {
  progress.value = 0;
  const passages = passagesOf(text.value, split.value);
  const tell = (done: number) => {
    if (!signal.aborted) progress.value = done / passages.length;
  };
  index.value = await Index.of(passages, embedder(), index.value, signal, tell);
  progress.value = undefined;
}

async function ask(signal: AbortSignal): Promise<void> {
  if (query.value.trim() === "") {
    found.value = undefined;
    return;
  }
  if (!index.value?.isOf(passagesOf(text.value, split.value))) await makeIndex(signal);
  const wanted = query.value.trim();
  const started = performance.now();
  const [vector] = await mesh.embed([wanted], { pipeline: embedder(), signal });
  const embedded = performance.now();
  const hits = index.value?.nearest(vector ?? new Float32Array(), HITS) ?? [];
  found.value = { hits, embedMs: embedded - started, rankMs: performance.now() - embedded };
}

/** End what is under way: it is of no use any more. */
function stop(): AbortSignal {
  clearTimeout(timer);
  asking.abort();
  asking = new AbortController();
  progress.value = undefined;
  return asking.signal;
}

async function guarded(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const signal = stop();
  error.value = undefined;
  try {
    await work(signal);
  } catch (thrown) {
    if (signal.aborted) return;
    error.value = thrown;
    progress.value = undefined;
  }
}
