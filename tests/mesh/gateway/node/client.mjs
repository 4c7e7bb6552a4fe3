// Calls a gateway by Connect's own clients: `node client.mjs DESCRIPTORS`, a FileDescriptorSet.
//
// It takes a call or a cancellation as a line of JSON on its standard input, and tells of each
// message and of the end of each call as a line of JSON on its standard output.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

import { createFileRegistry, fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import * as node from "@connectrpc/connect-node";
import * as web from "@connectrpc/connect-web";

const registry = createFileRegistry(
  fromBinary(FileDescriptorSetSchema, readFileSync(process.argv[2])),
);

const TRANSPORTS = {
  "connect-node connect": (options) =>
    node.createConnectTransport({ ...options, httpVersion: "1.1" }),
  "connect-node connect json": (options) =>
    node.createConnectTransport({ ...options, httpVersion: "1.1", useBinaryFormat: false }),
  "connect-node grpc-web": (options) =>
    node.createGrpcWebTransport({ ...options, httpVersion: "1.1" }),
  "connect-web connect": (options) =>
    web.createConnectTransport({ ...options, useBinaryFormat: true }),
  "connect-web connect json": (options) => web.createConnectTransport(options),
  "connect-web grpc-web": (options) => web.createGrpcWebTransport(options),
};

const calls = new Map();

function tell(id, told) {
  process.stdout.write(`${JSON.stringify({ id, ...told })}\n`);
}

function told(error) {
  return {
    code: Code[error.code],
    message: error.rawMessage,
    details: error.details.map((detail) => ({
      type: detail.type,
      value: Buffer.from(detail.value).toString("base64"),
    })),
    headers: Object.fromEntries(error.metadata),
  };
}

async function call({ id, client, base, service, method, request, headers, timeout }) {
  const described = registry.getService(service);
  const { localName, input, output } = described.methods.find((each) => each.name === method);
  const transport = TRANSPORTS[client]({ baseUrl: base });
  const leaving = new AbortController();
  calls.set(id, leaving);
  const heads = {};
  const options = {
    headers,
    signal: leaving.signal,
    onHeader: (got) => Object.assign(heads, Object.fromEntries(got)),
    onTrailer: (got) => Object.assign(heads, Object.fromEntries(got)),
  };
  if (timeout != null) options.timeoutMs = timeout * 1000;
  try {
    const message = fromBinary(input, Buffer.from(request, "base64"));
    const answers = createClient(described, transport)[localName](message, options);
    const read = (each) => Buffer.from(toBinary(output, each)).toString("base64");
    if (Symbol.asyncIterator in answers) {
      for await (const each of answers) tell(id, { read: read(each) });
    } else {
      tell(id, { read: read(await answers) });
    }
    tell(id, { end: { code: null, headers: heads } });
  } catch (error) {
    tell(id, { end: told(ConnectError.from(error)) });
  }
  calls.delete(id);
}

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  if (command.cancel) calls.get(command.id)?.abort();
  else call(command);
}
process.exit(0);
