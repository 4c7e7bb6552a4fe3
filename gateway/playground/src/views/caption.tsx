/** An image, a question about it, and what a model of the mesh tells. */
import { ask, busy, choice, question, settings, stop, type Told, told } from "../caption/session";
import { isUnderWay } from "../generate/reply";
import { ImagePicker } from "../parts/image-picker";
import { PipelineChoice } from "../parts/pipeline-choice";
import { ReplyStatus, ReplyText } from "../parts/reply";
import { SettingsFault, SettingsPanel } from "../parts/settings";

export function Caption() {
  return (
    <>
      <header class="head">
        <h1>Caption</h1>
        <p class="soft">
          A model tells what is on an image. The image stays in this page until it is sent.
        </p>
      </header>
      <div class="split">
        <section class="card" aria-label="Ask about an image">
          <Question />
        </section>
        <section class="card answer-to" aria-label="What is on it">
          <h2>What is on it</h2>
          {told.value === undefined ? (
            <p class="empty">Choose an image and ask; the reply stands here as it is written.</p>
          ) : (
            <Shown told={told.value} />
          )}
          <ReplyStatus replying={told.value?.replying} />
        </section>
      </div>
    </>
  );
}

function Question() {
  return (
    <form
      class="ask"
      aria-label="Ask about an image"
      onSubmit={(event) => {
        event.preventDefault();
        ask();
      }}
    >
      <ImagePicker />
      <div class="field">
        <label for="question">
          Question <span class="soft">optional</span>
        </label>
        <input
          id="question"
          autocomplete="off"
          aria-describedby="question-hint"
          value={question.value}
          onInput={(event) => {
            question.value = event.currentTarget.value;
          }}
        />
        <p id="question-hint" class="hint">
          Without one a caption is asked for.
        </p>
      </div>
      <PipelineChoice choice={choice} id="captioner" />
      <SettingsPanel
        settings={settings}
        pipeline={choice.pipeline.value}
        title="Sampling"
        unfolded={false}
      />
      <SettingsFault settings={settings} />
      <div class="buttons">
        <button type="submit" class="primary" aria-disabled={busy.value}>
          Ask
        </button>
        <button type="button" aria-disabled={!busy.value} onClick={stop}>
          Stop
        </button>
      </div>
    </form>
  );
}

function Shown({ told: { question, name, pipeline, replying } }: { told: Told }) {
  return (
    <div class="said model" aria-busy={isUnderWay(replying.reply.value)}>
      <p class="soft">
        {question || "A caption"} <small>{name}</small>
        {choice.names.value.length > 1 && <small> by {pipeline}</small>}
      </p>
      <ReplyText replying={replying} />
    </div>
  );
}
