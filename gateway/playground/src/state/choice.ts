/** Which of several pipelines a view asks. */
import type { DescribeResponse } from "@convoy-mesh/client/v1";
import { computed, type ReadonlySignal, signal } from "@preact/signals";
import { catalog } from "./catalog";

export class Choice {
  readonly names: ReadonlySignal<readonly string[]>;
  /** The one that was chosen, as long as it is there; else the first. */
  readonly pipeline: ReadonlySignal<DescribeResponse | undefined>;
  readonly #wanted = signal<string | undefined>(undefined);

  constructor(names: ReadonlySignal<readonly string[]>) {
    this.names = names;
    this.pipeline = computed(() => {
      const name = names.value.find((one) => one === this.#wanted.value) ?? names.value[0];
      return name === undefined ? undefined : catalog.value?.get(name);
    });
  }

  choose(name: string): void {
    this.#wanted.value = name;
  }
}
