/** A conversation with a model of the mesh, which is told of all of it each time. */
import { choice, settings, system } from "../chat/session";
import { Composer } from "../parts/composer";
import { Conversation } from "../parts/conversation";
import { PipelineChoice } from "../parts/pipeline-choice";
import { SettingsPanel } from "../parts/settings";

/** Here the settings stand beside the conversation, and take no room from it. */
const WIDE = "(min-width: 861px)";

export function Chat() {
  return (
    <>
      <header class="head">
        <h1>Chat</h1>
        <p class="soft">
          The text comes as the model writes it. The conversation is kept by this page alone.
        </p>
      </header>
      <div class="split wide-first">
        <section class="card chat" aria-label="Chat">
          <Conversation />
          <Composer />
        </section>
        <section class="card ask" aria-label="Settings">
          <PipelineChoice choice={choice} id="chatter" />
          <SettingsPanel
            settings={settings}
            pipeline={choice.pipeline.value}
            title="System prompt, sampling"
            unfolded={matchMedia(WIDE).matches}
          >
            <System />
          </SettingsPanel>
        </section>
      </div>
    </>
  );
}

function System() {
  return (
    <div class="field">
      <label for="system">System prompt</label>
      <textarea
        id="system"
        rows={3}
        aria-describedby="system-hint"
        value={system.value}
        onInput={(event) => {
          system.value = event.currentTarget.value;
        }}
      />
      <p class="hint" id="system-hint">
        What the model is told before all else. Not every model takes one.
      </p>
    </div>
  );
}
