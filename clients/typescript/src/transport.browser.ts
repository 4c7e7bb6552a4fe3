import { createConnectTransport } from "@connectrpc/connect-web";
import { isGateway, type Link } from "./transport.js";

/** Connect to a gateway by `fetch`. Throws TypeError for a gRPC port. */
export function link(target: string): Link {
  if (!isGateway(target))
    throw new TypeError("a browser has no gRPC: call the gateway, as in http://localhost:8080");
  return {
    transport: createConnectTransport({ baseUrl: target, useBinaryFormat: true }),
    close: () => {}, // the browser's own
  };
}
