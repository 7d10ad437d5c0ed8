// A language model of the AI SDK: each request is a session of its own that reads the whole conversation.

import type { TranscriptFormat } from '../../page/chat/template.js';
import { checkGenerateOptions, type GenerateOptions, randomSeed } from '../../page/options.js';
import { bindMembers } from '../../shared/bind.js';
import type { LazyModel } from '../shared/lazy-model.js';
import { prepareCall } from './call.js';
import { replyParts } from './parts.js';
import type {
  CallOptions,
  Content,
  GenerateResult,
  LanguageModelV4,
  StreamPart,
  StreamResult,
} from './types.js';

/** What `rwkv` gives. */
export class RwkvLanguageModel implements LanguageModelV4 {
  readonly specificationVersion = 'v4';
  readonly provider = 'rwkv-wasm';
  readonly modelId: string;
  /** None: the SDK fetches files itself, and this model has no use for them. */
  readonly supportedUrls = {};
  readonly #lazy: LazyModel;
  readonly #format: TranscriptFormat;
  readonly #defaults: GenerateOptions;

  /** @internal Made by `rwkv`. */
  constructor(modelId: string, lazy: LazyModel, format: TranscriptFormat, defaults: GenerateOptions) {
    this.modelId = modelId;
    this.#lazy = lazy;
    this.#format = format;
    this.#defaults = defaults;
    bindMembers(this);
  }

  /** @throws RwkvError as `RWKV.load` and `session.complete`; the reason of `abortSignal` */
  async doGenerate(options: CallOptions): Promise<GenerateResult> {
    const { call, parts } = await this.#begin(options);
    let [text, thinking] = ['', ''];
    const calls: Content[] = [];
    let end: Pick<GenerateResult, 'finishReason' | 'usage' | 'providerMetadata'> | undefined;
    for await (const part of parts) {
      if (part.type === 'text-delta') text += part.delta;
      else if (part.type === 'reasoning-delta') thinking += part.delta;
      else if (part.type === 'tool-call') calls.push(part);
      else if (part.type === 'finish') end = part;
    }
    if (!end) throw new Error('a reply ended without its end');
    const { finishReason, usage, providerMetadata } = end;
    const content: Content[] = thinking === '' ? [] : [{ type: 'reasoning', text: thinking }];
    if (text !== '' || calls.length === 0) content.push({ type: 'text', text });
    content.push(...calls);
    return {
      ...{ content, finishReason, usage },
      ...(providerMetadata && { providerMetadata }),
      warnings: call.warnings,
      response: this.#response(),
    };
  }

  /** @throws RwkvError as `RWKV.load`; what is thrown later is a part of the stream, but for aborts, which end it */
  async doStream(options: CallOptions): Promise<StreamResult> {
    const { call, session, parts } = await this.#begin(options);
    const all = after<StreamPart>(
      [
        { type: 'stream-start', warnings: call.warnings },
        { type: 'response-metadata', ...this.#response() },
      ],
      parts,
    );
    return {
      stream: new ReadableStream<StreamPart>(
        {
          async pull(controller) {
            try {
              const { done, value } = await all.next();
              if (done) controller.close();
              else controller.enqueue(value);
            } catch (error) {
              if (options.abortSignal?.aborted) return controller.error(error);
              controller.enqueue({ type: 'error', error });
              controller.close();
            }
          },
          async cancel() {
            await all.return();
            await parts.return(); // where the first part was never asked for
            await session.dispose();
          },
        },
        { highWaterMark: 0 },
      ),
    };
  }

  /** Ends the worker of a model that was loaded here; one that was passed stays. Later requests fail. */
  async dispose(): Promise<void> {
    await this.#lazy.dispose();
  }

  async #begin(options: CallOptions) {
    const model = await this.#lazy.get(options.abortSignal);
    const call = prepareCall(options, this.#format, model.info.name, this.#defaults);
    checkGenerateOptions(call.plan.options, model.info.vocabulary);
    const heard = (error: unknown) => {
      this.#lazy.failed(model, error);
      return error;
    };
    const session = await model.createSession().catch((error) => {
      throw heard(error);
    });
    return { call, session, parts: hearing(replyParts(call, session), heard) };
  }

  #response() {
    return {
      id: `rwkv-${randomSeed().toString(36)}-${randomSeed().toString(36)}`,
      timestamp: new Date(),
      modelId: this.modelId,
    };
  }
}

async function* hearing<Part>(
  parts: AsyncIterable<Part>,
  heard: (error: unknown) => unknown,
): AsyncGenerator<Part, void, undefined> {
  try {
    yield* parts;
  } catch (error) {
    throw heard(error);
  }
}

async function* after<Part>(
  first: readonly Part[],
  rest: AsyncIterable<Part>,
): AsyncGenerator<Part, void, undefined> {
  yield* first;
  yield* rest;
}
