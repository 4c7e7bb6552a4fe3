import type { DescService, MessageInitShape } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { Batch } from "./batch.js";
import type { Call, CallOptions } from "./call.js";
import { Caller, type ClientOptions } from "./caller.js";
import { isText } from "./element.js";
import { ConvoyError } from "./error.js";
import { CaptioningService } from "./gen/convoy/v1/captioning_pb.js";
import { EmbeddingService, type EmbedRequestSchema } from "./gen/convoy/v1/embedding_pb.js";
import { GenerationService } from "./gen/convoy/v1/generation_pb.js";
import {
  type ColumnSpec,
  type DescribeResponse,
  PipelineService,
  type WatchResponse,
} from "./gen/convoy/v1/pipeline_pb.js";
import { type Chunk, type Generated, readPiece, readWhole } from "./generated.js";
import { type Columns, tellsItsType, toBatch } from "./inputs.js";
import { type ChatMessage, toImage, toMessages, toPrompt } from "./prompt.js";
import { type SamplingOptions, toSampling } from "./sampling.js";
import { type ServiceClient, serviceClient } from "./service.js";
import { malformed } from "./translate.js";
import type { Link } from "./transport.js";

/** What `run` and `stream` take. */
export interface RunOptions extends CallOptions {
  /** The output columns wanted; all when empty. */
  readonly outputs?: readonly string[];
}

/** What `embed` takes. */
export interface EmbedOptions extends CallOptions {
  /** Keep only so many dimensions of each vector. */
  readonly dimensions?: number;
  /** Scale each vector to length one: the default. */
  readonly normalize?: boolean;
  /** The pipeline that embeds, if it is not "embedding". */
  readonly pipeline?: string;
}

/** What `generate`, `chat` and their streams take. */
export interface GenerateOptions extends CallOptions, SamplingOptions {
  /** The pipeline that generates, if it is not "generation". */
  readonly pipeline?: string;
}

/** What `caption` and `captionStream` take. */
export interface CaptionOptions extends CallOptions, SamplingOptions {
  /** What is asked about the image; else a caption is asked for. */
  readonly question?: string;
  /** The pipeline that captions, if it is not "captioning". */
  readonly pipeline?: string;
}

/** Consecutive rows of a stream. */
export interface Part {
  /** The index in the request of the first row of the batch. */
  readonly firstRow: number;
  readonly batch: Batch;
}

const PIPELINES = PipelineService.method;

/**
 * Calls a mesh. Every method throws ConvoyError for a call that fails, and before anything is sent
 * TypeError or RangeError for arguments that make no sense.
 */
export class Client {
  readonly #caller: Caller;
  readonly #described = new Map<string, DescribeResponse>();

  constructor(link: Link, options: ClientOptions = {}) {
    this.#caller = new Caller(link, options);
  }

  /** Run rows through a pipeline: `{ text: ["a", "b"] }` is two rows of one column. */
  async run(pipeline: string, columns: Columns, options: RunOptions = {}): Promise<Batch> {
    const call = this.#caller.begin(options);
    try {
      const request = await this.#request(call, pipeline, columns, options);
      const response = await this.#caller.unary(call, PIPELINES.run, request);
      return new Batch(response.batch);
    } catch (error) {
      throw this.#forgetting(pipeline, error);
    } finally {
      this.#caller.end(call);
    }
  }

