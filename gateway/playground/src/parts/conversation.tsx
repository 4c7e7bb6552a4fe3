/** What was said, the oldest first; it scrolls inside, and follows what is written. */
import { useLayoutEffect, useRef } from "preact/hooks";
import { again, choice, counts, draft, SAMPLES, say, type Turn, turns } from "../chat/session";
import { isUnderWay } from "../generate/reply";
import { ReplyStatus, ReplyText } from "./reply";

/** Pixels from the end within which a visitor is held to read along. */
const NEAR = 24;

export function Conversation() {
  const frame = useRef<HTMLElement>(null);
  const end = useRef(0);
  const last = turns.value.at(-1);
  const replying = last?.replying;
  useLayoutEffect(() => {
    end.current = 0; // a new reply is followed, wherever the visitor was
  }, [replying]);
  useLayoutEffect(() => {
    const shown = frame.current;
    if (shown === null) return;
    const reads = shown.scrollTop >= end.current - NEAR;
    end.current = shown.scrollHeight - shown.clientHeight;
    if (reads) shown.scrollTop = end.current;
  }, [replying, replying?.reply.value]);
  return (
    <>
      <section
        ref={frame}
        class="talk"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what has no focus is not scrolled by keys
        tabIndex={0}
        aria-label="Conversation"
      >
        {last === undefined ? (
          <Empty onSaid={() => frame.current?.focus()} />
        ) : (
          <ol>
            {turns.value.map((turn) => (
              <Shown key={turn.id} turn={turn} isLast={turn === last} />
            ))}
          </ol>
        )}
      </section>
      <ReplyStatus replying={replying} />
    </>
  );
}

function Shown({ turn, isLast }: { turn: Turn; isLast: boolean }) {
  const reply = turn.replying.reply.value;
  const writes = isUnderWay(reply);
  return (
    <>
      <li class="said you">
        <h2>You</h2>
        <p class="written">{turn.said}</p>
      </li>
      <li class="said model" aria-busy={writes}>
        <h2>
          Model
          {choice.names.value.length > 1 && <span class="soft"> {turn.pipeline}</span>}
        </h2>
        <ReplyText replying={turn.replying} />
        {!writes && !counts(turn) && (
          <p class="hint">The model is not told of this turn later: it has no reply.</p>
        )}
        {isLast && (
          <button type="button" class="quiet" aria-disabled={writes} onClick={again}>
            {reply.phase === "failed" ? "Try again" : "Regenerate"}
          </button>
        )}
      </li>
    </>
  );
}

function Empty({ onSaid }: { onSaid: () => void }) {
  return (
    <div class="first">
      <p class="empty">Say something, and the reply stands here as the model writes it.</p>
      <ul class="chips" aria-label="Things to say">
        {SAMPLES.map((one) => (
          <li key={one}>
            <button
              type="button"
              class="chip"
              onClick={() => {
                draft.value = one;
                say();
                onSaid(); // the button is gone
              }}
            >
              {one}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
