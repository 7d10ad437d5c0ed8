// The endpoints of OpenAI's API: bodies in, whole answers or streams of chunks out.
import { type ChatFormat, chatTemplateFor, chatTemplates, checkFormat } from '../../page/chat/template.js';
import type { RWKV } from '../../page/load.js';
import type { Model } from '../../page/model.js';
import { checkGenerateOptions, type GenerateOptions, type LoadOptions } from '../../page/options.js';
import { integer, optionsOf } from '../../page/rules.js';
import { withRecommended } from '../../page/sampling.js';
import { onAbort } from '../../shared/aborts.js';
import { unexpected } from '../../shared/errors.js';
import { LazyModel, type ModelOrSource } from '../shared/lazy-model.js';
import { embed, embeddingJob } from './embeddings.js';
import { invalidRequest, type OpenAIError, toOpenAIError } from './errors.js';
import { randomId } from './ids.js';
import { chatStyle, completionStyle, gather, type ReplyHead, type Style } from './replies.js';
import { chatJob, completionJob, type Job, type ReadyJob } from './requests.js';
import { responseJob } from './responses/requests.js';
import { responseStyle } from './responses/style.js';
import type { ModelResponse, ResponseEvent } from './responses/types.js';
import { type Happening, prepare, run } from './run.js';
import { Slots, textsThatFit } from './slots.js';
import { metered, type Spent } from './spent.js';
import { OpenAIStream } from './stream.js';
import type {
  ChatCompletion,
  ChatCompletionChunk,
  EmbeddingList,
  OpenAIModel,
  OpenAIModelList,
  TextCompletion,
  TextCompletionChunk,
} from './types.js';

/** Options of `openai`; those of `RWKV.load` are for a model that it loads. */
export interface OpenAIOptions extends LoadOptions {
  /** The model's name in answers. Default: its file's name, less the ending. */
  name?: string | undefined;
  /** How conversations are written. Default: as for `session.chat`. */
  chat?: ChatFormat | undefined;
  /** Options of `session.complete` that requests start from, such as `{ maxTokens: 1000, topP: 0.5 }`. */
  defaults?: GenerateOptions | undefined;
  /** Whether what requests and `defaults` leave open is as the model recommends (`model.info.sampling`). Default false. */
  usesRecommended?: boolean | undefined;
  /** How many texts are generated at once, 1 to 1024, where memory allows; more wait for their turn. Default 64. */
  parallel?: number | undefined;
}

/** What may go with a request. */
export interface RequestOptions {
  /** Ends the request: `create` rejects with the signal's reason; a stream that has begun just ends. */
  signal?: AbortSignal | null | undefined;
  /** Hears of the parameters that nobody here knows, which are left out then; otherwise they are errors. */
  onIgnored?: ((names: readonly string[]) => void) | undefined;
  /** Hears what was generated, when it has come to its end. */
  onSpent?: ((spent: Spent) => void) | undefined;
}

/** Answers a body, which is not checked yet. @throws OpenAIError; the reason of the signal */
export type Answer<Whole, Chunk> = (
  body: unknown,
  options?: RequestOptions,
) => Promise<Whole | OpenAIStream<Chunk>>;

/** The endpoints of one model. */
export interface Endpoints {
  readonly chat: Answer<ChatCompletion, ChatCompletionChunk>;
  readonly completions: Answer<TextCompletion, TextCompletionChunk>;
  readonly responses: Answer<ModelResponse, ResponseEvent>;
  embeddings(body: unknown, options?: RequestOptions): Promise<EmbeddingList>;
  list(options?: RequestOptions): Promise<OpenAIModelList>;
  /** The one model, whatever the name. */
  retrieve(name: string, options?: RequestOptions): Promise<OpenAIModel>;
  /** Loads the model if it is not there. @throws RwkvError as `RWKV.load` */
  load(): Promise<Model>;
  dispose(): Promise<void>;
}

const parallels = integer(1, 1024);

