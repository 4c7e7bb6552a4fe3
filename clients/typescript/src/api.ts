export { Code } from "@connectrpc/connect";
export { Batch, type Degradation } from "./batch.js";
export type { CallOptions } from "./call.js";
export type { ClientOptions } from "./caller.js";
export type {
  CaptionOptions,
  Client,
  EmbedOptions,
  GenerateOptions,
  Part,
  RunOptions,
} from "./client.js";
export type { Datatype, TypedArray } from "./datatype.js";
export { ConvoyError, type ErrorDetails, type Violation } from "./error.js";
export type {
  Chunk,
  Completion,
  FinishReason,
  Generated,
  TextTimings,
  Usage,
} from "./generated.js";
export type { ColumnInput, Columns } from "./inputs.js";
export type { ChatMessage } from "./prompt.js";
export type { RetryOptions } from "./retry.js";
export type { SamplingOptions } from "./sampling.js";
export type { ServiceClient } from "./service.js";
export { Column, type Row, Tensor, type TensorParts, tensor } from "./tensor.js";
export { Timing, type TimingEntry } from "./timing.js";
