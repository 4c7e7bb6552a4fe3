/** An image, what is asked about it, and what the model tells. */
import { computed, signal } from "@preact/signals";
import { isUnderWay, Replying } from "../generate/reply";
import { Settings } from "../generate/settings";
import { writer } from "../mesh";
import { captioners } from "../state/catalog";
import { Choice } from "../state/choice";
import { type Picture, pictureOf } from "./picture";

export interface Told {
  /** What was asked; empty: for a caption. */
  question: string;
  name: string;
  pipeline: string;
  replying: Replying;
}

export const choice = new Choice(captioners);
export const settings = new Settings();
export const picture = signal<Picture | undefined>(undefined);
/** What is wrong with the last file that was brought. */
export const fault = signal<string | undefined>(undefined);
export const question = signal("");
export const told = signal<Told | undefined>(undefined);

export const busy = computed(
  () => told.value !== undefined && isUnderWay(told.value.replying.reply.value),
);

/** Take the first of the files that were chosen, dropped or pasted. */
export function bring(files: Iterable<File>): void {
  const [file] = files;
  if (file === undefined) return;
  try {
    const next = pictureOf(file);
    const before = picture.peek();
    if (before !== undefined) URL.revokeObjectURL(before.url);
    picture.value = next;
    fault.value = undefined;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    fault.value = error.message;
  }
}

/** Ask about the image, unless that is under way already or a setting is wrong. */
export function ask(): void {
  const pipeline = choice.pipeline.peek();
  const file = picture.peek()?.file;
  if (file === undefined) fault.value = "Choose an image first.";
  if (file === undefined || busy.peek() || pipeline === undefined) return;
  const sampling = settings.read(pipeline);
  if (sampling === undefined) return;
  const asked = question.peek().trim();
  const name = pipeline.pipeline;
  const replying = new Replying((signal) =>
    writer.captionStream(file, { ...sampling, signal, question: asked, pipeline: name }),
  );
  told.value = { question: asked, name: file.name, pipeline: name, replying };
}

export function stop(): void {
  told.peek()?.replying.stop();
}
