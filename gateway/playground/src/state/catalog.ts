/** The pipelines that the mesh has, as it describes them. */
import { type ColumnSpec, Datatype, type DescribeResponse } from "@convoy-mesh/client/v1";
import { computed, signal } from "@preact/signals";
import { mesh } from "../mesh";

/** By name, sorted; undefined until the mesh has told. */
export const catalog = signal<ReadonlyMap<string, DescribeResponse> | undefined>(undefined);

/** The pipelines that text can be searched with: text in, a vector out. */
export const embedders = computed(() => named(embeds));

/** The pipelines that go on with a conversation: turns in, text out. */
export const chatters = computed(() => named(chats));

/** The pipelines that tell about images: an image in, text out. */
export const captioners = computed(() => named(captions));

export const recommends = computed(() => catalog.value?.has("recommendation") ?? false);

let under_way: Promise<void> | undefined;

/**
 * Ask the mesh for what is not known yet of the pipelines `names`; of all that there are, and
 * anew, where no names are given. One that fails is asked for again with the next activity.
 */
export function refresh(names: readonly string[] | undefined): Promise<void> {
  const known = catalog.peek();
  if (names !== undefined && known !== undefined && same(names, [...known.keys()])) {
    return Promise.resolve();
  }
  under_way ??= ask().finally(() => {
    under_way = undefined;
  });
  return under_way;
}

async function ask(): Promise<void> {
  try {
    const names = (await mesh.pipelines()).sort();
    const described = await Promise.allSettled(names.map((name) => mesh.describe(name)));
    const told = described.filter((one) => one.status === "fulfilled").map((one) => one.value);
    if (told.length > 0 || names.length === 0) {
      catalog.value = new Map(told.map((one) => [one.pipeline, one]));
    }
  } catch {
    // The connection tells what is wrong with the mesh.
  }
}

function named(suits: (one: DescribeResponse) => boolean): string[] {
  const all = [...(catalog.value?.values() ?? [])];
  return all.filter(suits).map((one) => one.pipeline);
}

function embeds(one: DescribeResponse): boolean {
  const required = one.inputs.filter((column) => !column.optional).map((column) => column.name);
  return same(required, ["text"]) && one.outputs.some((column) => column.name === "embedding");
}

function chats(one: DescribeResponse): boolean {
  const turns = ["roles", "contents"].every((name) => hasBytes(one.inputs, name, [-1n]));
  return turns && hasBytes(one.outputs, "text", []);
}

function captions(one: DescribeResponse): boolean {
  return hasBytes(one.inputs, "image", []) && hasBytes(one.outputs, "text", []);
}

function hasBytes(columns: readonly ColumnSpec[], name: string, shape: readonly bigint[]): boolean {
  const found = columns.find((column) => column.name === name);
  return found?.datatype === Datatype.BYTES && String(found.shape) === String(shape);
}

function same(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((name) => right.includes(name));
}
