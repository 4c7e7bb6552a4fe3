/** What became of each step of a recommendation. */
import type { StageOutcome } from "@convoy-mesh/client/v1";
import { milliseconds } from "../figure";

export function Outcomes({ outcomes }: { outcomes: readonly StageOutcome[] }) {
  return (
    <ul class="outcomes" aria-label="Outcomes of the steps">
      {outcomes.map((one) => (
        <li key={one.step} class={one.degraded ? "degraded" : ""}>
          <span>{one.step}</span>
          <span class="soft">
            {one.degraded ? `degraded: ${one.reason}` : milliseconds(one.seconds)}
          </span>
        </li>
      ))}
    </ul>
  );
}
