// A tokenizer.json of Hugging Face: their library encodes, and the core gets the bytes of each token to decode with.
import type { Tokenizer } from '@huggingface/tokenizers';
import { stringList } from '../../shared/byte-level.js';
import { RwkvError, sentence } from '../../shared/errors.js';
import { readTokenizerJson } from './tokenizer-json.js';
import type { Vocabulary } from './types.js';

/**
 * Makes a vocabulary of a tokenizer.json. Text is encoded as the file's own tokenizer does by default: added tokens in it
 * are found, special ones too; none are put around it.
 *
 * @throws RwkvError `bad-vocabulary`; `unsupported` for tokenizers of other kinds; `read-failed` where the library cannot
 * be loaded
 */
export async function openTokenizerJson(name: string, text: string): Promise<Vocabulary> {
  try {
    const { texts, added, forLibrary } = readTokenizerJson(text);
    const { Tokenizer } = await loadLibrary();
    const tokenizer = new Tokenizer(forLibrary, {});
    return {
      core: { kind: 'huggingface', name, bytes: stringList(texts, added), count: texts.length },
      encode: (text) => encode(tokenizer, name, text),
    };
  } catch (error) {
    const code = error instanceof RwkvError ? error.code : 'bad-vocabulary';
    throw new RwkvError(code, `${name}: ${sentence(error)}`);
  }
}

// Costs nothing until there is a tokenizer.json.
async function loadLibrary() {
  try {
    return await import('@huggingface/tokenizers');
  } catch (cause) {
    throw new RwkvError('read-failed', 'the package @huggingface/tokenizers could not be loaded', { cause });
  }
}

function encode(tokenizer: Tokenizer, name: string, text: string): Int32Array {
  const fail = (what: string) => new RwkvError('bad-vocabulary', `${name}: ${what}`);
  let ids: readonly (number | undefined)[];
  try {
    ids = tokenizer.encode(text, { add_special_tokens: false }).ids;
  } catch (error) {
    throw fail(`the text could not be tokenized: ${sentence(error)}`);
  }
  return Int32Array.from(ids, (id) => {
    if (id !== undefined) return id;
    throw fail('the vocabulary has no token for a part of the text');
  });
}
