/** The recommender: a list whose items can be watched, and that learns from it. */
import { useEffect, useRef } from "preact/hooks";
import { figure } from "../figure";
import { ErrorNote } from "../parts/error-note";
import { ItemCard } from "../parts/item-card";
import { Outcomes } from "../parts/outcomes";
import { useFlip } from "../parts/use-flip";
import { Visitor } from "../parts/visitor";
import { Waterfall } from "../parts/waterfall";
import { titleOf } from "../recommend/items";
import { busy, error, history, type List, list, recommend, watch } from "../recommend/session";
import { catalog } from "../state/catalog";

export function Recommend() {
  useEffect(() => {
    if (list.peek() === undefined) void recommend();
  }, []);
  return (
    <>
      <header class="head">
        <h1>Recommend</h1>
        <p class="soft">
          Click an item to watch it. The mesh keeps what was watched, and the list changes.
        </p>
      </header>
      <section class="card" aria-label="Who asks">
        <Visitor />
      </section>
      {history.value.length > 0 && <History />}
      {error.value !== undefined && <ErrorNote error={error.value} title="The request failed" />}
      {list.value !== undefined && <Items list={list.value} />}
      {list.value !== undefined && <Explained list={list.value} />}
    </>
  );
}

function History() {
  return (
    <section class="watched" aria-label="Watched">
      <h2>Watched</h2>
      <ol>
        {history.value.map((one, index) => (
          <li key={history.value.length - index}>
            {titleOf(one.itemId)} <span class="soft">{figure(one.seconds)} s</span>
          </li>
        ))}
      </ol>
    </section>
  );
}

function Items({ list: { response, fresh } }: { list: List }) {
  const items = useRef<HTMLOListElement>(null);
  useFlip(items, response);
  return (
    <section aria-label="Recommendations" aria-busy={busy.value}>
      {response.degraded.length > 0 && (
        <p class="note warn" role="status">
          <b>Degraded:</b> {response.degraded.join(", ")}. The list is made without what they would
          have said.
        </p>
      )}
      <p class="hidden" role="status">
        {response.items.length} items, {fresh.size} of them new.
      </p>
      {response.items.length === 0 && <p class="empty">Nothing is left to recommend.</p>}
      <ol class="items" ref={items} aria-label="Recommended items">
        {response.items.map((item, index) => (
          <li key={String(item.itemId)} data-key={String(item.itemId)}>
            <ItemCard
              item={item}
              rank={index + 1}
              fresh={fresh.has(item.itemId)}
              onWatch={() => void watch(item)}
            />
          </li>
        ))}
      </ol>
    </section>
  );
}

function Explained({ list: { response, timing, elapsedMs } }: { list: List }) {
  const pipeline = catalog.value?.get("recommendation");
  return (
    <section class="split wide-first" aria-label="How the list was made">
      <div class="card">
        <h2>Where the time went</h2>
        {pipeline && <Waterfall timing={timing} pipeline={pipeline} elapsedMs={elapsedMs} />}
      </div>
      <div class="card">
        <h2>How long each step took</h2>
        <Outcomes outcomes={response.outcomes} />
        <p class="hint">
          Models of version <code>{response.modelVersion || "–"}</code>
        </p>
      </div>
    </section>
  );
}
