// Vocabularies as JSON of every kind that models come with: cut, encoded and decoded as the reference says, or refused by name.
import { describe, expect, test } from 'vitest';
import { type LoadOptions, type Model, RWKV } from '../../dist/node.js';
import { openJson } from '../../dist/worker/vocabulary/vocabulary.js';
import { reciter } from './reciter.js';
import { sharedFile } from './shared.js';
import { collect, failure, textOf } from './streams.js';

const open = (json: object) => openJson('mine.json', JSON.stringify(json));
const file = (json: object) => new File([JSON.stringify(json)], 'mine.json');

async function using<T>(
  tokenizer: LoadOptions['tokenizer'],
  work: (model: Model) => Promise<T>,
  recites = [1],
  vocabulary = 400,
): Promise<T> {
  const model = await RWKV.load(reciter({ vocabulary, recites }), { tokenizer });
  try {
    return await work(model);
  } finally {
    await model.dispose();
  }
}

const special = (id: number, content: string) => ({ id, content, special: true, normalized: false });
const end = special(0, '<end>');

/** A tokenizer whose tokens are these words, from 1 on; 0 stands for all others. */
const words = (pre_tokenizer: object | null, tokens: readonly string[], more: object = {}) => ({
  added_tokens: [end],
  normalizer: null,
  pre_tokenizer,
  decoder: null,
  model: {
    type: 'WordLevel',
    unk_token: '<end>',
    vocab: Object.fromEntries(tokens.map((token, i) => [token, i + 1])),
  },
  ...more,
});

const bytesOfPieces = Array.from(
  { length: 256 },
  (_, i) => `<0x${i.toString(16).toUpperCase().padStart(2, '0')}>`,
);
const pieces = ['\u2581', 't', 'h', 'e', 'th', 'the', '\u2581the', ...bytesOfPieces];
/** As SentencePiece's models become one: blanks are a letter, and what has no token is bytes. */
const fallback = {
  added_tokens: [special(0, '<unk>')],
  normalizer: {
    type: 'Sequence',
    normalizers: [
      { type: 'Prepend', prepend: '\u2581' },
      { type: 'Replace', pattern: { String: ' ' }, content: '\u2581' },
    ],
  },
  pre_tokenizer: null,
  decoder: {
    type: 'Sequence',
    decoders: [
      { type: 'Replace', pattern: { String: '\u2581' }, content: ' ' },
      { type: 'ByteFallback' },
      { type: 'Fuse' },
      { type: 'Strip', content: ' ', start: 1, stop: 0 },
    ],
  },
  model: {
    ...{ type: 'BPE', unk_token: '<unk>', fuse_unk: true, byte_fallback: true },
    vocab: Object.fromEntries(pieces.map((piece, i) => [piece, i + 1])),
    merges: ['t h', 'th e', '\u2581 the'],
  },
};
const unigram = {
  ...fallback,
  normalizer: null,
  pre_tokenizer: { type: 'Metaspace', replacement: '\u2581', prepend_scheme: 'always' },
  decoder: { type: 'Metaspace', replacement: '\u2581', prepend_scheme: 'always' },
  model: {
    type: 'Unigram',
    unk_id: 0,
    vocab: [
      ['<unk>', 0],
      ['\u2581', -2],
      ['\u2581the', -3],
      ['\u2581wo', -4],
      ['l', -5],
      ['f', -5],
      ['lf', -6],
      ['t', -9],
      ['h', -9],
      ['e', -9],
    ],
  },
};

const texts = ['', 'the', ' the', 'the  the\n', 'the wolf', '世界 👩‍👧', 'the\0\ttheé', '<0x41> \u2581'];

