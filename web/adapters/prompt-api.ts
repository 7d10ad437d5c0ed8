/**
 * The browser's built-in Prompt API on RWKV models: code that was written for `LanguageModel` runs where there is none.
 *
 * @packageDocumentation
 */
import { RWKV } from '../index.js';
import { languageModelMaker } from './prompt-api/maker.js';

export type { ChatTemplate, ThinkMode } from '../page/chat/template.js';
export type { LanguageModelMaker, LanguageModelSettings } from './prompt-api/maker.js';
export type * from './prompt-api/types.js';
export type { ModelOrSource } from './shared/lazy-model.js';

/**
 * An object of the shape of the global `LanguageModel`:
 *
 * ```ts
 * const LanguageModel = globalThis.LanguageModel ?? languageModel('hf:owner/model/file.safetensors');
 * const session = await LanguageModel.create({ initialPrompts: [{ role: 'system', content: 'You are brief.' }] });
 * console.log(await session.prompt('Name a colour.'));
 * ```
 *
 * A model is loaded when the first session is created, once for all of them. There is no greatest length of a session:
 * `contextWindow` is Infinity, and no `contextoverflow` comes.
 *
 * @param model - a model, or where to load it from as for `RWKV.load`; nothing: the embedded storyteller model
 * @throws RwkvError `invalid-argument`
 */
export const languageModel = languageModelMaker(RWKV.load);
