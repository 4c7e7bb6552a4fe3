/** Ask a pipeline: its form, and beside it the answer and where the time went. */
import { type Batch, Timing } from "@convoy-mesh/client";
import type { DescribeResponse } from "@convoy-mesh/client/v1";
import { useEffect, useRef, useState } from "preact/hooks";
import { LOAD_MS, load, type Tally } from "../ask/load";
import { count } from "../figure";
import { mesh } from "../mesh";
import { Answer } from "../parts/answer";
import { ErrorNote } from "../parts/error-note";
import { type Call, Form } from "../parts/form";
import { Waterfall } from "../parts/waterfall";

type Outcome =
  | { kind: "nothing" }
  | { kind: "running" }
  | { kind: "loading"; tally: Tally }
  | { kind: "loaded"; tally: Tally }
  | { kind: "answer"; batch: Batch; timing: Timing; elapsedMs: number }
  | { kind: "failure"; error: unknown };

export function Ask({ pipeline }: { pipeline: DescribeResponse }) {
  const [outcome, setOutcome] = useState<Outcome>({ kind: "nothing" });
  const running = useRef<AbortController>(undefined);
  useEffect(() => () => running.current?.abort(), []);

  const begin = (): AbortSignal => {
    running.current?.abort();
    running.current = new AbortController();
    return running.current.signal;
  };
  const run = async ({ columns, timeoutMs, priority }: Call) => {
    const signal = begin();
    setOutcome({ kind: "running" });
    const timing = new Timing();
    const started = performance.now();
    try {
      const batch = await mesh.run(pipeline.pipeline, columns, {
        timeoutMs,
        priority,
        signal,
        timing,
      });
      setOutcome({ kind: "answer", batch, timing, elapsedMs: performance.now() - started });
    } catch (error) {
      setOutcome(signal.aborted ? { kind: "nothing" } : { kind: "failure", error });
    }
  };
  const sendLoad = async (call: Call) => {
    const signal = begin();
    let last: Tally = { done: 0, failed: 0, error: undefined };
    const tell = (tally: Tally) => {
      last = tally;
      setOutcome({ kind: "loading", tally });
    };
    tell(last);
    await load(pipeline.pipeline, call, signal, tell);
    setOutcome({ kind: "loaded", tally: last });
  };
  const busy = outcome.kind === "running" || outcome.kind === "loading";
  return (
    <section class="split" aria-label={`Try ${pipeline.pipeline}`}>
      <div class="card">
        <h2>Ask</h2>
        <Form
          pipeline={pipeline}
          busy={busy}
          onRun={(call) => void run(call)}
          onLoad={(call) => void sendLoad(call)}
          onStop={() => running.current?.abort()}
          onRefused={() => setOutcome({ kind: "nothing" })}
        />
      </div>
      <section class="card" aria-label="Answer" aria-busy={busy}>
        <h2>Answer</h2>
        <Shown outcome={outcome} pipeline={pipeline} />
      </section>
    </section>
  );
}

function Shown({ outcome, pipeline }: { outcome: Outcome; pipeline: DescribeResponse }) {
  switch (outcome.kind) {
    case "nothing":
      return (
        <p class="empty">Run the form, and the answer stands here, with where its time went.</p>
      );
    case "running":
      return (
        <p class="empty" role="status">
          Running…
        </p>
      );
    case "failure":
      return <ErrorNote error={outcome.error} title="The request failed" />;
    case "loading":
    case "loaded":
      return <Load tally={outcome.tally} over={outcome.kind === "loaded"} />;
    case "answer":
      return (
        <>
          <p class="hidden" role="status">
            Answered: {count(outcome.batch.rows, "row")}.
          </p>
          <Answer batch={outcome.batch} />
          <h3>Where the time went</h3>
          <Waterfall timing={outcome.timing} pipeline={pipeline} elapsedMs={outcome.elapsedMs} />
        </>
      );
  }
}

function Load({ tally, over }: { tally: Tally; over: boolean }) {
  return (
    <>
      <p class="empty" role={over ? "status" : undefined}>
        {over ? "Done: " : `Asking for ${LOAD_MS / 1000} s: `}
        <b>{tally.done.toLocaleString("en")}</b> answered,{" "}
        <b>{tally.failed.toLocaleString("en")}</b> failed. Calls that arrive together travel in one
        batch: see its size grow above. (A browser has few connections, so that it sends about five
        calls at once.)
      </p>
      {tally.error !== undefined && <ErrorNote error={tally.error} title="The last that failed" />}
    </>
  );
}
