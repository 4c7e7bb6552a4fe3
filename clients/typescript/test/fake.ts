import * as http from "node:http";
import * as http2 from "node:http2";
import type { AddressInfo, Server, Socket } from "node:net";
import { type TestContext, test } from "node:test";
import type { ConnectRouter } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import type { ClientOptions } from "../src/caller.js";
import type { Client } from "../src/client.js";
import * as web from "../src/index.browser.js";
import * as node from "../src/index.js";

export type Routes = (router: ConnectRouter) => void;

/** A way on which a client and a fake mesh come together. */
export interface Way {
  readonly name: string;
  readonly createClient: (target: string, options?: ClientOptions) => Client;
  readonly target: (port: number) => string;
  readonly server: (handler: Handler) => Server;
}

type Handler = ReturnType<typeof connectNodeAdapter>;

const gateway = (port: number) => `http://127.0.0.1:${port}`;

export const GRPC: Way = {
  name: "gRPC",
  createClient: node.createClient,
  target: (port) => `127.0.0.1:${port}`,
  server: (handler) => http2.createServer(handler),
};

export const WAYS: readonly Way[] = [
  GRPC,
  { ...GRPC, name: "Connect", target: gateway, server: (handler) => http.createServer(handler) },
  {
    name: "fetch",
    createClient: web.createClient,
    target: gateway,
    server: (handler) => http.createServer(handler),
  },
];

/** A fake mesh on a port of its own. */
export class Fake {
  readonly target: string;
  readonly #sockets: ReadonlySet<Socket>;

  constructor(target: string, sockets: ReadonlySet<Socket>) {
    this.target = target;
    this.#sockets = sockets;
  }

  /** Break all connections. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** Start a fake mesh; it ends with the test. */
export async function serve(context: TestContext, way: Way, routes: Routes): Promise<Fake> {
  const sockets = new Set<Socket>();
  const server = way.server(connectNodeAdapter({ routes }));
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const fake = new Fake(way.target((server.address() as AddressInfo).port), sockets);
  context.after(() => {
    server.close();
    fake.cut();
  });
  return fake;
}

/** Run a test on every way, each with a fake mesh and a client of it. */
export function onEveryWay(
  name: string,
  routes: () => Routes,
  body: (mesh: Client, fake: Fake) => Promise<void>,
  options: ClientOptions = {},
): void {
  for (const way of WAYS)
    test(`${name} (${way.name})`, { timeout: 20_000 }, async (context) => {
      const fake = await serve(context, way, routes());
      const retry = { firstMs: 1, ...options.retry };
      const mesh = way.createClient(fake.target, { timeoutMs: 10_000, retry, ...options });
      context.after(() => mesh.close());
      await body(mesh, fake);
    });
}
