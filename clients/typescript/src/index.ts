import type { ClientOptions } from "./caller.js";
import { Client } from "./client.js";
import { link } from "./transport.node.js";

export * from "./api.js";

/**
 * Call the mesh at `target`: `http://localhost:8080` is a gateway, `localhost:9000` a gRPC port.
 * Nothing is connected before the first call.
 */
export function createClient(target: string, options?: ClientOptions): Client {
  return new Client(link(target), options);
}
