/** A text as it is written, and what it took. */

import { count, figure } from "../figure";
import type { Replying } from "../generate/reply";
import { isUnderWay, type Reply, speedOf } from "../generate/reply";
import { ErrorNote } from "./error-note";

/** So much of a text is read aloud when it is there. */
const ALOUD = 400;

export function ReplyText({ replying }: { replying: Replying }) {
  const reply = replying.reply.value;
  return (
    <>
      {reply.phase === "waiting" && <p class="soft">Waiting for the first token…</p>}
      {reply.text !== "" && (
        <p class={reply.phase === "writing" ? "written writing" : "written"}>{reply.text}</p>
      )}
      {reply.phase === "done" && reply.text === "" && <p class="soft">It wrote nothing.</p>}
      {reply.phase === "stopped" && reply.text === "" && (
        <p class="soft">Stopped before the first word.</p>
      )}
      {reply.phase === "failed" && <ErrorNote error={reply.error} title={failure(reply)} />}
      <Figures reply={reply} />
    </>
  );
}

/** Says what has become of a text; nothing while it is written. */
export function ReplyStatus({ replying }: { replying: Replying | undefined }) {
  return (
    <p class="hidden" role="status">
      {replying && said(replying.reply.value)}
    </p>
  );
}

function Figures({ reply }: { reply: Reply }) {
  if (isUnderWay(reply) || (reply.tokens === 0 && reply.usage === undefined)) return null;
  const { usage, timings, tokens, firstMs } = reply;
  const speed = speedOf(reply);
  const first = timings?.timeToFirstTokenMs ?? firstMs;
  return (
    <ul class="figures" aria-label="What it took">
      {speed !== undefined && <li>{figure(speed)} tokens/s</li>}
      {first !== undefined && <li>first token after {figure(first)} ms</li>}
      {usage ? (
        <li>
          {count(usage.promptTokens, "token")} read, {figure(usage.completionTokens)} written
        </li>
      ) : (
        <li>{count(tokens, "token")} written</li>
      )}
      {reply.finish === "length" && <li>ended at the limit of tokens</li>}
      {reply.phase === "stopped" && <li>stopped</li>}
    </ul>
  );
}

function failure({ text }: Reply): string {
  return text === "" ? "The request failed" : "It broke off";
}

function said({ phase, text }: Reply): string {
  switch (phase) {
    case "waiting":
    case "writing":
      return "The model is writing.";
    case "done":
      return `The model wrote: ${text.length > ALOUD ? `${text.slice(0, ALOUD)}…` : text}`;
    case "stopped":
      return "Stopped.";
    case "failed":
      return ""; // the error itself is an alert
  }
}
