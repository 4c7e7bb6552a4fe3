import { Code } from "@connectrpc/connect";

/** What is wrong with one field of a request. */
export interface Violation {
  /** The path of the field, as in `texts[3]`. */
  readonly field: string;
  /** What is wrong with it and what would be right. */
  readonly description: string;
}

/** What an error may tell beside its code and message. */
export interface ErrorDetails {
  readonly reason?: string;
  readonly stage?: string;
  readonly violations?: readonly Violation[];
  readonly retryAfterMs?: number | undefined;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** A call or a row that failed. */
export class ConvoyError extends Error {
  override readonly name = "ConvoyError";
  readonly code: Code;
  /** What happened, for a program: UPPER_SNAKE_CASE; the code's own name where nothing said more. */
  readonly reason: string;
  /** The stage that failed; empty when none did. */
  readonly stage: string;
  readonly violations: readonly Violation[];
  /** How long the mesh asks to wait before another try; absent where it does not say. */
  declare readonly retryAfterMs?: number;
  readonly metadata: Readonly<Record<string, string>>;

  constructor(code: Code, message: string, details: ErrorDetails = {}) {
    super(message, "cause" in details ? { cause: details.cause } : undefined);
    this.code = code;
    this.reason = details.reason || codeName(code);
    this.stage = details.stage ?? "";
    this.violations = details.violations ?? [];
    if (details.retryAfterMs !== undefined) this.retryAfterMs = details.retryAfterMs;
    this.metadata = details.metadata ?? {};
  }
}

/** Give gRPC's name of a code, as in `DEADLINE_EXCEEDED`. */
export function codeName(code: Code): string {
  if (code === Code.Canceled) return "CANCELLED"; // gRPC spells it so, Connect does not
  return Code[code].replace(/(?<=[a-z])[A-Z]/g, "_$&").toUpperCase();
}
