// The endpoints as the client of OpenAI's npm package has them.
import type { RWKV } from '../../page/load.js';
import type { Model } from '../../page/model.js';
import type { ModelSource } from '../../page/places.js';
import { type Answer, createEndpoints, type OpenAIOptions, type RequestOptions } from './endpoints.js';
import type { ModelResponse, ResponseEvent, ResponseParams } from './responses/types.js';
import type { OpenAIStream } from './stream.js';
import type {
  ChatCompletion,
  ChatCompletionChunk,
  ChatCompletionParams,
  CompletionParams,
  EmbeddingList,
  EmbeddingParams,
  OpenAIModel,
  OpenAIModelList,
  TextCompletion,
  TextCompletionChunk,
} from './types.js';

/**
 * Answers a request: with `stream: true` chunk by chunk.
 *
 * @throws OpenAIError where a parameter is unknown, mistyped or out of range (`status` 400, `param` names it) or the model
 * fails (`status` 500); the reason of `signal`
 */
export interface Create<Params, Whole, Chunk> {
  (params: Params & { stream: true }, options?: RequestOptions): Promise<OpenAIStream<Chunk>>;
  (params: Params & { stream?: false | null | undefined }, options?: RequestOptions): Promise<Whole>;
  (params: Params, options?: RequestOptions): Promise<Whole | OpenAIStream<Chunk>>;
}

/** A client in the shape of OpenAI's, whose requests never leave the process. */
export interface OpenAIClient {
  readonly chat: {
    readonly completions: {
      readonly create: Create<ChatCompletionParams, ChatCompletion, ChatCompletionChunk>;
    };
  };
  readonly completions: {
    readonly create: Create<CompletionParams, TextCompletion, TextCompletionChunk>;
  };
  /** Nothing is stored: each request brings its whole conversation. */
  readonly responses: {
    readonly create: Create<ResponseParams, ModelResponse, ResponseEvent>;
  };
  readonly embeddings: {
    /**
     * The vectors of texts, of length 1.
     *
     * @throws OpenAIError as `completions.create`
     */
    readonly create: (params: EmbeddingParams, options?: RequestOptions) => Promise<EmbeddingList>;
  };
  readonly models: {
    /** The one model; what it resolves to can also be looped over. */
    list(options?: RequestOptions): Promise<OpenAIModelList & AsyncIterable<OpenAIModel>>;
    /** The one model, whatever the name. */
    retrieve(name: string, options?: RequestOptions): Promise<OpenAIModel>;
  };
  /** Gives back the model that the client loaded; one that was passed stays. Requests then reject. */
  dispose(): Promise<void>;
}

/** Makes a client. */
export type MakeClient = (source?: Model | ModelSource, options?: OpenAIOptions) => OpenAIClient;

/** @param load - how the host loads models */
export function clientMaker(load: RWKV['load']): MakeClient {
  return (source, options = {}) => {
    const endpoints = createEndpoints(load, source, options);
    return {
      chat: { completions: { create: typed(endpoints.chat) } },
      completions: { create: typed(endpoints.completions) },
      responses: { create: typed(endpoints.responses) },
      embeddings: { create: endpoints.embeddings },
      models: {
        async list(options) {
          const list = await endpoints.list(options);
          return Object.assign(list, {
            async *[Symbol.asyncIterator]() {
              yield* list.data;
            },
          });
        },
        retrieve: (name, options) => endpoints.retrieve(name, options),
      },
      dispose: () => endpoints.dispose(),
    };
  };
}

function typed<Params, Whole, Chunk>(answer: Answer<Whole, Chunk>): Create<Params, Whole, Chunk> {
  function create(params: Params & { stream: true }, options?: RequestOptions): Promise<OpenAIStream<Chunk>>;
  function create(
    params: Params & { stream?: false | null | undefined },
    options?: RequestOptions,
  ): Promise<Whole>;
  function create(params: Params, options?: RequestOptions): Promise<Whole | OpenAIStream<Chunk>>;
  function create(params: Params, options?: RequestOptions): Promise<Whole | OpenAIStream<Chunk>> {
    return answer(params, options);
  }
  return create;
}
