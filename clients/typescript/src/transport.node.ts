import * as http from "node:http";
import type * as http2 from "node:http2";
import * as https from "node:https";
import {
  createConnectTransport,
  createGrpcTransport,
  Http2SessionManager,
} from "@connectrpc/connect-node";
import { isGateway, type Link } from "./transport.js";

/** Connect to a gateway by Connect over HTTP/1.1, to a gRPC port by gRPC. */
export function link(target: string): Link {
  return isGateway(target) ? gateway(target) : grpc(target);
}

function gateway(baseUrl: string): Link {
  const { Agent } = /^https/i.test(baseUrl) ? https : http;
  const agent = new Agent({ keepAlive: true });
  return {
    transport: createConnectTransport({ baseUrl, httpVersion: "1.1", nodeOptions: { agent } }),
    close: () => agent.destroy(),
  };
}

function grpc(address: string): Link {
  const baseUrl = `http://${address}`;
  const sessions = new Http2SessionManager(baseUrl);
  return {
    transport: createGrpcTransport({ baseUrl, sessionManager: guarded(sessions) }),
    close: () => sessions.abort(),
  };
}

type Sessions = Pick<Http2SessionManager, "authority" | "request" | "notifyResponseByteRead">;

/**
 * Of what speaks no HTTP/2, such as a gateway's port, a session tells twice, the second time when
 * the manager has let go of it: an error that nobody listens to would end the process.
 */
function guarded(sessions: Http2SessionManager): Sessions {
  const heard = new WeakSet<http2.Http2Session>();
  return {
    authority: sessions.authority,
    notifyResponseByteRead: (stream) => sessions.notifyResponseByteRead(stream),
    async request(...request) {
      const stream = await sessions.request(...request);
      if (stream.session && !heard.has(stream.session)) {
        heard.add(stream.session);
        stream.session.on("error", () => {}); // its streams fail by it
      }
      return stream;
    },
  };
}
