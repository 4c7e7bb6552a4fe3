/** A conversation with a model; kept while the visitor looks at other views. */
import type { ChatMessage } from "@convoy-mesh/client";
import { computed, signal } from "@preact/signals";
import { isUnderWay, Replying } from "../generate/reply";
import { Settings } from "../generate/settings";
import { writer } from "../mesh";
import { chatters } from "../state/catalog";
import { Choice } from "../state/choice";

export interface Turn {
  id: number;
  said: string;
  /** Which pipeline replies. */
  pipeline: string;
  replying: Replying;
}

export const SAMPLES = [
  "Explain what a batch is in two sentences.",
  "Name five birds of the sea.",
  "Write a haiku about rain.",
];

export const choice = new Choice(chatters);
export const system = signal("");
export const settings = new Settings();
/** What is being typed. */
export const draft = signal("");
export const turns = signal<readonly Turn[]>([]);

let turnsBegun = 0;

export const busy = computed(() => {
  const last = turns.value.at(-1);
  return last !== undefined && isUnderWay(last.replying.reply.value);
});

/** Say what is typed, unless a reply is under way or a setting is wrong. */
export function say(): void {
  const said = draft.peek().trim();
  if (said === "" || !ask(turns.peek(), said, turnsBegun)) return;
  turnsBegun += 1;
  draft.value = "";
}

/** Ask for the last reply anew. */
export function again(): void {
  const last = turns.peek().at(-1);
  if (last !== undefined) ask(turns.peek().slice(0, -1), last.said, last.id);
}

export function stop(): void {
  turns.peek().at(-1)?.replying.stop();
}

export function clear(): void {
  stop();
  turns.value = [];
}

/** Whether the model is told of a turn: most templates refuse one that has no reply. */
export function counts({ replying }: Turn): boolean {
  return replying.reply.value.text.trim() !== "";
}

function ask(before: readonly Turn[], said: string, id: number): boolean {
  const pipeline = choice.pipeline.peek();
  if (busy.peek() || pipeline === undefined) return false;
  const sampling = settings.read(pipeline);
  if (sampling === undefined) return false;
  const messages = messagesOf(before, said);
  const name = pipeline.pipeline;
  const replying = new Replying((signal) =>
    writer.chatStream(messages, { ...sampling, signal, pipeline: name }),
  );
  turns.value = [...before, { id, said, pipeline: name, replying }];
  return true;
}

function messagesOf(before: readonly Turn[], said: string): ChatMessage[] {
  const told = before.filter(counts).flatMap((turn) => [
    { role: "user", content: turn.said },
    { role: "assistant", content: turn.replying.reply.peek().text },
  ]);
  const begun = system.peek().trim();
  const first = begun === "" ? [] : [{ role: "system", content: begun }];
  return [...first, ...told, { role: "user", content: said }];
}
