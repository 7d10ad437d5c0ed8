/**
 * RWKV models for the AI SDK (the package `ai`, versions 5 to 7).
 *
 * @packageDocumentation
 */
import { RWKV } from '../index.js';
import { rwkvEmbeddingMaker, rwkvMaker } from './ai-sdk/maker.js';

export type { ChatTemplate, ThinkMode } from '../page/chat/template.js';
export type { RwkvEmbeddingModel } from './ai-sdk/embedding-model.js';
export type { RwkvEmbeddingMaker, RwkvMaker, RwkvSettings } from './ai-sdk/maker.js';
export type { RwkvLanguageModel } from './ai-sdk/model.js';
export * from './ai-sdk/transport.js';
export type { RwkvLanguageModelV2 } from './ai-sdk/version2.js';
export type { ModelOrSource } from './shared/lazy-model.js';

/**
 * A language model for `streamText`, `generateText` and all else of the AI SDK:
 *
 * ```ts
 * const { textStream } = streamText({ model: rwkv(), prompt: 'Once upon a time' });
 * for await (const text of textStream) show(text);
 * ```
 *
 * With `ai` 5 or 6 pass `{ specification: 'v2' }`. The model is loaded by the first request, once. Options that the SDK does
 * not know go into `providerOptions: { rwkv: { minP: 0.05 } }`. Files are left out with a warning; `reasoning` is for G1
 * models.
 *
 * @param model - a model, or where to load it from as for `RWKV.load`; nothing: the embedded storyteller model
 * @throws RwkvError `invalid-argument`
 */
export const rwkv = rwkvMaker(RWKV.load);

/**
 * An embedding model for `embed` and `embedMany`: vectors of `model.embed`, of length 1.
 *
 * @param model - as for `rwkv`
 * @throws RwkvError `invalid-argument`
 */
export const rwkvEmbedding = rwkvEmbeddingMaker(RWKV.load);
