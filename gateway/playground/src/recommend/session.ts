/** A visitor of the recommender: what is asked for, what came, what was watched. */
import { Timing } from "@convoy-mesh/client";
import {
  EventKind,
  RecommendationService,
  type RecommendedItem,
  type RecommendResponse,
} from "@convoy-mesh/client/v1";
import { computed, signal } from "@preact/signals";
import { mesh } from "../mesh";
import { itemOf, learn } from "./items";

export const DEVICES = ["", "phone", "tablet", "tv", "web"] as const;
const LIMIT = 12;

export interface List {
  user: bigint;
  response: RecommendResponse;
  /** Items that the list before did not have; none of the first. */
  fresh: ReadonlySet<bigint>;
  timing: Timing;
  elapsedMs: number;
}

export interface Watched {
  user: bigint;
  itemId: bigint;
  seconds: number;
}

export const user = signal("17");
export const device = signal<string>("phone");
export const query = signal("");
export const chosen = signal<ReadonlySet<string>>(new Set());
export const list = signal<List | undefined>(undefined);
export const busy = signal(false);
export const error = signal<unknown>(undefined);

const watched = signal<readonly Watched[]>([]);
/** Items whose watching is being told: a second click on one means nothing more. */
const watching = new Set<bigint>();
let asking = new AbortController();

/** What whoever has the list watched here, the newest first. */
export const history = computed(() => {
  const id = list.value?.user;
  return watched.value.filter((one) => one.user === id);
});

/** The user whose id is typed. Throws Error where it is none. */
function typedUser(): bigint {
  const typed = user.value.trim();
  const id = /^-?\d{1,19}$/.test(typed) ? BigInt(typed) : undefined;
  if (id === undefined || BigInt.asIntN(64, id) !== id)
    throw new Error("A user id is a whole number of at most 64 bits.");
  return id;
}

/** Ask for a list of the user whose id is typed. */
export function recommend(): Promise<void> {
  list.value = undefined;
  return guarded(async (signal) => {
    await ask(signal, typedUser());
  });
}

/** Ask again for whoever has the list, with what is chosen now. */
export function again(): Promise<void> {
  const id = list.peek()?.user;
  return id === undefined ? recommend() : guarded((signal) => ask(signal, id));
}

/** Tell the mesh that an item was clicked and watched by whoever has the list, and ask again. */
export function watch(item: RecommendedItem): Promise<void> {
  const id = list.peek()?.user;
  if (id === undefined || watching.has(item.itemId)) return Promise.resolve();
  const seconds = itemOf(item.itemId)?.seconds || Math.max(1, item.watchSeconds);
  watching.add(item.itemId);
  return guarded(async (signal) => {
    const event = { userId: id, itemId: item.itemId };
    // Not given up when the next item is clicked: what happened is to be kept.
    await mesh.service(RecommendationService).recordEventBatch({
      events: [
        { ...event, kind: EventKind.CLICK },
        { ...event, kind: EventKind.WATCH, watchSeconds: seconds },
      ],
    });
    watched.value = [{ user: id, itemId: item.itemId, seconds }, ...watched.value];
    await ask(signal, id);
  }).finally(() => watching.delete(item.itemId));
}

async function ask(signal: AbortSignal, id: bigint): Promise<void> {
  const timing = new Timing();
  const started = performance.now();
  const response = await mesh.service(RecommendationService).recommend(
    {
      userId: id,
      limit: LIMIT,
      query: query.value.trim(),
      explain: true,
      context: { device: device.value },
      filters: { categories: [...chosen.value] },
    },
    { signal, timing },
  );
  const elapsedMs = performance.now() - started;
  const ids = response.items.map((item) => item.itemId);
  await learn(ids, signal);
  const before = list.peek()?.response.items;
  const old = new Set(before?.map((item) => item.itemId));
  const fresh = new Set(before === undefined ? [] : ids.filter((id) => !old.has(id)));
  list.value = { user: id, response, fresh, timing, elapsedMs };
}

async function guarded(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  busy.value = true;
  error.value = undefined;
  try {
    await work(signal);
  } catch (thrown) {
    if (!signal.aborted) error.value = thrown;
  } finally {
    if (!signal.aborted) busy.value = false;
  }
}
