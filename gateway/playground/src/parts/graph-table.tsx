/** The graph as a table, for those who cannot or need not look at a picture. */
import type { DescribeResponse, StepActivity } from "@convoy-mesh/client/v1";
import { figure, milliseconds } from "../figure";
import { kindName } from "./kind";
import { stateOf } from "./node";
import { Scroll } from "./scroll";
import { budgetOf } from "./step-details";

interface Props {
  pipeline: DescribeResponse;
  steps: Map<string, StepActivity>;
}

export function GraphTable({ pipeline, steps }: Props) {
  return (
    <details class="as-table">
      <summary>The graph as a table</summary>
      <Scroll label="All steps">
        <table>
          <caption class="hidden">Steps of {pipeline.pipeline}</caption>
          <thead>
            <tr>
              <th scope="col">Step</th>
              <th scope="col">Kind</th>
              <th scope="col">Takes</th>
              <th scope="col">Gives</th>
              <th scope="col">Runs</th>
              <th scope="col">Replicas</th>
              <th scope="col">In flight</th>
              <th scope="col">Waiting</th>
              <th scope="col">Hop</th>
              <th scope="col">Batches/s</th>
              <th scope="col">State</th>
            </tr>
          </thead>
          <tbody>
            {pipeline.steps.map((step) => {
              const activity = steps.get(step.name);
              return (
                <tr key={step.name}>
                  <th scope="row">{step.name}</th>
                  <td>{kindName(step.kind)}</td>
                  <td>{step.consumes.join(", ")}</td>
                  <td>{step.produces.map((column) => column.name).join(", ")}</td>
                  <td>
                    {step.when === "" ? "always" : `if ${step.when}`}
                    {step.optional && `, optional${budgetOf(step)}`}
                  </td>
                  <td>{activity?.replicas ?? "–"}</td>
                  <td>{figure(activity?.inFlight)}</td>
                  <td>{figure(activity?.queued)}</td>
                  <td>{milliseconds(activity?.hopSeconds)}</td>
                  <td>{figure(activity?.batchesPerSecond)}</td>
                  <td>{activity === undefined ? "–" : stateOf(activity)}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </Scroll>
    </details>
  );
}