describe('a World vocabulary as JSON', () => {
  const bytes = Object.fromEntries(
    Array.from({ length: 255 }, (_, i) => [i + 1, i < 127 ? String.fromCharCode(i + 1) : [i + 1]]),
  );
  const json = { 0: '<end>', ...bytes, 256: 'the', 257: '你', 258: [0xe4, 0xbd], 259: '\\\'"\n', 260: '\0' };

  test('gives the ids of the same vocabulary as lines', () =>
    using(file(json), async (model) => {
      expect(model.info.tokenizer).toBe('trie');
      expect(await model.tokenize('the你\\\'"\n\0')).toEqual([256, 257, 259, 260]);
      expect(await model.detokenize([258, 0xa0, 256])).toBe('你the');
      for (const text of texts) expect(await model.detokenize(await model.tokenize(text))).toBe(text);
    }));

  const world = sharedFile('data/rwkv_vocab_v20230424.txt');
  test.skipIf(!world)(
    'of the World models equals the text file (skipped where it is not in ../shared)',
    async () => {
      const plain: Record<string, string> = { n: '\n', r: '\r', t: '\t' };
      const escapes = /\\(?:x(..)|u(....)|U(.{8})|(.))/g;
      const entries = new TextDecoder()
        .decode(world)
        .trim()
        .split('\n')
        .map((line) => {
          const [, id, b, literal = ''] = /^(\d+) (b?)['"](.*)['"] \d+$/s.exec(line) ?? [];
          const text = literal.replace(escapes, (_, x, u, long, one) =>
            one === undefined
              ? String.fromCodePoint(Number.parseInt(x ?? u ?? long, 16))
              : (plain[one] ?? one),
          );
          return [id, b ? [...Buffer.from(text, 'latin1')] : text];
        });
      const sample = 'Hello, Welt! 世界 👩‍👧 def f(x):\r\n\treturn x**2\0';
      const ids = await using(world, (model) => model.tokenize(sample), [1], 65536);
      await using(
        file(Object.fromEntries(entries)),
        async (model) => {
          expect(await model.tokenize(sample)).toEqual(ids);
          expect(await model.detokenize(ids)).toBe(sample);
        },
        [1],
        65536,
      );
    },
  );

  test.each([
    [{ 1: 'a', b: 'c' }, /expected an id, found "b"$/],
    [{ 1: 'a', 1048576: 'b' }, /expected an id from 1 to 1048575/],
    [{ 1: '' }, /^mine\.json: token 1: expected a text or a list of bytes, .* found ""$/],
    [{ 1: [] }, /token 1: .* found \[\]$/],
    [{ 1: [256] }, /token 1: .* found \[256\]$/],
    [{ 1: ['a'] }, /token 1: .* found \["a"\]$/],
    [{ 1: null }, /token 1: .* found null$/],
    [{ 1: '\ud83d' }, /token 1: /],
    [{ 1: 'a'.repeat(1025) }, /token 1: /],
    [{ 1: 'a', 2: 'a' }, /ids 1 and 2 have the same bytes/],
    [{ 0: 'a' }, /the vocabulary is empty/],
  ])('%j is refused', async (json, message) => {
    const error = await failure(using(file(json), async () => {}));
    expect([error.code, error.message]).toEqual(['bad-vocabulary', expect.stringMatching(message)]);
  });
});

describe('a text is cut', () => {
  const text = 'the-final--countdown';
  const at = (behavior: string, invert = false, pattern: object = { String: '-' }) => ({
    type: 'Split',
    pattern,
    behavior,
    invert,
  });
  test.each([
    [at('Removed'), ['the', 'final', 'countdown']],
    [at('Removed', true), ['-', '-', '-']],
    [at('Isolated'), ['the', '-', 'final', '-', '-', 'countdown']],
    [at('Isolated', true), ['the', '-', 'final', '-', '-', 'countdown']],
    [at('MergedWithPrevious'), ['the-', 'final-', '-', 'countdown']],
    [at('MergedWithNext'), ['the', '-final', '-', '-countdown']],
    [at('Contiguous'), ['the', '-', 'final', '--', 'countdown']],
    [
      at('Isolated', false, { Regex: '(\\p{L})+|[^[:alpha:]]{1,2}' }),
      ['the', '-', 'final', '--', 'countdown'],
    ],
    [at('Removed', false, { Regex: '([aeiou])(n)?' }), ['th', '-f', 'l--c', 'td', 'wn']],
    [{ type: 'Punctuation', behavior: 'Isolated' }, ['the', '-', 'final', '-', '-', 'countdown']],
    [{ type: 'CharDelimiterSplit', delimiter: '-' }, ['the', 'final', 'countdown']],
    [
      { type: 'Sequence', pretokenizers: [at('MergedWithNext'), at('Removed')] },
      ['the', 'final', 'countdown'],
    ],
  ] as const)('by %j', async (pre_tokenizer, expected) => {
    const tokens = [...new Set(expected)];
    const { encode } = await open(words(pre_tokenizer, tokens));
    expect([...(encode?.(text, false) ?? [])]).toEqual(expected.map((piece) => tokens.indexOf(piece) + 1));
  });

  test.each([
    [{ type: 'WhitespaceSplit' }, 'a\u0085b\u3000c\ufeffd', ['a', 'b', 'c\ufeffd']],
    [{ type: 'Whitespace' }, 'été-naïve  x_1!?', ['été', '-', 'naïve', 'x_1', '!?']],
    [{ type: 'BertPreTokenizer' }, 'Hi, you!?', ['Hi', ',', 'you', '!', '?']],
    [{ type: 'Digits', individual_digits: true }, 'a12½', ['a', '1', '2', '½']],
    [{ type: 'Digits', individual_digits: false }, 'a12½', ['a', '12½']],
    [null, 'a b', ['a b']],
  ] as const)('by %j: %j', async (pre_tokenizer, text, expected) => {
    const tokens = [...new Set(expected)];
    const { encode } = await open(words(pre_tokenizer, tokens));
    expect([...(encode?.(text, false) ?? [])]).toEqual(expected.map((piece) => tokens.indexOf(piece) + 1));
  });
});

test('words are ids, all others the unknown one, and texts come back with blanks between', () => {
  const music = words({ type: 'WhitespaceSplit' }, ['t1', 't12', 'p:30:4'], {
    normalizer: { type: 'Lowercase' },
  });
  return using(
    file(music),
    async (model) => {
      expect(await model.tokenize('T1 p:30:4  t12\nt2 t')).toEqual([1, 3, 2, 0, 0]);
      expect(await model.detokenize([1, 3, 2])).toBe('t1 p:30:4 t12');
      expect(await textOf((await model.createSession()).complete('', { temperature: 0 }))).toBe(
        ' t12 p:30:4',
      );
    },
    [2, 3],
  );
});

test('words without an unknown one are refused, not lost', async () => {
  const strict = words({ type: 'WhitespaceSplit' }, ['a']);
  const { encode } = await open({ ...strict, model: { ...strict.model, unk_token: null } });
  expect([...(encode?.('a a', false) ?? [])]).toEqual([1, 1]);
  expect(() => encode?.('a b', false)).toThrow(
    'mine.json: the vocabulary has no token for a part of the text',
  );
});

describe('BPE with bytes for what has no token', () => {
  test('gives texts back, letter for letter', () =>
    using(file(fallback), async (model) => {
      expect(await model.tokenize('the the')).toEqual([7, 7]);
      expect(await model.tokenize('é')).toEqual([1, 8 + 0xc3, 8 + 0xa9]);
      for (const text of texts.slice(0, -1))
        expect(await model.detokenize(await model.tokenize(text))).toBe(text);
      expect(await model.detokenize(await model.tokenize('x\ufffd'))).toBe('x\ufffd');
    }));

  test('streams whole characters', () => {
    const recites = [7, ...[0xf0, 0x9f, 0x91, 0x8d].map((byte) => 8 + byte), 5];
    return using(
      file(fallback),
      async (model) => {
        const steps = await collect((await model.createSession()).generate('', { temperature: 0 }));
        expect(steps.map(({ text }) => text)).toEqual([' the', '', '', '', '👍', 'th']);
      },
      recites,
    );
  });

  test('puts a blank before a whole text, not before one that goes on', () =>
    using(file(fallback), async (model) => {
      const [pieces, whole] = [await model.createSession(), await model.createSession()];
      await pieces.append('the');
      await pieces.append(' the');
      await whole.append('the the');
      expect(await pieces.logits()).toEqual(await whole.logits());
      expect((await pieces.append('the')).promptTokens).toBe(1);
    }));
});

test('Unigram takes the likeliest cut', () =>
  using(file(unigram), async (model) => {
    expect(await model.tokenize('the wolf')).toEqual([2, 3, 6]);
    expect(await model.tokenize('the')).toEqual([2]);
    expect(await model.detokenize([2, 3, 6])).toBe('the wolf');
    expect(await model.tokenize('xx the')).toEqual([1, 0, 2]);
  }));

test.each([
  ['words', words({ type: 'WhitespaceSplit' }, ['the'])],
  ['bytes', fallback],
  ['Unigram', unigram],
] as const)('a long text of one word is no trouble for %s', async (_, json) => {
  const { encode } = await open(json);
  expect(encode?.('th'.repeat(20_000), false).length).toBeGreaterThan(0);
});

describe('patterns', () => {
  const gpt2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
  const gpt4 =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  const gpt4o =
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  const deepSeek =
    '[!"#$%&\'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';
  const withPattern = (Regex: string) =>
    words({ type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false }, ['a']);

  test.each([
    gpt2,
    gpt4,
    gpt4o,
    deepSeek,
    `(${gpt4})`,
    '[一-龥\\u0800-\\u4e00]+',
    '(?:ab){2,5}',
    'a{2}b{,3}',
    '(?<x>a)b?',
  ])('%s is taken', async (pattern) =>
    expect((await open(withPattern(pattern))).core).toMatchObject({ kind: 'huggingface' }),
  );

  test.each([
    ...[
      '(a+)+$',
      '(a*)*b',
      '(a|a)*b',
      '(a|aa)+$',
      '((ab?))+',
      '(?:a?){30}a{30}',
      '(?i:a+)*',
      '(?=(a+))*b',
      '(a+){2,}',
    ],
    ...[
      'a*a*a*a*b',
      '(a*a*)(a*a*)b',
      'a?'.repeat(9),
      '(a)\\1',
      '(?i)a',
      '(?#x)a',
      '(a',
      'a)',
      '[a',
      '\\p{Nonsense}',
      'a'.repeat(5000),
    ],
  ])('%s is refused', async (pattern) => {
    const error = await failure(open(withPattern(pattern)));
    expect([error.code, error.message]).toEqual(['unsupported', expect.stringMatching(/^mine\.json: /)]);
  });
});

test.each([
  [{ ...fallback, model: { ...fallback.model, dropout: 0.1 } }, /^mine\.json: model: dropout is set$/],
  [{ ...unigram, model: { ...unigram.model, byte_fallback: true } }, /model: byte_fallback is set$/],
  [
    { ...fallback, normalizer: { type: 'Precompiled', precompiled_charsmap: '' } },
    /normalizer: .*"Precompiled"$/,
  ],
  [{ ...fallback, normalizer: { type: 'Sequence', normalizers: [{ type: 'Nmt' }] } }, /normalizer: .*"Nmt"$/],
  [{ ...fallback, pre_tokenizer: { type: 'UnicodeScripts' } }, /pre_tokenizer: .*"UnicodeScripts"$/],
  [{ ...fallback, decoder: { type: 'WordPiece' } }, /decoder: .*"WordPiece"$/],
  [{ ...fallback, decoder: { type: 'Strip', content: ' ', start: 1, stop: 1 } }, /decoder: /],
  [
    words({ type: 'Split', pattern: { String: ' ' }, behavior: 'MergedWithNext', invert: true }, ['a']),
    /invert is set/,
  ],
] as const)('what the library does otherwise is refused by name: %#', async (json, message) => {
  const error = await failure(open(json));
  expect([error.code, error.message]).toEqual(['unsupported', expect.stringMatching(message)]);
});

test.each([
  [{ ...unigram, model: { ...unigram.model, vocab: [['a']] } }, /model\.vocab: /],
  [{ ...unigram, model: { ...unigram.model, unk_id: 99 } }, /model\.unk_id: found 99$/],
  [words({ type: 'Split', behavior: 'Isolated' }, ['a']), /pre_tokenizer: expected a pattern/],
  [words({ type: 'Split', pattern: { String: ' ' }, behavior: 'Sideways' }, ['a']), /expected a behavior/],
  [words({ type: 'Sequence', pretokenizers: 7 }, ['a']), /pretokenizers: expected an array, found 7$/],
  [{ ...fallback, normalizer: { type: 'Prepend' } }, /normalizer: expected a text as prepend/],
] as const)('what is broken is refused: %#', async (json, message) => {
  const error = await failure(open(json));
  expect([error.code, error.message]).toEqual(['bad-vocabulary', expect.stringMatching(message)]);
});
