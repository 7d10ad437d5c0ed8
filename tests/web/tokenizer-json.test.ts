// Files of the form tokenizer.json that mean harm, or another kind of tokenizer: told apart before the library sees them.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { RWKV, RwkvError } from '../../dist/node.js';
import { openJson } from '../../dist/worker/vocabulary/vocabulary.js';
import { reciter } from './reciter.js';
import { failure } from './streams.js';

const good = readFileSync(new URL('../fixtures/tokenizer/byte-level.json', import.meta.url), 'utf8');
const open = (text: string) => openJson('tokenizer.json', text);

/** The good file with one thing put elsewhere, which must stand there once. */
function changed(from: string, to: string): string {
  expect(good.split(from)).toHaveLength(2);
  return good.replace(from, () => to);
}

async function refuses(text: string, code: string, message: RegExp) {
  const error = await failure(open(text));
  expect(error).toBeInstanceOf(RwkvError);
  expect([error.code, error.message]).toEqual([code, expect.stringMatching(message)]);
  expect(error.message).toMatch(/^tokenizer\.json: /);
}

describe('a tokenizer.json is refused that', () => {
  const normalizer = '"normalizer":{"type":"NFC"}';
  const words = '"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false';
  const decoder = '"decoder":{"type":"ByteLevel"';
  const model = '"model":{"type":"BPE"';
  const pad = '"id":270,"content":"<|pad|>","single_word":false';
  test.each([
    ['is cut off', good.slice(0, 2000), 'bad-vocabulary', /no JSON/],
    [
      'is an object of nothing',
      '{}',
      'unsupported',
      /model: expected BPE, WordLevel or Unigram, found null$/,
    ],
    [
      'is another model',
      changed(model, '"model":{"type":"WordPiece"'),
      'unsupported',
      /model: .*"WordPiece"$/,
    ],
    ['names no model', changed(model, '"model":{"type":7'), 'unsupported', /model: .*found 7$/],
    [
      'marks the parts of words',
      changed('"end_of_word_suffix":null', '"end_of_word_suffix":"</w>"'),
      'unsupported',
      /model: end_of_word_suffix is set/,
    ],
    ['decodes otherwise', changed(decoder, '"decoder":{"type":"CTC"'), 'unsupported', /decoder: .*"CTC"$/],
    [
      'has no decoder',
      changed(decoder, '"decoder":null,"x":{"type":"ByteLevel"'),
      'unsupported',
      /decoder: .* null$/,
    ],
    [
      'cuts otherwise',
      changed(words, '"pre_tokenizer":{"type":"UnicodeScripts","x":1'),
      'unsupported',
      /pre_tokenizer: .*"UnicodeScripts"$/,
    ],
    [
      'adds a space',
      changed(words, words.replace('false', 'true')),
      'unsupported',
      /pre_tokenizer: add_prefix_space/,
    ],
    [
      'normalizes otherwise',
      changed(normalizer, '"normalizer":{"type":"BertNormalizer"}'),
      'unsupported',
      /normalizer: .*"BertNormalizer"$/,
    ],
    [
      'has no vocabulary',
      changed('"vocab":{', '"vocab":[],"x":{'),
      'bad-vocabulary',
      /model\.vocab: expected an object/,
    ],
    [
      'has an id that is no number',
      changed('"hello":260', '"hello":"260"'),
      'bad-vocabulary',
      /token "hello": .*found "260"$/,
    ],
    [
      'has a negative id',
      changed('"hello":260', '"hello":-1'),
      'bad-vocabulary',
      /token "hello": .* from 0 to 1048575, found -1$/,
    ],
    [
      'has half an id',
      changed('"hello":260', '"hello":2.5'),
      'bad-vocabulary',
      /token "hello": .*found 2\.5$/,
    ],
    ['has an id beyond all', changed('"hello":260', '"hello":1048576'), 'bad-vocabulary', /found 1048576$/],
    [
      'has an id twice',
      changed('"hello":260', '"hello":259'),
      'bad-vocabulary',
      /tokens "hell" and "hello" have the same id, 259$/,
    ],
    [
      'has a list for added tokens',
      changed('"added_tokens":[', '"added_tokens":7,"x":['),
      'bad-vocabulary',
      /added_tokens: .*found 7$/,
    ],
    [
      'has an added token without a text',
      changed(pad, '"id":270,"content":""'),
      'bad-vocabulary',
      /added_tokens: .*found ""$/,
    ],
    [
      'has an added token that is none',
      changed('"added_tokens":[', '"added_tokens":[null,'),
      'bad-vocabulary',
      /added_tokens: .*undefined$/,
    ],
    [
      'adds a token under another id',
      changed(pad, '"id":270,"content":"hello"'),
      'bad-vocabulary',
      /token "hello" has two ids, 260 and 270$/,
    ],
    [
      'adds a token under a used id',
      changed(pad, '"id":260,"content":"<|pad|>"'),
      'bad-vocabulary',
      /tokens "hello" and "<\|pad\|>" have the same id, 260$/,
    ],
    [
      'adds a whole word only',
      changed(pad, pad.replace('false', 'true')),
      'unsupported',
      /added token "<\|pad\|>": single_word/,
    ],
    [
      'has a word as token 0',
      changed('"<|endoftext|>":0', '"x0":0').replace(
        '"id":0,"content":"<|endoftext|>"',
        '"id":400,"content":"<|endoftext|>"',
      ),
      'unsupported',
      /token 0: expected a special token that ends the text, found "x0"$/,
    ],
    [
      'merges nothing',
      changed('"merges":[', '"merges":{},"x":['),
      'bad-vocabulary',
      /model\.merges: expected an array/,
    ],
    [
      'merges one token',
      changed('"h e"', '"h"'),
      'bad-vocabulary',
      /model\.merges: expected two tokens, found "h"$/,
    ],
    [
      'merges a number',
      changed('"h e"', '5'),
      'bad-vocabulary',
      /model\.merges: expected two tokens, found 5$/,
    ],
    ['merges what is no token', changed('"h e"', '"h zz"'), 'bad-vocabulary', /model\.merges: .*"h zz"$/],
    [
      'merges to what is no token',
      changed('"h e"', '["h","h"]'),
      'bad-vocabulary',
      /model\.merges: \["h","h"\] makes no token$/,
    ],
  ] as const)('%s', (_, text, code, message) => refuses(text, code, message));

  test('is nested without end', () => refuses('{"a":'.repeat(500_000), 'bad-vocabulary', /no JSON/));

  test('is chosen for a model, and the next load works', async () => {
    const model = reciter({ vocabulary: 273, recites: [260] });
    const tokenizer = new File([changed('"hello":260', '"hello":259')], 'mine.json');
    const error = await failure(RWKV.load(model, { tokenizer }));
    expect(error).toMatchObject({
      code: 'bad-vocabulary',
      message: expect.stringMatching(/^mine\.json: tokens/),
    });
    await (await RWKV.load(model, { tokenizer: new Blob([good]) })).dispose();
  });
});

