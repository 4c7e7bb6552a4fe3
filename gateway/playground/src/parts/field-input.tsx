/** The control of one column. */
import type { ColumnSpec } from "@convoy-mesh/client/v1";
import type { ComponentChildren } from "preact";
import type { Field } from "../ask/field";
import { typeOf } from "../figure";

interface Props {
  field: Field;
  id: string;
  text: string;
  fault: string | undefined;
  /** Whether other columns may have many rows. */
  manyRows: boolean;
  onText: (text: string) => void;
}

export function FieldInput({ field, id, text, fault, manyRows, onText }: Props) {
  const { column } = field;
  const described = { id, "aria-describedby": `${id}-hint`, "aria-invalid": fault !== undefined };
  const input = (event: Event) => onText((event.target as HTMLInputElement).value);
  return (
    <div class="field">
      <label for={id}>
        {column.name} <span class="soft">{typeOf(column)}</span>
        {column.optional && <span class="soft"> optional</span>}
      </label>
      {field.kind === "lines" && (
        <textarea
          {...described}
          rows={column.shape.length === 0 ? 4 : 2}
          value={text}
          onInput={input}
        />
      )}
      {field.kind === "number" && (
        <input {...described} inputMode="decimal" autocomplete="off" value={text} onInput={input} />
      )}
      {field.kind === "flag" && (
        <Flag column={column} described={described} text={text} onText={onText} />
      )}
      {field.kind === "ramp" && (
        <output {...described}>{field.size} values made up by this page</output>
      )}
      <Hint id={`${id}-hint`}>
        {fault === undefined ? hintOf(field, manyRows) : <span class="fault">{fault}</span>}
      </Hint>
    </div>
  );
}

interface FlagProps {
  column: ColumnSpec;
  described: object;
  text: string;
  onText: (text: string) => void;
}

/** A choice of three where it may be left out. */
function Flag({ column, described, text, onText }: FlagProps) {
  if (!column.optional) {
    return (
      <input
        {...described}
        type="checkbox"
        checked={text === "true"}
        onChange={(event) => onText(String(event.currentTarget.checked))}
      />
    );
  }
  return (
    <select {...described} value={text} onChange={(event) => onText(event.currentTarget.value)}>
      <option value="">as the pipeline has it</option>
      <option value="true">yes</option>
      <option value="false">no</option>
    </select>
  );
}

function Hint({ id, children }: { id: string; children: ComponentChildren }) {
  return (
    <p id={id} class="hint">
      {children}
    </p>
  );
}

function hintOf(field: Field, manyRows: boolean): string {
  if (field.kind === "lines") {
    return field.column.shape.length === 0
      ? "One row per line."
      : "One row per line, values between commas.";
  }
  return field.kind === "number" && manyRows ? "For every row." : "";
}
