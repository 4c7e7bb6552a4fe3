/** The batches in a step as wagons: full ones are computed, hollow ones wait or travel. */
import type { StepActivity } from "@convoy-mesh/client/v1";
import { figure } from "../figure";

const MOST = 6;

export function Wagons({ activity }: { activity: StepActivity }) {
  const inFlight = activity.inFlight;
  const computing = activity.computing;
  const shown = Math.min(MOST, Math.ceil(inFlight - 0.005));
  return (
    <span class="wagons">
      {Array.from({ length: shown }, (_, index) => (
        <i key={index} class={index < Math.round(computing) ? "full" : ""} />
      ))}
      <span class="wagons-figure">
        {figure(inFlight)}
        <span class="hidden"> in flight, {figure(activity.queued)} waiting, </span>
      </span>
    </span>
  );
}
