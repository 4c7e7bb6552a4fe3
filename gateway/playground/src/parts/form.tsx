/** A form for any pipeline, made from its description. */
import type { DescribeResponse } from "@convoy-mesh/client/v1";
import { useMemo, useState } from "preact/hooks";
import { fill } from "../ask/columns";
import { type Field, fieldOf, type Value } from "../ask/field";
import { sampleOf } from "../ask/sample";
import { count } from "../figure";
import { FieldInput } from "./field-input";

export interface Call {
  columns: Record<string, Value[]>;
  rows: number;
  timeoutMs: number;
  priority: 0 | 1 | 2;
}

interface Props {
  pipeline: DescribeResponse;
  busy: boolean;
  onRun: (call: Call) => void;
  onLoad: (call: Call) => void;
  onStop: () => void;
  /** What is typed is no call. */
  onRefused: () => void;
}

/** So many optional columns are shown; more are folded away. */
const FEW = 3;
const TIMEOUT_MS = "10000";
const DEADLINE = ":deadline";
/** What gRPC can carry. */
const LONGEST_MS = 99_999_999;

export function Form({ pipeline, busy, onRun, onLoad, onStop, onRefused }: Props) {
  const fields = useMemo(() => pipeline.inputs.map(fieldOf), [pipeline]);
  const [texts, setTexts] = useState<ReadonlyMap<string, string>>(() => samplesOf(fields));
  const [deadline, setDeadline] = useState(TIMEOUT_MS);
  const [priority, setPriority] = useState<0 | 1 | 2>(1);
  const [faults, setFaults] = useState<ReadonlyMap<string, string>>(new Map());

  const manyRows = fields.some((field) => field.kind === "lines" && !field.column.optional);
  const call = (use: (call: Call) => void) => {
    const filled = fill(fields, texts);
    const timeoutMs = Number(deadline);
    if (!(timeoutMs > 0 && timeoutMs <= LONGEST_MS))
      filled.faults.set(DEADLINE, "A deadline is some milliseconds, above 0.");
    setFaults(filled.faults);
    if (filled.faults.size > 0) {
      onRefused();
      return;
    }
    use({ columns: filled.columns, rows: filled.rows, timeoutMs, priority });
  };
  const control = (field: Field) => (
    <FieldInput
      key={field.column.name}
      id={`field-${field.column.name}`}
      field={field}
      manyRows={manyRows}
      text={texts.get(field.column.name) ?? ""}
      fault={faults.get(field.column.name)}
      onText={(text) => setTexts(new Map(texts).set(field.column.name, text))}
    />
  );
  const many = fields.filter((field) => field.column.optional).length > FEW;
  const folds = (field: Field) => many && field.column.optional && sampleOf(field) === "";
  const shown = fields.filter((field) => !folds(field));
  const folded = fields.filter(folds);
  return (
    <form
      class="ask"
      aria-label={`Ask ${pipeline.pipeline}`}
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (!busy) call(onRun);
      }}
    >
      {shown.map(control)}
      <details open={faults.has(DEADLINE) || folded.some((field) => faults.has(field.column.name))}>
        <summary>
          {folded.length > 0 ? `${count(folded.length, "optional column")}, ` : ""}deadline,
          priority
        </summary>
        <div class="folded">
          {folded.map(control)}
          <div class="field">
            <label for="field:deadline">
              Deadline <span class="soft">ms</span>
            </label>
            <input
              id="field:deadline"
              inputMode="numeric"
              value={deadline}
              aria-invalid={faults.has(DEADLINE)}
              aria-describedby="field:deadline-hint"
              onInput={(event) => setDeadline(event.currentTarget.value)}
            />
            <p id="field:deadline-hint" class="hint">
              <span class="fault">{faults.get(DEADLINE)}</span>
            </p>
          </div>
          <div class="field">
            <label for="field:priority">Priority</label>
            <select
              id="field:priority"
              value={priority}
              onChange={(event) => setPriority(Number(event.currentTarget.value) as 0 | 1 | 2)}
            >
              <option value={2}>urgent</option>
              <option value={1}>normal</option>
              <option value={0}>background</option>
            </select>
          </div>
        </div>
      </details>
      <div class="buttons">
        <button type="submit" class="primary" aria-disabled={busy}>
          Run
        </button>
        {busy ? (
          <button type="button" onClick={onStop}>
            Stop
          </button>
        ) : (
          <button type="button" onClick={() => call(onLoad)}>
            Send some load
          </button>
        )}
      </div>
    </form>
  );
}

function samplesOf(fields: readonly Field[]): Map<string, string> {
  return new Map(fields.map((field) => [field.column.name, sampleOf(field)]));
}
