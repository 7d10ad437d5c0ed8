// A tokenizer.json of Hugging Face: their library encodes, and the core gets the bytes of each token to decode with.
import type { Tokenizer } from '@huggingface/tokenizers';
import { stringList } from '../../shared/byte-level.js';
import { RwkvError, sentence } from '../../shared/errors.js';
import { isError } from '../../shared/realms.js';
import { unsupported } from './json.js';
import { readTokenizerJson } from './tokenizer-json.js';
import type { Vocabulary } from './types.js';

/**
 * Makes a vocabulary of a tokenizer.json. Text is encoded as the file's own tokenizer does by default: added tokens in it
 * are found, special ones too; none are put around it.
 *
 * @throws RwkvError without the file's name: `bad-vocabulary`; `unsupported` for tokenizers of other kinds; `read-failed` where
 * the library cannot be loaded
 */
export async function openTokenizerJson(name: string, json: unknown): Promise<Vocabulary> {
  const { bytes, dropsBlank, whole, continued } = readTokenizerJson(json);
  const { Tokenizer } = await loadLibrary();
  const make = (config: object) => {
    try {
      return new Tokenizer(config, {});
    } catch (error) {
      throw isError(error) && error.name === 'SyntaxError' ? unsupported(sentence(error)) : error; // of a pattern
    }
  };
  const start = make(whole);
  const rest = continued ? make(continued) : start;
  return {
    core: { kind: 'huggingface', name, bytes: stringList(bytes), count: bytes.length },
    encode: (text, isContinued) => encode(isContinued ? rest : start, name, text),
    dropsBlank,
  };
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
  let ids: readonly unknown[];
  try {
    ids = tokenizer.encode(text, { add_special_tokens: false }).ids;
  } catch (error) {
    throw fail(`the text could not be tokenized: ${sentence(error)}`);
  }
  return Int32Array.from(ids, (id) => {
    if (typeof id === 'number') return id;
    throw fail('the vocabulary has no token for a part of the text');
  });
}
