/** How a text is generated: what is left empty is as the pipeline has it. */
import type { DescribeResponse } from "@convoy-mesh/client/v1";
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { columnOf, SETTINGS, type Setting, type Settings, STOP } from "../generate/settings";

interface Props {
  settings: Settings;
  pipeline: DescribeResponse | undefined;
  title: string;
  /** Whether it is unfolded at first. */
  unfolded: boolean;
  children?: ComponentChildren;
}

export function SettingsPanel({ settings, pipeline, title, unfolded, children }: Props) {
  const [open, setOpen] = useState(unfolded);
  if (pipeline === undefined) return null;
  return (
    <details
      open={open || settings.faults.value.size > 0}
      onToggle={(event) => setOpen(event.currentTarget.open)}
    >
      <summary>{title}</summary>
      <div class="settings">
        {children}
        <div class="numbers">
          {SETTINGS.filter(({ column }) => columnOf(pipeline, column)).map((setting) => (
            <NumberField key={setting.name} setting={setting} settings={settings} />
          ))}
        </div>
        {columnOf(pipeline, STOP.column) && <StopField settings={settings} />}
        <p class="hint">What is empty is as the pipeline has it.</p>
      </div>
    </details>
  );
}

function NumberField({ setting, settings }: { setting: Setting; settings: Settings }) {
  const { name, label, takes } = setting;
  const fault = settings.faults.value.get(name);
  const id = `setting-${name}`;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        inputMode="decimal"
        autocomplete="off"
        aria-invalid={fault !== undefined}
        aria-describedby={`${id}-hint`}
        value={settings.texts.value.get(name) ?? ""}
        onInput={(event) => settings.type(name, event.currentTarget.value)}
      />
      <Hint id={`${id}-hint`} fault={fault}>
        {takes}
      </Hint>
    </div>
  );
}

function StopField({ settings }: { settings: Settings }) {
  const { name, label } = STOP;
  const fault = settings.faults.value.get(name);
  const id = `setting-${name}`;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <textarea
        id={id}
        rows={2}
        aria-invalid={fault !== undefined}
        aria-describedby={`${id}-hint`}
        value={settings.texts.value.get(name) ?? ""}
        onInput={(event) => settings.type(name, event.currentTarget.value)}
      />
      <Hint id={`${id}-hint`} fault={fault}>
        The text ends before the first of them. One a line; <code>\n</code> is a line break.
      </Hint>
    </div>
  );
}

interface HintProps {
  id: string;
  fault: string | undefined;
  children: ComponentChildren;
}

function Hint({ id, fault, children }: HintProps) {
  return (
    <p id={id} class="hint">
      {fault === undefined ? children : <span class="fault">{fault}</span>}
    </p>
  );
}

/** Beside the button that was pressed: the fields at fault may be out of sight. */
export function SettingsFault({ settings }: { settings: Settings }) {
  const names = [...settings.faults.value.keys()];
  if (names.length === 0) return null;
  const labels = [...SETTINGS, STOP].filter(({ name }) => names.includes(name));
  return (
    <p class="fault" role="alert">
      Nothing was sent: change {labels.map(({ label }) => label).join(", ")}.
    </p>
  );
}
