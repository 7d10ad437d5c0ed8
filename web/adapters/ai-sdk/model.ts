// A language model of the AI SDK: each request is a session of its own that reads the whole conversation.

import type { ReplyPart } from '../../page/chat/reply.js';
import type { TranscriptFormat } from '../../page/chat/template.js';
import type { CompletionResult } from '../../page/completion.js';
import { checkGenerateOptions, type GenerateOptions, randomSeed } from '../../page/options.js';
import type { Session } from '../../page/session.js';
import { bindMembers } from '../../shared/bind.js';
import type { LazyModel } from '../shared/lazy-model.js';
import { type Call, prepareCall, providerKey } from './call.js';
import type {
  CallOptions,
  Content,
  FinishReason,
  GenerateResult,
  LanguageModelV4,
  StreamPart,
  StreamResult,
  Usage,
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
    const { call, session, failed } = await this.#begin(options);
    const { parts, result } = reply(call, session, failed);
    const texts: ReplyPart[] = [];
    for await (const part of parts) texts.push(part);
    const content = (['thinking', 'answer'] as const)
      .map(
        (name): Content => ({
          type: name === 'thinking' ? 'reasoning' : 'text',
          text: texts.map((part) => part[name]).join(''),
        }),
      )
      .filter((part) => part.type === 'text' || (part.type === 'reasoning' && part.text !== ''));
    return {
      content,
      ...endOf(
        await result(),
        texts.some(({ thinking }) => thinking !== ''),
      ),
      warnings: call.warnings,
      response: this.#response(),
    };
  }

  /** @throws RwkvError as `RWKV.load`; what is thrown later is a part of the stream, but for aborts, which end it */
  async doStream(options: CallOptions): Promise<StreamResult> {
    const { call, session, failed } = await this.#begin(options);
    const { parts, result } = reply(call, session, failed);
    const all = streamParts(parts, result, [
      { type: 'stream-start', warnings: call.warnings },
      { type: 'response-metadata', ...this.#response() },
    ]);
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
    const failed = (error: unknown) => this.#lazy.failed(model, error);
    const call = prepareCall(options, this.#format, model.info.name, this.#defaults);
    checkGenerateOptions(call.options, model.info.vocabulary);
    try {
      return { call, session: await model.createSession(), failed };
    } catch (error) {
      failed(error);
      throw error;
    }
  }

  #response() {
    return {
      id: `rwkv-${randomSeed().toString(36)}-${randomSeed().toString(36)}`,
      timestamp: new Date(),
      modelId: this.modelId,
    };
  }
}

// The parts of a reply as they come, and, when they have ended, what it came to. The session is given back then.
function reply({ prompt, options, reader }: Call, session: Session, failed: (error: unknown) => void) {
  const completion = session.complete(prompt, options);
  async function* parts(): AsyncGenerator<ReplyPart, void, undefined> {
    try {
      for await (const piece of completion) yield reader.push(piece);
      yield reader.rest();
    } catch (error) {
      failed(error);
      throw error;
    } finally {
      await session.dispose().catch(() => {}); // a worker that has died took it along
    }
  }
  return { parts: parts(), result: () => completion.result };
}

async function* streamParts(
  parts: AsyncGenerator<ReplyPart, void, undefined>,
  result: () => Promise<CompletionResult>,
  first: readonly StreamPart[],
): AsyncGenerator<StreamPart, void, undefined> {
  yield* first;
  let open: 'reasoning' | 'text' | undefined;
  let hasThought = false;
  for await (const { thinking, answer } of parts) {
    if (thinking !== '') {
      if (open !== 'reasoning') yield { type: 'reasoning-start', id: 'reasoning' };
      open = 'reasoning';
      hasThought = true;
      yield { type: 'reasoning-delta', id: 'reasoning', delta: thinking };
    }
    if (answer !== '') {
      if (open === 'reasoning') yield { type: 'reasoning-end', id: 'reasoning' };
      if (open !== 'text') yield { type: 'text-start', id: 'text' };
      open = 'text';
      yield { type: 'text-delta', id: 'text', delta: answer };
    }
  }
  if (open) yield { type: `${open}-end`, id: open };
  yield { type: 'finish', ...endOf(await result(), hasThought) };
}

function endOf({ finishReason, usage, timings }: CompletionResult, hasThought: boolean) {
  const unified = finishReason === 'length' ? 'length' : finishReason === 'aborted' ? 'other' : 'stop';
  return {
    finishReason: { unified, raw: finishReason } satisfies FinishReason,
    usage: {
      inputTokens: {
        total: usage.promptTokens,
        noCache: usage.promptTokens - usage.cachedTokens,
        cacheRead: usage.cachedTokens,
        cacheWrite: undefined,
      },
      outputTokens: {
        total: usage.completionTokens,
        // Which tokens are thoughts is not counted.
        text: hasThought ? undefined : usage.completionTokens,
        reasoning: hasThought ? undefined : 0,
      },
    } satisfies Usage,
    providerMetadata: { [providerKey]: { ...timings } },
  };
}
