import type { ClientOptions } from "./caller.js";
import { Client } from "./client.js";
import { link } from "./transport.browser.js";

export * from "./api.js";

/** Call the mesh whose gateway is at `target`, as in `http://localhost:8080`. */
export function createClient(target: string, options?: ClientOptions): Client {
  return new Client(link(target), options);
}
