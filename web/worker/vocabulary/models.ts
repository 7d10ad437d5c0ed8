// The model of a tokenizer.json: how the library gets the ids of words.
import { bad, field, isObject, listOf, otherType, show, unsupported } from './json.js';
import type { Part } from './pre-tokenizers.js';

/** The model's own tokens and their ids. @throws RwkvError `bad-vocabulary`, `unsupported` */
export function ownTokens(json: unknown): readonly (readonly [text: string, id: unknown])[] {
  const model = field(json, 'model');
  const type = field(model, 'type');
  if (type === 'Unigram')
    return listOf(model, 'vocab').map((entry, id) => {
      const [text, score] = Array.isArray(entry) ? entry : [];
      if (typeof text !== 'string' || text === '' || !Number.isFinite(score))
        throw bad(`model.vocab: expected a text and its score, found ${show(entry)}`);
      return [text, id];
    });
  if (type !== 'BPE' && type !== 'WordLevel')
    throw otherType('model', ['BPE', 'WordLevel', 'Unigram'], model);
  const vocabulary = field(model, 'vocab');
  if (!isObject(vocabulary) || Array.isArray(vocabulary)) throw bad('model.vocab: expected an object');
  return Object.entries(vocabulary);
}

/**
 * What the library takes for it. Where a token is missing it leaves a gap in the text, as the reference does, unless there is an
 * unknown token: one without an id shows the gaps.
 *
 * @throws RwkvError `bad-vocabulary`, `unsupported`
 */
export function modelOf(json: unknown, ids: ReadonlyMap<string, number>): Part {
  const model = field(json, 'model');
  const type = field(model, 'type');
  const refuse = (setting: string) => {
    if (field(model, setting)) throw unsupported(`model: ${setting} is set`);
  };
  if (type === 'Unigram') {
    refuse('byte_fallback');
    const unknown = field(model, 'unk_id');
    const vocab = listOf(model, 'vocab');
    if (typeof unknown === 'number' && !(unknown in vocab)) throw bad(`model.unk_id: found ${show(unknown)}`);
    if (vocab.length === 0) throw bad('model.vocab: expected tokens');
    return { type, vocab, unk_id: typeof unknown === 'number' ? unknown : undefined };
  }
  let absent = '?';
  while (ids.has(absent)) absent += '?';
  const given = field(model, 'unk_token');
  const unk_token = typeof given === 'string' ? given : absent;
  const vocab = field(model, 'vocab');
  if (type === 'WordLevel') {
    // Words that are no token are not to be cut up: what goes on in a word is longer than all tokens.
    const most = [...ids.keys()].reduce((most, text) => Math.max(most, text.length), 0);
    return {
      type: 'WordPiece',
      vocab,
      unk_token,
      max_input_chars_per_word: most,
      continuing_subword_prefix: '\0'.repeat(most + 1),
    };
  }
  for (const setting of ['continuing_subword_prefix', 'end_of_word_suffix', 'dropout']) refuse(setting);
  const flag = (name: string) => field(model, name) === true;
  return {
    ...{ type, vocab, merges: readMerges(model, ids), unk_token },
    ...{
      fuse_unk: flag('fuse_unk'),
      ignore_merges: flag('ignore_merges'),
      byte_fallback: flag('byte_fallback'),
    },
  };
}

function readMerges(model: unknown, ids: ReadonlyMap<string, number>): string[][] {
  const merges = field(model, 'merges');
  if (!Array.isArray(merges)) throw bad(`model.merges: expected an array, found ${show(merges)}`);
  return merges.map((merge: unknown) => {
    const pair: unknown = typeof merge === 'string' ? merge.split(' ') : merge;
    if (!Array.isArray(pair) || pair.length !== 2 || !pair.every((part) => ids.has(part)))
      throw bad(`model.merges: expected two tokens, found ${show(merge)}`);
    if (!ids.has(pair.join(''))) throw bad(`model.merges: ${show(merge)} makes no token`);
    return pair;
  });
}
