/** A pipeline's answer as a table: a row a line, the failed ones with their reason. */
import type { Batch, ConvoyError } from "@convoy-mesh/client";
import { count, typeOf } from "../figure";
import { Cell } from "./cell";
import { messageOf, Reason } from "./error-note";
import { Scroll } from "./scroll";

const MOST = 100;

export function Answer({ batch }: { batch: Batch }) {
  const columns = batch.columns;
  const rows = Array.from({ length: Math.min(MOST, batch.rows) }, (_, row) => row);
  return (
    <>
      {batch.degradations.map((one) => (
        <p class="note warn" key={`${one.step} ${one.reason}`}>
          <b>{one.step} degraded</b> <code>{one.reason}</code> {count(one.rows.length, "row")} took
          its fallback.
        </p>
      ))}
      <Scroll label="Rows">
        <table>
          <caption class="hidden">The answer</caption>
          <thead>
            <tr>
              <th scope="col">Row</th>
              {columns.map((column) => (
                <th scope="col" key={column.name}>
                  {column.name} <span class="soft">{typeOf(column)}</span>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => {
              const failure = batch.failures.get(row);
              return (
                <tr key={row}>
                  <th scope="row">{row}</th>
                  {failure === undefined ? (
                    columns.map((column) => (
                      <td key={column.name}>
                        <Cell column={column} row={row} />
                      </td>
                    ))
                  ) : (
                    <td colSpan={Math.max(1, columns.length)}>
                      <RowFailure failure={failure} />
                    </td>
                  )}
                </tr>
              );
            })}
          </tbody>
        </table>
      </Scroll>
      {batch.rows > MOST && (
        <p class="hint">
          The first {MOST} of {count(batch.rows, "row")}.
        </p>
      )}
    </>
  );
}

function RowFailure({ failure }: { failure: ConvoyError }) {
  return (
    <div class="row-failure">
      <Reason error={failure} /> {messageOf(failure)}
      {failure.violations
        .filter((one) => !failure.message.includes(one.description))
        .map((one) => (
          <span key={one.field} class="soft">
            {" "}
            <code>{one.field}</code> {one.description}
          </span>
        ))}
    </div>
  );
}
