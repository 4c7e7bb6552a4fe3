/** What items are, asked once each; a mesh that does not tell leaves them with their number. */
import { type ItemDescription, RecommendationService } from "@convoy-mesh/client/v1";
import { signal } from "@preact/signals";
import { mesh } from "../mesh";

const known = signal<ReadonlyMap<bigint, ItemDescription>>(new Map());

export function itemOf(id: bigint): ItemDescription | undefined {
  return known.value.get(id);
}

export function titleOf(id: bigint): string {
  return itemOf(id)?.title || `Item ${id}`;
}

/** All categories met so far, sorted. */
export function categories(): string[] {
  const all = [...known.value.values()].map((item) => item.category);
  return [...new Set(all)].filter((one) => one !== "").sort();
}

/** Ask for the items that are not known yet. */
export async function learn(ids: readonly bigint[], signal: AbortSignal): Promise<void> {
  const itemIds = ids.filter((id) => !known.peek().has(id));
  if (itemIds.length === 0) return;
  try {
    const { items } = await mesh
      .service(RecommendationService)
      .describeItems({ itemIds }, { signal, timeoutMs: 2000 });
    known.value = new Map([
      ...known.peek(),
      ...items.map((item): [bigint, ItemDescription] => [item.itemId, item]),
    ]);
  } catch {
    // The list is of use without titles.
  }
}
