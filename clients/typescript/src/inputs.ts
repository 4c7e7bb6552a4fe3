import type { MessageInitShape } from "@bufbuild/protobuf";
import { fromWire, ownType, type TypedArray } from "./datatype.js";
import type { BatchSchema } from "./gen/convoy/v1/batch_pb.js";
import type { ColumnSpec } from "./gen/convoy/v1/pipeline_pb.js";
import { pack } from "./pack.js";
import { Tensor, tensor } from "./tensor.js";
import { malformed } from "./translate.js";
import { writeTensor } from "./wire.js";

/** A column as a caller gives it: a list is read as the pipeline declares the column. */
export type ColumnInput = Tensor | TypedArray | readonly unknown[];

/** Columns by name. */
export type Columns = Readonly<Record<string, ColumnInput>>;

/** Whether a column needs no declaration. */
export function tellsItsType(given: unknown): given is Tensor | TypedArray {
  return given instanceof Tensor || ownType(given) !== undefined;
}

/** Make a batch. Throws TypeError or RangeError that names the column that does not fit. */
export function toBatch(
  columns: Columns,
  declared: readonly ColumnSpec[],
): MessageInitShape<typeof BatchSchema> {
  const tensors = Object.entries(columns).map(
    ([name, given]) => [name, toTensor(name, given, declared)] as const,
  );
  const rows = tensors[0]?.[1].rows ?? 0;
  if (tensors.some(([, tensor]) => tensor.rows !== rows)) {
    const told = tensors.map(([name, tensor]) => `${name} has ${tensor.rows}`).join(", ");
    throw new RangeError(`all columns have a value for each row; column ${told}`);
  }
  return { rows, tensors: tensors.map(([name, tensor]) => writeTensor(name, tensor)) };
}

function toTensor(name: string, given: ColumnInput, declared: readonly ColumnSpec[]): Tensor {
  if (given instanceof Tensor) return given;
  if (tellsItsType(given)) return tensor(given);
  const spec = declared.find((column) => column.name === name);
  if (!spec) {
    const names = declared.map((column) => column.name).join(", ");
    throw new TypeError(`column ${name}: there is no such input; there are: ${names}`);
  }
  const datatype = fromWire(spec.datatype);
  if (!datatype) throw malformed(`the datatype of column ${name} is unknown`);
  return pack(name, given, { datatype, shape: spec.shape.map(Number) });
}