  /**
   * Run rows as `run` does, and give each part as soon as it is there, in no fixed order. Leaving
   * the loop cancels the call. The time runs from the first step of the loop to the last.
   */
  async *stream(
    pipeline: string,
    columns: Columns,
    options: RunOptions = {},
  ): AsyncGenerator<Part, void, undefined> {
    const call = this.#caller.begin(options);
    try {
      const request = await this.#request(call, pipeline, columns, options);
      for await (const part of this.#caller.stream(call, PIPELINES.runStream, request))
        yield { firstRow: part.firstRow, batch: new Batch(part.batch) };
    } catch (error) {
      throw this.#forgetting(pipeline, error);
    } finally {
      this.#caller.end(call);
    }
  }

  /**
   * Embed texts: a vector for each, of length one. It fails whole when one text does; the
   * violations name each faulty one (`texts[3]`).
   */
  async embed(texts: readonly string[], options: EmbedOptions = {}): Promise<Float32Array[]> {
    if (!Array.isArray(texts)) throw new TypeError("texts is a list, also of one");
    const wrong = Array.from(texts).findIndex((text) => !isText(text));
    if (wrong >= 0) throw new TypeError(`texts[${wrong}] is no text, or half a surrogate pair`);
    const { dimensions, normalize, pipeline } = options;
    if (
      dimensions !== undefined &&
      !(Number.isInteger(dimensions) && dimensions > 0 && dimensions < 2 ** 32)
    )
      throw new RangeError("dimensions is a whole number above 0");
    const request: MessageInitShape<typeof EmbedRequestSchema> = { texts: [...texts] };
    if (dimensions !== undefined) request.dimensions = dimensions;
    if (normalize !== undefined) request.normalize = normalize;
    if (pipeline !== undefined) request.pipeline = pipeline;
    const response = await this.service(EmbeddingService).embed(request, options);
    const vectors = response.embeddings.map(({ values }) => Float32Array.from(values));
    if (vectors.length !== texts.length)
      throw malformed(`${vectors.length} vectors for ${texts.length} texts`);
    if (vectors.some((vector) => vector.length !== response.dimensions))
      throw malformed("its vectors differ in length");
    return vectors;
  }

  /** Go on with a prompt, which is a text or tokens. */
  async generate(
    prompt: string | readonly number[],
    options: GenerateOptions = {},
  ): Promise<Generated> {
    const request = { prompt: toPrompt(prompt), ...asked(options) };
    const response = await this.service(GenerationService).generate(request, options);
    return readWhole(response, options.n);
  }

  /** Go on with a prompt, and give each piece of text as it is generated. */
  async *generateStream(
    prompt: string | readonly number[],
    options: GenerateOptions = {},
  ): AsyncGenerator<Chunk, void, undefined> {
    const request = { prompt: toPrompt(prompt), ...asked(options) };
    const { generateStream } = this.service(GenerationService);
    for await (const piece of generateStream(request, options)) yield* readPiece(piece);
  }

  /** Give the next turn of a conversation. */
  async chat(messages: readonly ChatMessage[], options: GenerateOptions = {}): Promise<Generated> {
    const request = { messages: toMessages(messages), ...asked(options) };
    const response = await this.service(GenerationService).chat(request, options);
    return readWhole(response, options.n);
  }

  /** Give each piece of the next turn as it is generated. */
  async *chatStream(
    messages: readonly ChatMessage[],
    options: GenerateOptions = {},
  ): AsyncGenerator<Chunk, void, undefined> {
    const request = { messages: toMessages(messages), ...asked(options) };
    const { chatStream } = this.service(GenerationService);
    for await (const piece of chatStream(request, options)) yield* readPiece(piece);
  }

  /** Tell what is on an image, given as the bytes of its file. */
  async caption(image: Uint8Array | Blob, options: CaptionOptions = {}): Promise<Generated> {
    const request = { image: await toImage(image), ...questioned(options) };
    const response = await this.service(CaptioningService).caption(request, options);
    return readWhole(response, options.n);
  }

  /** Tell what is on an image, and give each piece of text as it is generated. */
  async *captionStream(
    image: Uint8Array | Blob,
    options: CaptionOptions = {},
  ): AsyncGenerator<Chunk, void, undefined> {
    const request = { image: await toImage(image), ...questioned(options) };
    const { captionStream } = this.service(CaptioningService);
    for await (const piece of captionStream(request, options)) yield* readPiece(piece);
  }

  /** Name the pipelines of the mesh, sorted. */
  async pipelines(options?: CallOptions): Promise<string[]> {
    return (await this.service(PipelineService).list({}, options)).pipelines;
  }

  /** Tell a pipeline's columns, steps and limits, as they are now. */
  async describe(pipeline: string, options?: CallOptions): Promise<DescribeResponse> {
    const described = await this.service(PipelineService).describe({ pipeline }, options);
    this.#described.set(pipeline, described);
    return described;
  }

  /** Tell what the pipelines do, about once a second, until the mesh ends the call. */
  watch(options?: CallOptions): AsyncGenerator<WatchResponse, void, undefined> {
    return this.service(PipelineService).watch({}, options);
  }

  /** Give the methods of any generated service, with this client's deadline, retries and errors. */
  service<S extends DescService>(service: S): ServiceClient<S> {
    return serviceClient(service, this.#caller);
  }

  /** Close the connections; calls under way throw ConvoyError CANCELLED. */
  close(): void {
    this.#caller.close();
  }

  async #request(call: Call, pipeline: string, columns: Columns, options: RunOptions) {
    const declared = await this.#declared(call, pipeline, columns);
    const batch = toBatch(columns, declared);
    return { pipeline, batch, outputs: [...(options.outputs ?? [])] };
  }

  /** Ask for the columns of a pipeline, once, and only where one does not tell its own type. */
  async #declared(call: Call, pipeline: string, columns: Columns): Promise<readonly ColumnSpec[]> {
    if (Object.values(columns).every(tellsItsType)) return [];
    let described = this.#described.get(pipeline);
    if (!described) {
      described = await this.#caller.unary(call, PIPELINES.describe, { pipeline });
      this.#described.set(pipeline, described);
    }
    return described.inputs;
  }

  /** Ask again for the columns of a pipeline that some did not fit: it may have been updated. */
  #forgetting(pipeline: string, error: unknown): unknown {
    const refused = error instanceof ConvoyError && error.code === Code.InvalidArgument;
    if (refused || !(error instanceof ConvoyError)) this.#described.delete(pipeline);
    return error;
  }
}

/** What every request that generates text has. */
function asked(options: GenerateOptions) {
  return { sampling: toSampling(options), pipeline: options.pipeline ?? "" };
}

function questioned({ question = "", ...options }: CaptionOptions) {
  if (!isText(question)) throw new TypeError("question is no text, or half a surrogate pair");
  return { question, ...asked(options) };
}
