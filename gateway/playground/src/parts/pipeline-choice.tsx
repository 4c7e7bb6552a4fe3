/** Which pipeline is asked, where there are several. */
import type { Choice } from "../state/choice";

export function PipelineChoice({ choice, id }: { choice: Choice; id: string }) {
  if (choice.names.value.length < 2) return null;
  return (
    <div class="field">
      <label for={id}>Pipeline</label>
      <select
        id={id}
        value={choice.pipeline.value?.pipeline}
        onChange={(event) => choice.choose(event.currentTarget.value)}
      >
        {choice.names.value.map((one) => (
          <option key={one}>{one}</option>
        ))}
      </select>
    </div>
  );
}
