/** Semantic search over text that the visitor pastes; the vectors stay on this page. */
import { figure } from "../figure";
import { ErrorNote } from "../parts/error-note";
import { Hits } from "../parts/hits";
import { Passages } from "../parts/passages";
import { QUERIES } from "../search/sample";
import { error, type Found, found, index, query, searchFor, type } from "../search/session";

export function Search() {
  return (
    <>
      <header class="head">
        <h1>Search</h1>
        <p class="soft">
          Passages become vectors in the mesh; this page keeps them and finds those near to your
          words.
        </p>
      </header>
      <div class="split search">
        <Passages />
        <section class="card" aria-label="Search the passages">
          <Query />
          {error.value !== undefined && <ErrorNote error={error.value} title="The search failed" />}
          {found.value !== undefined && <Result found={found.value} />}
        </section>
      </div>
    </>
  );
}

function Query() {
  return (
    <search>
      <label for="query">Search for</label>
      <input
        id="query"
        type="search"
        autocomplete="off"
        placeholder="What is it about?"
        value={query.value}
        onInput={(event) => type(event.currentTarget.value)}
      />
      <ul class="chips" aria-label="Searches to try">
        {QUERIES.map((one) => (
          <li key={one}>
            <button type="button" class="chip" onClick={() => searchFor(one)}>
              {one}
            </button>
          </li>
        ))}
      </ul>
    </search>
  );
}

function Result({ found: { hits, embedMs, rankMs } }: { found: Found }) {
  return (
    <>
      <Hits hits={hits} />
      <p class="hint" role="status">
        {hits.length} of {index.value?.passages.length ?? 0} passages; the query was embedded in{" "}
        {figure(embedMs)} ms, compared in {figure(rankMs)} ms.
      </p>
    </>
  );
}
