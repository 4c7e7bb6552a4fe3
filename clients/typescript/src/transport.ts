import type { Transport } from "@connectrpc/connect";

/** A way to a mesh. */
export interface Link {
  readonly transport: Transport;
  /** Close its connections. */
  close(): void;
}

/** Whether a target is a gateway's; else it is a gRPC port. Throws TypeError for neither. */
export function isGateway(target: string): boolean {
  if (/^https?:\/\/[^/]/i.test(target)) return true;
  if (/^[^/\s]+:\d+$/.test(target)) return false;
  throw new TypeError(
    `${JSON.stringify(target)} is no target: http://HOST:PORT is a gateway, HOST:PORT a gRPC port`,
  );
}