test('a text with a part that has no token is refused, not shortened', async () => {
  const without = good.replace('"z":123,', '');
  expect(without).not.toBe(good);
  const { encode } = await open(without);
  expect([...(encode?.('hello', false) ?? [])]).toEqual([260]);
  expect(() => encode?.('hello, zoo', false)).toThrow(
    /^tokenizer\.json: the vocabulary has no token for a part of the text$/,
  );
});

test('an unknown token stands for such parts where the file names one', async () => {
  const { encode } = await open(good.replace('"z":123,', '').replace('"unk_token":null', '"unk_token":"he"'));
  expect([...(encode?.('hello, zoo', false) ?? [])]).toEqual([260, 45, 33, 257, 112, 112]);
});

test('merges may be pairs, blanks may come first', async () => {
  const pairs = good.replace(
    /"merges":\[(.*?)\]/,
    (_, merges: string) => `"merges":[${merges.replace(/"([^" ]+) ([^" ]+)"/g, '["$1","$2"]')}]`,
  );
  expect(pairs).toContain('["hell","o"]');
  const { core, encode } = await open(` \r\n${pairs}`);
  expect(core).toMatchObject({ kind: 'huggingface', count: 273 });
  expect([...(encode?.('hello world', false) ?? [])]).toEqual([260, 265]);
});

test('a mutated tokenizer.json is read or refused with its name', async () => {
  const bytes = new TextEncoder().encode(good);
  const likely = new TextEncoder().encode('{}[]",:0129-e\\utfnull');
  let chance = 1;
  const random = (below: number) => {
    chance = (chance * 48271) % 2147483647;
    return chance % below;
  };
  let read = 0;
  for (let round = 0; round < 1500; round++) {
    const mutated = bytes.slice();
    for (let times = 1 + random(3); times > 0; times--) {
      // Half of the time outside the vocabulary, where the settings are.
      const at = random(2) ? random(mutated.length) : random(1000);
      mutated[at] = random(4) === 0 ? random(256) : (likely[random(likely.length)] ?? 0);
    }
    try {
      const { encode } = await open(new TextDecoder().decode(mutated));
      encode?.('hello world 👍\n', false);
      read++;
    } catch (error) {
      expect(error).toBeInstanceOf(RwkvError);
      expect(String(error)).toMatch(/^RwkvError: tokenizer\.json: /);
    }
  }
  expect(read).toBeGreaterThan(50);
  expect(read).toBeLessThan(1450);
});

test('the library is loaded when a tokenizer.json is there, and not before', () => {
  const dist = fileURLToPath(new URL('../../dist', import.meta.url));
  const importing = readdirSync(dist, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.js'))
    .flatMap((name) => {
      const text = readFileSync(`${dist}/${name}`, 'utf8');
      return text.split('\n').filter((line) => line.includes("'@huggingface/tokenizers'"));
    });
  expect(importing).toEqual([expect.stringContaining("await import('@huggingface/tokenizers')")]);
});
