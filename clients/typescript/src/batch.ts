import { ConvoyError } from "./error.js";
import type { Batch as BatchMessage } from "./gen/convoy/v1/batch_pb.js";
import type { Column } from "./tensor.js";
import { fromFailure, malformed } from "./translate.js";
import { readTensor } from "./wire.js";

/** The rows whose result holds the fallback of an optional step. */
export interface Degradation {
  readonly step: string;
  /** Why, for a program: the reason of the failure that the fallback stands in for. */
  readonly reason: string;
  readonly rows: readonly number[];
}

/** Rows of a result, as columns. */
export class Batch {
  readonly rows: number;
  readonly columns: readonly Column[];
  /** Why a row has no result, by its index; its values mean nothing. */
  readonly failures: ReadonlyMap<number, ConvoyError>;
  readonly degradations: readonly Degradation[];

  /** Throws ConvoyError INTERNAL for a message that contradicts itself. */
  constructor(message: BatchMessage | undefined) {
    if (message === undefined) throw malformed("it has no batch");
    const { rows } = message;
    const isRow = (row: number) => row < rows;
    if (!message.failures.every(({ row }) => isRow(row))) throw malformed("a failure has no row");
    if (!message.degradations.every((each) => each.rows.every(isRow)))
      throw malformed("a degradation has no row");
    this.rows = rows;
    this.columns = message.tensors.map((tensor) => {
      try {
        return readTensor(tensor, rows);
      } catch (error) {
        throw malformed(`column ${tensor.name}: ${error instanceof Error ? error.message : error}`);
      }
    });
    this.failures = new Map(
      message.failures.map(({ row, failure }) => {
        if (failure === undefined) throw malformed(`row ${row} fails without a cause`);
        return [row, fromFailure(failure)];
      }),
    );
    this.degradations = message.degradations.map(({ step, reason, rows }) => ({
      step,
      reason,
      rows,
    }));
  }

  /** Give the column of that name; throws RangeError when there is none. */
  column(name: string): Column {
    const found = this.columns.find((column) => column.name === name);
    if (found) return found;
    const names = this.columns.map((column) => column.name).join(", ");
    throw new RangeError(`there is no column ${name}; there are: ${names}`);
  }

  /**
   * Give the batch back if every row has a result; throws the first failed row's error, whose
   * violations name each row that failed.
   */
  throwIfFailed(): this {
    const failed = [...this.failures].sort(([a], [b]) => a - b);
    if (!failed[0]) return this;
    const [row, first] = failed[0];
    const message = `${failed.length} of ${this.rows} rows failed; row ${row}: ${first.message}`;
    throw new ConvoyError(first.code, message, {
      reason: first.reason,
      stage: first.stage,
      violations: failed.map(([row, error]) => ({
        field: `rows[${row}]`,
        description: error.message,
      })),
      retryAfterMs: first.retryAfterMs,
      metadata: first.metadata,
      cause: first,
    });
  }
}
