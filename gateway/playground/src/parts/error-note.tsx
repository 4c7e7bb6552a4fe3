/** Why a request failed: its code, reason and message, and what can be done. */
import { Code, ConvoyError } from "@convoy-mesh/client";

export function ErrorNote({ error, title }: { error: unknown; title: string }) {
  const known = error instanceof ConvoyError ? error : undefined;
  return (
    <div class="note error" role="alert">
      <p class="note-title">
        <b>{title}</b>
        {known && <Reason error={known} />}
      </p>
      <p>{error instanceof Error ? messageOf(error) : String(error)}</p>
      {known && known.violations.length > 0 && (
        <ul class="violations">
          {known.violations.map((one) => (
            <li key={`${one.field} ${one.description}`}>
              <code>{one.field}</code> {one.description}
            </li>
          ))}
        </ul>
      )}
      {known && <p class="soft">{adviceOn(known)}</p>}
    </div>
  );
}

export function Reason({ error }: { error: ConvoyError }) {
  return (
    <span class="reason">
      <code>{codeName(error.code)}</code>
      {error.reason !== codeName(error.code) && <code>{error.reason}</code>}
      {error.stage && (
        <span>
          in stage <code>{error.stage}</code>
        </span>
      )}
    </span>
  );
}

/** Of a fetch that fails each browser has its own words, none of them for a visitor. */
export function messageOf(error: Error): string {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof TypeError) return "The gateway does not answer.";
  }
  return error.message;
}

function codeName(code: Code): string {
  if (code === Code.Canceled) return "CANCELLED"; // gRPC spells it so, Connect does not
  return Code[code].replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
}

function adviceOn(error: ConvoyError): string {
  if (error.retryAfterMs !== undefined) {
    return `It may work in ${Math.max(1, Math.ceil(error.retryAfterMs / 1000))} s.`;
  }
  switch (error.code) {
    case Code.InvalidArgument:
      return "Change what is named, and run it again.";
    case Code.Unavailable:
    case Code.ResourceExhausted:
      return "Try again in a moment.";
    case Code.DeadlineExceeded:
      return "Give it a longer deadline, or ask for less.";
    default:
      return "";
  }
}
