/** The text that is searched. */
import { count } from "../figure";
import { allOf, MOST } from "../search/passages";
import { choose, embedder, index, progress, reindex, split, text } from "../search/session";
import { embedders } from "../state/catalog";

export function Passages() {
  const all = allOf(text.value, split.value).length;
  const left = all - MOST;
  return (
    <section class="card" aria-label="Passages">
      <div class="field">
        <label for="passages">Passages</label>
        <textarea
          id="passages"
          class="tall"
          aria-describedby="passages-hint"
          value={text.value}
          onInput={(event) => {
            text.value = event.currentTarget.value;
          }}
        />
        <p class="hint" id="passages-hint">
          {count(all, "passage")}
          {left > 0 && `, of which the last ${left.toLocaleString("en")} are left out`}. They leave
          this page for the mesh alone.
        </p>
      </div>
      <fieldset class="choice">
        <legend>A passage is</legend>
        {(["line", "paragraph"] as const).map((one) => (
          <label key={one}>
            <input
              type="radio"
              name="split"
              checked={split.value === one}
              onChange={() => {
                split.value = one;
              }}
            />
            a {one}
          </label>
        ))}
      </fieldset>
      {embedders.value.length > 1 && (
        <div class="field">
          <label for="embedder">Pipeline</label>
          <select
            id="embedder"
            value={embedder()}
            onChange={(event) => choose(event.currentTarget.value)}
          >
            {embedders.value.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        </div>
      )}
      <div class="buttons">
        <button
          type="button"
          class="primary"
          disabled={progress.value !== undefined || all === 0}
          onClick={reindex}
        >
          Index
        </button>
        {progress.value === undefined ? (
          <p class="soft" role="status">
            {index.value !== undefined &&
              `${count(index.value.passages.length, "passage")} indexed.`}
          </p>
        ) : (
          <progress aria-label="Passages indexed" value={progress.value} />
        )}
      </div>
    </section>
  );
}
