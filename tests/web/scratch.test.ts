// What a model from scratch begins with, as callers see it: weights of a core that only pretends to make them, and vocabularies.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TuneTexts } from '../../dist/node.js';
import { type FakePackage, fakePackage } from './fake/package.js';
import { failure } from './streams.js';

let fake: FakePackage;
beforeAll(async () => {
  fake = await fakePackage();
});
afterAll(() => fake.remove());

const geese = 'The geese have come home, and the pond is full of their talk. '.repeat(6);

describe('a new model', () => {
  const shape = { layers: 2, channels: 96, vocabulary: 300 };

  test('is asked for as options say, and with what stands for absent ones', async () => {
    const asked = async (more: object) => {
      const text = new TextDecoder().decode(await fake.newModel({ ...shape, ...more }));
      return JSON.parse(text.replace(/^fake /, ''));
    };
    const usual = { ...shape, version: '7', headSize: 32, hidden: 0, seed: 0 };
    expect(await asked({})).toEqual({ model: usual, format: 'safetensors' });
    expect(await asked({ channels: 128, hidden: undefined })).toMatchObject({
      model: { headSize: 64 },
    });
    const said = { version: '5.2', headSize: 48, hidden: 160, seed: 3 };
    expect(await asked({ ...said, format: 'pth' })).toEqual({ model: { ...usual, ...said }, format: 'pth' });
  });

  test.each<[object, RegExp]>([
    [{ layers: undefined }, /^option layers: expected an integer from 1 to 256; found undefined$/],
    [{ layers: 257 }, /^option layers: .*found 257$/],
    [{ channels: 100 }, /^option channels: expected a multiple of 32 from 32 to 16384; found 100$/],
    [{ headSize: 64 }, /^option headSize: expected a multiple of 4 that divides the 96 channels; found 64$/],
    [{ headSize: 6 }, /^option headSize: /],
    [{ hidden: 33 }, /^option hidden: expected a multiple of 32 /],
    [{ vocabulary: 1 }, /^option vocabulary: expected an integer from 2 to 1048576; found 1$/],
    [{ version: '5.1' }, /^option version: expected '4' or '5.2' or '6' or '7'; found '5.1'$/],
    [{ seed: -1 }, /^option seed: /],
    [{ format: 'gguf' }, /^option format: /],
    [{ depth: 2 }, /^options: expected only .*; found 'depth'$/],
  ])('of %j is refused', async (wrong, message) => {
    const { code, message: told } = await failure(fake.newModel({ ...shape, ...wrong }));
    expect([code, told]).toEqual(['invalid-argument', expect.stringMatching(message)]);
  });

  test('that does not fit or is not wanted any more ends with the reason', async () => {
    expect((await failure(fake.newModel({ ...shape, seed: 210 }))).code).toBe('out-of-memory');
    const signal = AbortSignal.abort(new Error('enough'));
    expect((await failure(fake.newModel({ ...shape, signal }))).message).toBe('enough');
  });
});

describe('a vocabulary', () => {
  test('has a line for each id but 0: all bytes, then pieces of words, the short ones first', async () => {
    const lines = (await fake.trainVocabulary(geese, { size: 270 })).split('\n');
    expect(lines.slice(0, 2)).toEqual([String.raw`1 '\x00' 1`, String.raw`2 '\x01' 1`]);
    expect([lines[10], lines[39], lines[65], lines[92]]).toEqual([
      String.raw`11 '\n' 1`,
      String.raw`40 '\'' 1`,
      "66 'A' 1",
      String.raw`93 '\\' 1`,
    ]);
    expect(lines[255]).toBe(String.raw`256 b'\xff' 1`);
    expect(lines).toHaveLength(270); // an empty one behind the last
    const pieces = lines.slice(256, -1).map((line) => /^\d+ '(.*)' (\d+)$/.exec(line)?.slice(1));
    expect(pieces).toContainEqual([' the', '4']);
    expect(pieces.map((piece) => Number(piece?.[1]))).toEqual(
      pieces.map((piece) => piece?.[0]?.length).sort((a = 0, b = 0) => a - b),
    );
  });

  test('is of all that texts say, and the same for the same', async () => {
    const texts: TuneTexts = [
      geese,
      { text: 'a goose, a goose' },
      { prompt: 'ganders and ', completion: 'ganders' },
      { messages: [{ role: 'user', content: [{ type: 'text', text: 'goslings, goslings' }] }] },
    ];
    const made = await fake.trainVocabulary(texts, { size: 300 });
    expect(made).toMatch(/ goose'.*anders'.*slings'/s);
    async function* oneByOne() {
      yield* texts as Iterable<string>;
    }
    expect(await fake.trainVocabulary(oneByOne(), { size: 300 })).toBe(made);
  });

  test.each<[unknown, object, RegExp]>([
    [geese, { size: 256 }, /^option size: expected an integer from 257 to 65536; found 256$/],
    [geese, {}, /^option size: .*found undefined$/],
    [
      geese,
      { size: 4096 },
      /^option size: expected at most \d+, as these texts have no more pieces that come/,
    ],
    [[], { size: 300 }, /^texts: expected at least one; found none$/],
    [7, { size: 300 }, /^texts: expected a text, or texts in a list or another iterable; found 7$/],
    [[geese, ''], { size: 300 }, /^texts\[1\]: expected a text; it is empty$/],
    [[[1, 2]], { size: 300 }, /^texts\[0\]: expected a text; found 'token ids'$/],
    [[{ prompt: 'a' }], { size: 300 }, /^texts\[0\]\.completion: expected a text; found undefined$/],
    [[{ messages: [{}] }], { size: 300 }, /^texts\[0\]\.messages\[0\]\.role: /],
  ])('of %j with %j is refused', async (texts, options, message) => {
    const made = fake.trainVocabulary(texts as TuneTexts, options as { size: number });
    const { code, message: told } = await failure(made);
    expect([code, told]).toEqual(['invalid-argument', expect.stringMatching(message)]);
  });
});
