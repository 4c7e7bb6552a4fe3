import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import {
  Datatype,
  type DescribeResponseSchema,
  type RunRequest,
} from "../src/gen/convoy/v1/index.js";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from "../src/gen/google/rpc/error_details_pb.js";

/** A pipeline that gives back what it is given. */
export const ECHO: MessageInitShape<typeof DescribeResponseSchema> = {
  pipeline: "echo",
  inputs: [
    { name: "data", datatype: Datatype.BYTES },
    { name: "points", datatype: Datatype.FP32, shape: [-1n, 2n], optional: true },
  ],
};

export const echo = ({ batch }: Pick<RunRequest, "batch">) => (batch ? { batch } : {});

/** An error as the mesh sends it. */
export function refusal(code: Code, reason: string, retryMs?: number): ConnectError {
  return new ConnectError("the mesh says no", code, { "convoy-timing": "total;dur=1.5" }, [
    {
      desc: ErrorInfoSchema,
      value: { reason, domain: "convoy", metadata: { stage: "encode", id: "7" } },
    },
    {
      desc: BadRequestSchema,
      value: { fieldViolations: [{ field: "texts[3]", description: "it is empty" }] },
    },
    ...(retryMs === undefined
      ? []
      : [{ desc: RetryInfoSchema, value: { retryDelay: duration(retryMs) } }]),
  ]);
}

function duration(ms: number) {
  return { seconds: BigInt(Math.floor(ms / 1000)), nanos: (ms % 1000) * 1e6 };
}

/** Never answer, until the caller leaves; tell when it has. */
export function forever(context: HandlerContext, left: () => void): Promise<never> {
  return new Promise((_, reject) => {
    const end = () => {
      left();
      reject(new ConnectError("left", Code.Canceled));
    };
    if (context.signal.aborted) end();
    else context.signal.addEventListener("abort", end);
  });
}

/** A promise, and what fulfils it. */
export function event(): { readonly happened: Promise<void>; readonly happens: () => void } {
  let happens = () => {};
  const happened = new Promise<void>((resolve) => {
    happens = resolve;
  });
  return { happened, happens };
}
