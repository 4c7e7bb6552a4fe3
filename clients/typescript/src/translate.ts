import type { Duration } from "@bufbuild/protobuf/wkt";
import { Code, type ConnectError } from "@connectrpc/connect";
import { ConvoyError } from "./error.js";
import type { Failure } from "./gen/convoy/v1/batch_pb.js";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from "./gen/google/rpc/error_details_pb.js";

/** Node's names for a connection that could not be made or has broken. */
const BROKEN = /^(E(?!RR_)[A-Z]+|ERR_(HTTP2|STREAM|SOCKET)_\w+|UND_ERR_\w+)$/;

/** What Connect says of a response that ended before it was complete. */
const CUT = /missing (EndStreamResponse|status)$|incomplete envelope$|promised \d+ bytes/;

/** What Connect says of a response that it cannot read, some of it with the code of a request. */
const UNREADABLE = /^protocol error: |^decompression failed$/;

/**
 * Read what a transport threw: the code, message and details that the mesh gave, or those of the
 * transport itself.
 *
 * A connection that fails is UNAVAILABLE, whatever the transport calls it. So is CANCELLED, unless
 * the mesh says more of it: of a call that nobody cancelled here it says that a server or a
 * balancer has reset the stream.
 */
export function fromConnect(error: ConnectError): ConvoyError {
  const [info] = error.findDetails(ErrorInfoSchema);
  const [bad] = error.findDetails(BadRequestSchema);
  const [retry] = error.findDetails(RetryInfoSchema);
  const { stage = "", ...metadata } = info?.metadata ?? {};
  const code = info ? error.code : actual(error);
  return new ConvoyError(known(code), error.rawMessage || "the call failed", {
    reason: info?.reason ?? "",
    stage,
    violations: (bad?.fieldViolations ?? []).map(({ field, description }) => ({
      field,
      description,
    })),
    retryAfterMs: milliseconds(retry?.retryDelay),
    metadata,
    cause: error,
  });
}

/** Read the failure of a row. */
export function fromFailure(failure: Failure): ConvoyError {
  return new ConvoyError(known(failure.code), failure.message, {
    reason: failure.reason,
    stage: failure.stage,
    violations: failure.violations.map(({ field, description }) => ({ field, description })),
    retryAfterMs: milliseconds(failure.retryAfter),
    metadata: failure.metadata,
  });
}

/** A response that contradicts itself. */
export function malformed(what: string): ConvoyError {
  return new ConvoyError(Code.Internal, `the response is malformed: ${what}`, {
    reason: "MALFORMED_RESPONSE",
  });
}

/** Give the code for what no detail of the mesh comes with: it may be the transport's own. */
function actual({ code, rawMessage, cause }: ConnectError): Code {
  if (code === Code.Canceled || CUT.test(rawMessage) || isBroken(cause)) return Code.Unavailable;
  return UNREADABLE.test(rawMessage) || cause instanceof SyntaxError ? Code.Internal : code;
}

function isBroken(cause: unknown): boolean {
  if (!(cause instanceof Error)) return false;
  if ("code" in cause && BROKEN.test(String(cause.code))) return true;
  // `fetch` throws these where there is no connection, or it broke.
  if (cause instanceof TypeError || cause.name === "NetworkError") return true;
  return isBroken(cause.cause);
}

function known(code: number): Code {
  return code in Code ? code : Code.Unknown;
}

function milliseconds(duration: Duration | undefined): number | undefined {
  return duration && Number(duration.seconds) * 1000 + duration.nanos / 1e6;
}
