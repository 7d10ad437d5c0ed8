// The format tokenizer.json, as far as byte-level BPE goes. The file is untrusted: what the library takes for granted is
// checked, and what it does not do exactly as the reference is refused.
import { RwkvError, sentence } from '../../shared/errors.js';

/** A tokenizer.json, checked. */
export interface TokenizerJson {
  /** By id; with holes. */
  readonly texts: readonly (string | undefined)[];
  /** Ids of added tokens, whose text is not in the spelling of bytes. */
  readonly added: ReadonlySet<number>;
  /** What the library needs to encode. */
  readonly forLibrary: object;
}

const mostIds = 2 ** 20;

/** How the reference cuts text into words. The library's own form of it takes \s as JavaScript does, which differs. */
const words = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;

/** @throws RwkvError `bad-vocabulary`; `unsupported` for tokenizers of other kinds; without the file's name */
export function readTokenizerJson(text: string): TokenizerJson {
  const json = parse(text);
  checkKind(json);
  const { ids, texts, added } = readTokens(json);
  return { texts, added, forLibrary: libraryJson(json, ids, readMerges(json, ids)) };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw bad(`no JSON: ${sentence(error)}`);
  }
}

function checkKind(json: unknown): void {
  const expectType = (part: string, ...known: unknown[]) => {
    const component = field(json, part);
    const type = isObject(component) ? field(component, 'type') : component;
    if (!known.includes(type ?? null))
      throw unsupported(`${part}: expected ${known.join(' or ')}, found ${show(type ?? null)}`);
  };
  const refuse = (part: string, setting: string) => {
    if (field(field(json, part), setting)) throw unsupported(`${part}: ${setting} is set`);
  };
  expectType('model', 'BPE');
  refuse('model', 'continuing_subword_prefix');
  refuse('model', 'end_of_word_suffix');
  refuse('model', 'byte_fallback');
  expectType('normalizer', 'NFC', 'NFD', 'NFKC', 'NFKD', null);
  expectType('pre_tokenizer', 'ByteLevel');
  refuse('pre_tokenizer', 'add_prefix_space');
  expectType('decoder', 'ByteLevel');
}

function readTokens(json: unknown) {
  const ids = new Map<string, number>();
  const texts: string[] = []; // by id
  const add = (text: string, id: unknown): number => {
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= mostIds)
      throw bad(`token ${show(text)}: expected an id from 0 to ${mostIds - 1}, found ${show(id)}`);
    const twin = texts[id] ?? text;
    if (twin !== text) throw bad(`tokens ${show(twin)} and ${show(text)} have the same id, ${id}`);
    const other = ids.get(text) ?? id;
    if (other !== id) throw bad(`token ${show(text)} has two ids, ${other} and ${id}`);
    ids.set(text, id);
    texts[id] = text;
    return id;
  };

  const vocabulary = field(field(json, 'model'), 'vocab');
  if (!isObject(vocabulary) || Array.isArray(vocabulary)) throw bad('model.vocab: expected an object');
  for (const [text, id] of Object.entries(vocabulary)) add(text, id);

  const added = new Set<number>();
  const tokens = field(json, 'added_tokens') ?? [];
  if (!Array.isArray(tokens)) throw bad(`added_tokens: expected an array, found ${show(tokens)}`);
  let endsText = texts[0] === undefined;
  for (const token of tokens) {
    const text = field(token, 'content');
    if (typeof text !== 'string' || text === '')
      throw bad(`added_tokens: expected a text as content, found ${show(text)}`);
    if (field(token, 'single_word')) throw unsupported(`added token ${show(text)}: single_word is set`);
    const id = add(text, field(token, 'id'));
    added.add(id);
    endsText ||= id === 0 && field(token, 'special') === true;
  }
  if (!endsText)
    throw unsupported(`token 0: expected a special token that ends the text, found ${show(texts[0])}`);
  return { ids, texts, added };
}

function readMerges(json: unknown, ids: ReadonlyMap<string, number>): string[][] {
  const merges = field(field(json, 'model'), 'merges');
  if (!Array.isArray(merges)) throw bad(`model.merges: expected an array, found ${show(merges)}`);
  return merges.map((merge: unknown) => {
    const pair: unknown = typeof merge === 'string' ? merge.split(' ') : merge;
    if (!Array.isArray(pair) || pair.length !== 2 || !pair.every((part) => ids.has(part)))
      throw bad(`model.merges: expected two tokens, found ${show(merge)}`);
    if (!ids.has(pair.join(''))) throw bad(`model.merges: ${show(merge)} makes no token`);
    return pair;
  });
}

// What the library needs of the file. Where a token is missing it leaves a gap in the text, as the reference does, unless
// there is an unknown token: one without an id shows the gaps.
function libraryJson(json: unknown, ids: ReadonlyMap<string, number>, merges: string[][]): object {
  const model = field(json, 'model');
  const unknown = field(model, 'unk_token');
  let absent = '?';
  while (ids.has(absent)) absent += '?';
  const usesWords = field(field(json, 'pre_tokenizer'), 'use_regex') !== false;
  const split = { type: 'Split', pattern: { Regex: words }, behavior: 'Isolated', invert: false };
  const bytes = { type: 'ByteLevel', add_prefix_space: false, use_regex: false };
  return {
    added_tokens: field(json, 'added_tokens') ?? [],
    normalizer: field(json, 'normalizer') ?? null,
    pre_tokenizer: { type: 'Sequence', pretokenizers: usesWords ? [split, bytes] : [bytes] },
    model: {
      type: 'BPE',
      vocab: field(model, 'vocab'),
      merges,
      unk_token: typeof unknown === 'string' ? unknown : absent,
      fuse_unk: field(model, 'fuse_unk') === true,
      ignore_merges: field(model, 'ignore_merges') === true,
    },
    post_processor: null, // adds tokens around the text, which is not asked for
    decoder: null,
  };
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function field(value: unknown, key: string): unknown {
  return isObject(value) && Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined;
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 40 ? `${text.slice(0, 40)}...` : text;
}

function bad(what: string): RwkvError {
  return new RwkvError('bad-vocabulary', what);
}

function unsupported(what: string): RwkvError {
  return new RwkvError('unsupported', what);
}
