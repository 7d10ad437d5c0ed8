// The format tokenizer.json, as far as the library reads it exactly as the reference. The file is untrusted: what the library
// takes for granted is checked, and the rest is refused with its name.
import { type Decoder, readDecoder } from './decoders.js';
import { bad, field, show, unsupported } from './json.js';
import { modelOf, ownTokens } from './models.js';
import { normalizersOf, type Part, preTokenizersOf } from './pre-tokenizers.js';

/** A tokenizer.json, checked. */
export interface TokenizerJson {
  /** The bytes of each token by its id; with holes. */
  readonly bytes: readonly (Uint8Array | undefined)[];
  readonly dropsBlank: boolean;
  /** What the library needs to encode a text: a whole one, and one that goes on from another, where that differs. */
  readonly whole: object;
  readonly continued: object | undefined;
}

const mostIds = 2 ** 20;

/** @throws RwkvError `bad-vocabulary`; `unsupported` for tokenizers of other kinds; without the file's name */
export function readTokenizerJson(json: unknown): TokenizerJson {
  const tokens = ownTokens(json);
  const [normalizers, preTokenizers] = [normalizersOf(json, true), preTokenizersOf(json, true)];
  const decoder = readDecoder(json);
  const { ids, bytes } = readTokens(json, tokens, decoder);
  const model = modelOf(json, ids);
  const added_tokens = field(json, 'added_tokens') ?? [];
  const forLibrary = (normalizers: Part[], pretokenizers: Part[]) => ({
    ...{ added_tokens, model },
    normalizer: { type: 'Sequence', normalizers },
    pre_tokenizer: { type: 'Sequence', pretokenizers },
    post_processor: null, // adds tokens around the text, which is not asked for
    decoder: null,
  });
  const whole = forLibrary(normalizers, preTokenizers);
  const continued = forLibrary(normalizersOf(json, false), preTokenizersOf(json, false));
  const isSame =
    JSON.stringify([whole.normalizer, whole.pre_tokenizer]) ===
    JSON.stringify([continued.normalizer, continued.pre_tokenizer]);
  return { bytes, dropsBlank: decoder.dropsBlank, whole, continued: isSame ? undefined : continued };
}

function readTokens(json: unknown, own: ReturnType<typeof ownTokens>, decoder: Decoder) {
  const ids = new Map<string, number>();
  const texts: string[] = []; // by id
  const bytes: Uint8Array[] = []; // likewise
  const add = (text: string, id: unknown, written: (text: string) => Uint8Array): void => {
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= mostIds)
      throw bad(`token ${show(text)}: expected an id from 0 to ${mostIds - 1}, found ${show(id)}`);
    const twin = texts[id] ?? text;
    if (twin !== text) throw bad(`tokens ${show(twin)} and ${show(text)} have the same id, ${id}`);
    const other = ids.get(text) ?? id;
    if (other !== id) throw bad(`token ${show(text)} has two ids, ${other} and ${id}`);
    ids.set(text, id);
    texts[id] = text;
    bytes[id] = written(text);
  };
  for (const [text, id] of own) add(text, id, decoder.bytesOf);

  const tokens = field(json, 'added_tokens') ?? [];
  if (!Array.isArray(tokens)) throw bad(`added_tokens: expected an array, found ${show(tokens)}`);
  let endsText = texts[0] === undefined;
  for (const token of tokens) {
    const text = field(token, 'content');
    if (typeof text !== 'string' || text === '')
      throw bad(`added_tokens: expected a text as content, found ${show(text)}`);
    if (field(token, 'single_word')) throw unsupported(`added token ${show(text)}: single_word is set`);
    const id = field(token, 'id');
    add(text, id, decoder.bytesOfAdded);
    endsText ||= id === 0 && field(token, 'special') === true;
  }
  if (!endsText)
    throw unsupported(`token 0: expected a special token that ends the text, found ${show(texts[0])}`);
  return { ids, bytes };
}
