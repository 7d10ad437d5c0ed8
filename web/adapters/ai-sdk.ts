/**
 * RWKV models for the AI SDK (the package `ai`, version 7).
 *
 * @packageDocumentation
 */
import { fileName } from '../load.js';
import { checkGenerateOptions, type GenerateOptions, type LoadOptions, unexpected } from '../options.js';
import { storyteller } from '../storyteller.js';
import { RwkvLanguageModel } from './ai-sdk-model.js';
import { LazyModel, type ModelOrSource } from './lazy-model.js';
import { Transcript, type TranscriptFormat } from './transcript.js';

export type { ChatTemplate, ThinkMode } from '../chat.js';
export type { RwkvLanguageModel } from './ai-sdk-model.js';
export {
  type RequestSettings,
  type RwkvFetch,
  type RwkvFetchOptions,
  rwkvFetch,
  rwkvTransport,
} from './ai-sdk-transport.js';
export type { ModelOrSource } from './lazy-model.js';

/** Options of `rwkv`; those of `RWKV.load` are for a model that it loads. */
export interface RwkvSettings extends LoadOptions, TranscriptFormat {
  /** The model's name, `modelId`. Default: its file's. */
  name?: string | undefined;
  /** Options of `session.complete` that requests start from. Default: `{ maxTokens: 1024 }`. */
  defaults?:
    | Omit<GenerateOptions, 'signal' | 'echo' | 'logprobs' | 'topLogprobs' | 'keepPartial'>
    | undefined;
}

/**
 * A language model for `streamText`, `generateText` and all else of the AI SDK:
 *
 * ```ts
 * const { textStream } = streamText({ model: rwkv(), prompt: 'Once upon a time' });
 * for await (const text of textStream) show(text);
 * ```
 *
 * The model is loaded by the first request, once. Options that the SDK does not know go into
 * `providerOptions: { rwkv: { minP: 0.05 } }`. Tools and files are left out with a warning; `reasoning` is for G1 models.
 *
 * @param model - a model, or where to load it from as for `RWKV.load`; nothing: the embedded storyteller model
 * @throws RwkvError `invalid-argument`
 */
export function rwkv(model?: ModelOrSource, settings: RwkvSettings = {}): RwkvLanguageModel {
  const { template, think, name, defaults: given = {}, ...loadOptions } = settings;
  const format: TranscriptFormat = { template, think };
  const defaults: GenerateOptions = { maxTokens: 1024, ...given };
  checkGenerateOptions(defaults);
  if (name !== undefined && (typeof name !== 'string' || name === ''))
    throw unexpected('option name', 'a text that is not empty', name);
  new Transcript(format);
  return new RwkvLanguageModel(name ?? nameOf(model), new LazyModel(model, loadOptions), format, defaults);
}

function nameOf(model: ModelOrSource): string {
  if (model === undefined) return fileName(storyteller.model.href);
  if (typeof model === 'string' || model instanceof URL)
    return /^data:/i.test(String(model)) ? 'data' : fileName(String(model));
  if ('info' in model) return model.info.name;
  return 'name' in model && typeof model.name === 'string' ? model.name : 'rwkv';
}
