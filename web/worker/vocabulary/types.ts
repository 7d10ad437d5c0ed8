import type { WasmVocabulary } from '../module.js';

/** A vocabulary, ready for the core. */
export interface Vocabulary {
  readonly core: WasmVocabulary;
  /** Text -> ids, where the core only decodes. Throws RwkvError `bad-vocabulary`. */
  readonly encode?: (text: string) => Int32Array;
}