/** @throws RwkvError `invalid-argument` */
export function createEndpoints(
  load: RWKV['load'],
  source: ModelOrSource,
  options: OpenAIOptions,
): Endpoints {
  const { name, chat: format = {}, defaults = {}, parallel = 64, ...others } = optionsOf(options);
  const { usesRecommended = false, ...loadOptions } = others;
  checkGenerateOptions(defaults);
  if (name !== undefined && (typeof name !== 'string' || name === ''))
    throw unexpected('option name', 'a text that is not empty', name);
  if (!parallels.accepts(parallel)) throw unexpected('option parallel', parallels.expected, parallel);
  checkFormat(format, chatTemplates);
  let slots: Slots | undefined;
  const slotsFor = ({ info }: Model) => {
    slots ??= new Slots(Math.min(parallel, textsThatFit(info)));
    return slots;
  };
  const lazy = new LazyModel(load, source, loadOptions);
  const since = seconds();

  const described = ({ info }: Model): OpenAIModel => ({
    id: name ?? info.name.replace(/\.\w+$/, ''),
    object: 'model',
    created: since,
    owned_by: 'rwkv-wasm',
  });
  const formatFor = ({ info }: Model) => ({
    ...format,
    template: format.template ?? chatTemplateFor(info),
  });
  const headOf = (model: Model, prefix: string): ReplyHead => ({
    id: prefix + randomId(),
    created: seconds(),
    model: described(model).id,
    system_fingerprint: `rwkv-wasm-${model.info.quantization}-${model.info.build}`,
  });

  async function answer<Whole, Chunk>(
    style: Style<Whole, Chunk>,
    ready: ReadyJob,
    { signal, onSpent = () => {} }: RequestOptions,
  ): Promise<Whole | OpenAIStream<Chunk>> {
    signal?.throwIfAborted();
    const controller = new AbortController();
    const forget = onAbort(signal ?? undefined, () => controller.abort(signal?.reason));
    let model: Model | undefined;
    const failure = (error: unknown) => {
      if (model) lazy.failed(model, error);
      return toOpenAIError(error);
    };
    try {
      model = await lazy.get(controller.signal);
      const asked = ready(formatFor(model));
      const job = usesRecommended
        ? { ...asked, options: withRecommended(model.info.sampling, asked.options) }
        : asked;
      assertFits(model, job);
      const task = await prepare(model, job);
      controller.signal.throwIfAborted();
      const head = headOf(model, style.prefix);
      const happenings = metered(run(model, task, slotsFor(model), controller.signal), onSpent);
      if (!job.stream) {
        const { choices, usage } = await gather(happenings);
        forget();
        return style.whole(head, choices, usage, job.topLogprobs >= 0);
      }
      const leave = async () => {
        forget();
        await happenings.return();
      };
      const chunks = chunksOf(style, head, job, happenings);
      const toldChunks = told(chunks, controller.signal, leave, failure, style.failed);
      return new OpenAIStream(toldChunks, controller, leave);
    } catch (error) {
      forget();
      throw signal?.aborted ? signal.reason : failure(error);
    }
  }

  return {
    chat: async (body, options = {}) =>
      answer(
        chatStyle,
        read(options, (unknown) => chatJob(body, defaults, unknown)),
        options,
      ),
    completions: async (body, options = {}) =>
      answer(
        completionStyle,
        read(options, (unknown) => completionJob(body, defaults, unknown)),
        options,
      ),
    responses: async (body, options = {}) => {
      const { ready, echo } = read(options, (unknown) => responseJob(body, defaults, unknown));
      return answer(responseStyle(echo), ready, options);
    },
    async embeddings(body, options = {}) {
      const signal = options.signal ?? undefined;
      const job = read(options, (unknown) => embeddingJob(body, unknown));
      let leave = () => {};
      let model: Model | undefined;
      try {
        model = await lazy.get(signal);
        leave = await slotsFor(model).enter(1, signal);
        return await embed(model, job, described(model).id, signal);
      } catch (error) {
        if (model) lazy.failed(model, error);
        throw signal?.aborted ? signal.reason : toOpenAIError(error);
      } finally {
        leave();
      }
    },
    async list({ signal } = {}) {
      return { object: 'list', data: [described(await lazy.get(signal ?? undefined))] };
    },
    async retrieve(_name, { signal } = {}) {
      return described(await lazy.get(signal ?? undefined));
    },
    load: () => lazy.get(),
    dispose: () => lazy.dispose(),
  };
}

async function* chunksOf<Whole, Chunk>(
  style: Style<Whole, Chunk>,
  head: ReplyHead,
  job: Job,
  happenings: AsyncIterable<Happening>,
): AsyncGenerator<Chunk, void, undefined> {
  const toChunks = style.chunks(head, job.topLogprobs >= 0);
  for await (const happening of happenings) {
    const isUsage = happening.kind === 'usage';
    if (!job.includesUsage) yield* isUsage ? [] : toChunks(happening);
    else
      for (const chunk of toChunks(happening)) yield style.withUsage(chunk, isUsage ? happening.usage : null);
  }
}

// The chunks as a caller gets them: they just end when the signal ends them, and fail with errors that OpenAI's API knows.
async function* told<Chunk>(
  chunks: AsyncIterable<Chunk>,
  signal: AbortSignal,
  leave: () => Promise<void>,
  failure: (error: unknown) => OpenAIError,
  failed: Style<unknown, Chunk>['failed'],
): AsyncGenerator<Chunk, void, undefined> {
  try {
    yield* chunks;
  } catch (error) {
    if (signal.aborted) return;
    if (!failed) throw failure(error);
    yield* failed(failure(error));
  } finally {
    await leave();
  }
}

// What a body asks for. @throws OpenAIError
function read<T>(options: RequestOptions, job: (unknown: Set<string> | undefined) => T): T {
  const { onIgnored } = optionsOf(options);
  const unknown = onIgnored && new Set<string>();
  try {
    const read = job(unknown);
    if (unknown && unknown.size > 0) onIgnored([...unknown]);
    return read;
  } catch (error) {
    throw toOpenAIError(error);
  }
}

// Texts of one request begin together, whatever waits for them.
function assertFits({ info }: Model, { prompts, n }: Job): void {
  const [texts, most] = [prompts.length * n, textsThatFit(info)];
  if (texts <= most) return;
  const param = n > 1 ? 'n' : 'prompt';
  const message = `'${param}': expected at most ${most} texts at once, so many have room beside ${info.name}; found ${texts}`;
  throw invalidRequest(message, param, 'invalid_value');
}

// The time, in seconds since 1970.
function seconds(): number {
  return Math.floor(Date.now() / 1000);
}
