import type {
  DescMessage,
  DescMethodStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { Call, type CallOptions, checkTimeout } from "./call.js";
import { ConvoyError } from "./error.js";
import { Retrier, type RetryOptions } from "./retry.js";
import type { Link } from "./transport.js";

/** How a client calls, where a call does not say otherwise. */
export interface ClientOptions {
  /** How long a call may take: 30 000. */
  readonly timeoutMs?: number;
  /** What every call sends, as `{ "convoy-tenant": "acme" }`. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** How calls that failed are sent again; `false`: never. */
  readonly retry?: RetryOptions | false;
}

/** The one way that all calls of a client take: deadline, retries and errors are here. */
export class Caller {
  readonly #link: Link;
  readonly #timeoutMs: number;
  readonly #metadata: Readonly<Record<string, string>>;
  readonly #retrier: Retrier;
  readonly #open = new Set<Call>();
  readonly #never = new Retrier(false);
  #closed = false;

  constructor(link: Link, options: ClientOptions) {
    this.#link = link;
    this.#timeoutMs = checkTimeout(options.timeoutMs ?? 30_000);
    this.#metadata = options.metadata ?? {};
    this.#retrier = new Retrier(options.retry);
  }

  /** Begin a call; whoever begins one ends it by `end`. */
  begin(options: CallOptions): Call {
    const header = new Headers(this.#metadata);
    const timeoutMs = options.timeoutMs ?? this.#timeoutMs;
    const call = new Call({ ...options, timeoutMs }, header, this.#retrier.now());
    if (this.#closed) call.stop(closed());
    this.#open.add(call);
    return call;
  }

  end(call: Call): void {
    this.#open.delete(call);
    call.end();
  }

  close(): void {
    this.#closed = true;
    for (const call of this.#open) call.stop(closed());
    this.#link.close();
  }

  /** Give the reply, or throw ConvoyError. */
  async unary<I extends DescMessage, O extends DescMessage>(
    call: Call,
    method: DescMethodUnary<I, O>,
    input: MessageInitShape<I>,
  ): Promise<MessageShape<O>> {
    const { transport } = this.#link;
    const response = await this.#retried(this.#retrier, call, (timeoutMs) =>
      transport.unary(method, call.signal, timeoutMs, call.header, input),
    );
    call.timing?.read(response.trailer);
    return response.message;
  }

  /**
   * Give the replies, or throw ConvoyError. Replies to one message are retried until the first of
   * them; messages that the caller streams are gone once they are sent.
   */
  async *stream<I extends DescMessage, O extends DescMessage>(
    call: Call,
    method: DescMethodStreaming<I, O>,
    input: AsyncIterable<MessageInitShape<I>> | MessageInitShape<I>,
  ): AsyncGenerator<MessageShape<O>, void, undefined> {
    const retrier = method.methodKind === "server_streaming" ? this.#retrier : this.#never;
    const opened = await this.#retried(retrier, call, async (timeoutMs) => {
      const { transport } = this.#link;
      const inputs = isStream(input) ? input : one(input);
      const response = await transport.stream(method, call.signal, timeoutMs, call.header, inputs);
      const replies = response.message[Symbol.asyncIterator]();
      return { response, replies, first: await replies.next() };
    });
    let reply = opened.first;
    try {
      while (!reply.done) {
        yield reply.value;
        reply = await call.step(() => opened.replies.next());
      }
      call.timing?.read(opened.response.trailer);
    } finally {
      call.end();
      drain(opened.replies);
    }
  }

  #retried<T>(retrier: Retrier, call: Call, attempt: (timeoutMs: number) => Promise<T>) {
    const step = (left: number) => call.step(() => attempt(Math.ceil(left)));
    return call.step(() => retrier.call(step, call.deadline, call.signal));
  }
}

function closed(): ConvoyError {
  return new ConvoyError(Code.Canceled, "the client is closed", { reason: "CLIENT_CLOSED" });
}

function isStream<T>(input: AsyncIterable<T> | T): input is AsyncIterable<T> {
  return typeof input === "object" && input !== null && Symbol.asyncIterator in input;
}

/** Read what is left of a stream that has ended: only at its end the transport stops its timer. */
async function drain(replies: AsyncIterator<unknown>): Promise<void> {
  try {
    while (!(await replies.next()).done);
  } catch {
    // The end of a stream that was left.
  }
}

async function* one<T>(message: T): AsyncGenerator<T, void, undefined> {
  yield message;
}
