/** Where a visitor writes: Enter sends, Shift and Enter begin a new line. */
import { useRef } from "preact/hooks";
import { busy, clear, draft, say, settings, stop, turns } from "../chat/session";
import { SettingsFault } from "./settings";

export function Composer() {
  const message = useRef<HTMLTextAreaElement>(null);
  const onKeyDown = (event: KeyboardEvent) => {
    // While a word is put together, Enter ends the word.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    say();
  };
  return (
    <form
      class="ask"
      aria-label="Say something"
      onSubmit={(event) => {
        event.preventDefault();
        say();
      }}
    >
      <div class="field">
        <label for="message">Message</label>
        <textarea
          ref={message}
          id="message"
          rows={3}
          aria-describedby="message-hint"
          value={draft.value}
          onInput={(event) => {
            draft.value = event.currentTarget.value;
          }}
          onKeyDown={onKeyDown}
        />
        <p id="message-hint" class="hint">
          Enter sends, Shift and Enter begin a new line.
        </p>
      </div>
      <SettingsFault settings={settings} />
      <div class="buttons">
        <button type="submit" class="primary" aria-disabled={busy.value}>
          Send
        </button>
        <button type="button" aria-disabled={!busy.value} onClick={stop}>
          Stop
        </button>
        {turns.value.length > 0 && (
          <button
            type="button"
            class="quiet"
            onClick={() => {
              clear();
              message.current?.focus(); // the button is gone
            }}
          >
            New conversation
          </button>
        )}
      </div>
    </form>
  );
}
