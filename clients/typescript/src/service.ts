import type {
  DescMethodBiDiStreaming,
  DescMethodClientStreaming,
  DescMethodServerStreaming,
  DescMethodStreaming,
  DescMethodUnary,
  DescService,
  Message,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import { makeAnyClient } from "@connectrpc/connect";
import type { CallOptions } from "./call.js";
import type { Caller } from "./caller.js";
import { malformed } from "./translate.js";

/** The methods of a generated service. */
export type ServiceClient<S extends DescService> = {
  readonly [M in keyof S["method"]]: S["method"][M] extends DescMethodUnary<infer I, infer O>
    ? (request: MessageInitShape<I>, options?: CallOptions) => Promise<MessageShape<O>>
    : S["method"][M] extends DescMethodServerStreaming<infer I, infer O>
      ? (
          request: MessageInitShape<I>,
          options?: CallOptions,
        ) => AsyncGenerator<MessageShape<O>, void, undefined>
      : S["method"][M] extends DescMethodClientStreaming<infer I, infer O>
        ? (
            requests: AsyncIterable<MessageInitShape<I>>,
            options?: CallOptions,
          ) => Promise<MessageShape<O>>
        : S["method"][M] extends DescMethodBiDiStreaming<infer I, infer O>
          ? (
              requests: AsyncIterable<MessageInitShape<I>>,
              options?: CallOptions,
            ) => AsyncGenerator<MessageShape<O>, void, undefined>
          : never;
};

/** Give the methods of a service, each as `caller` calls it. */
export function serviceClient<S extends DescService>(service: S, caller: Caller): ServiceClient<S> {
  return makeAnyClient(service, (method) => {
    if (method.methodKind === "unary") return unary(caller, method);
    if (method.methodKind === "client_streaming") return single(stream(caller, method));
    return stream(caller, method);
  }) as ServiceClient<S>;
}

function unary(caller: Caller, method: DescMethodUnary) {
  return async (request: Message, options: CallOptions = {}): Promise<Message> => {
    const call = caller.begin(options);
    try {
      return await caller.unary(call, method, request);
    } finally {
      caller.end(call);
    }
  };
}

function stream(caller: Caller, method: DescMethodStreaming) {
  return async function* (requests: Message | AsyncIterable<Message>, options: CallOptions = {}) {
    const call = caller.begin(options);
    try {
      yield* caller.stream(call, method, requests);
    } finally {
      caller.end(call);
    }
  };
}

function single(streaming: ReturnType<typeof stream>) {
  return async (requests: AsyncIterable<Message>, options?: CallOptions): Promise<Message> => {
    let last: Message | undefined;
    for await (const reply of streaming(requests, options)) last = reply;
    if (last === undefined) throw malformed("it has no message");
    return last;
  };
}
