import type { WasmVocabulary } from '../module.js';

/** A vocabulary, ready for the core. */
export interface Vocabulary {
  readonly core: WasmVocabulary;
  /** Text -> ids, where the core only decodes; a text that goes on from another may differ. Throws RwkvError `bad-vocabulary`. */
  readonly encode?: (text: string, isContinued: boolean) => Int32Array;
  /** Encoding put a blank in front of a whole text, which decoding takes away. */
  readonly dropsBlank?: boolean;
}
