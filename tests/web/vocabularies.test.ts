// Every kind of vocabulary through the package itself: where it comes from, what it is called, text in and out.
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type LoadOptions, type Model, RWKV } from '../../dist/node.js';
import { openVocabulary } from '../../dist/worker/vocabulary/vocabulary.js';
import { reciter } from './reciter.js';
import { sharedFile, sharedPath } from './shared.js';
import { collect, failure, textOf } from './streams.js';

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/tokenizer/${name}`, import.meta.url));
const jsonPath = fixture('byte-level.json');
const json = new Uint8Array(readFileSync(jsonPath));
const small = reciter({ vocabulary: 273, recites: [260, 265, 33, 269, 142, 11] }); // hello world 👍\n

async function using<T>(file: Uint8Array, options: LoadOptions, work: (model: Model) => Promise<T>) {
  const model = await RWKV.load(file, options);
  try {
    return await work(model);
  } finally {
    await model.dispose();
  }
}

/** What a model writes by itself. */
async function recital(model: Model): Promise<string> {
  return textOf((await model.createSession()).complete('', { temperature: 0 }));
}

describe('a tokenizer.json', () => {
  let server: Server;
  let url: string;
  beforeAll(async () => {
    server = createServer((_, response) => void response.end(json));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/tokenizer.json`;
  });
  afterAll(() => void server.close());

  test('loads from everywhere', async () => {
    const places = [jsonPath, pathToFileURL(jsonPath), url, new Blob([json]), json, json.slice().buffer];
    for (const tokenizer of places) {
      await using(small, { tokenizer }, async (model) => {
        expect(model.info.tokenizer).toBe('huggingface');
        expect(model.info.warnings).toEqual([]);
        expect(await recital(model)).toBe('hello world 👍\n');
      });
    }
  });

  test('gives the ids of the reference and takes them back', () =>
    using(small, { tokenizer: json }, async (model) => {
      for (const [text, ids] of [
        ['', []],
        ['hello world', [260, 265]],
        [" world's\n\n\n", [265, 267, 266, 11]],
        ['👍🏽', [269, 142, 268, 144, 190]],
        ['a   b    c', [98, 271, 99, 271, 33, 100]],
        ['\u0085 \uFEFF x', [195, 134, 33, 240, 188, 192, 33, 121]],
        ['tab\t\0', [117, 98, 99, 10, 1]],
      ] as const) {
        expect([text, await model.tokenize(text)]).toEqual([text, ids]);
        expect(await model.detokenize(ids)).toBe(text);
      }
      expect(await model.tokenize('<|endoftext|>hello<|pad|>')).toEqual([0, 260, 270]);
      expect(await model.detokenize([0, 260, 270])).toBe('hello<|pad|>'); // the end of text has no text
      expect(await model.tokenize('cafe\u0301! cafe\u0301')).toEqual([
        100, 98, 103, 272, 33, 100, 98, 103, 196, 170,
      ]);
      expect(await model.detokenize([272, 196, 170])).toBe('é!é');
    }));

  test('streams whole characters and reads text into a session', () =>
    using(small, { tokenizer: json }, async (model) => {
      const session = await model.createSession();
      await session.append('hello');
      const steps = await collect(session.generate(' world', { temperature: 0 }));
      expect(steps).toEqual([
        { token: 33, text: ' ' },
        { token: 269, text: '' },
        { token: 142, text: '👍' },
        { token: 11, text: '\n' },
      ]);
      expect((await failure(model.detokenize([273]))).code).toBe('invalid-argument');
    }));

  test('with more ids than the model has is refused', async () => {
    const error = await failure(
      RWKV.load(reciter({ vocabulary: 272, recites: [1] }), { tokenizer: jsonPath }),
    );
    expect(error).toMatchObject({
      code: 'bad-vocabulary',
      message: 'byte-level.json: the vocabulary has ids up to 272, the model only up to 271',
    });
    await using(small, { tokenizer: jsonPath }, recital);
  });

  const pile = sharedFile('data/20B_tokenizer.json');
  const pileName = 'of the Pile models gives the ids of the reference (skipped where it is not in ../shared)';
  test.skipIf(!pile)(pileName, () =>
    using(
      reciter({ vocabulary: 50277, recites: [12092, 1533, 209, 42848, 45261, 2, 22692, 228, 104] }),
      { tokenizer: sharedPath('data/20B_tokenizer.json') },
      async (model) => {
        expect(model.info).toMatchObject({ tokenizer: 'huggingface', vocabulary: 50277 });
        for (const [text, ids] of [
          ['Hello', [12092]],
          ['\n\n', [535]],
          ['Hello world', [12092, 1533]],
          [
            'Once upon a time there was a little girl.',
            [10758, 2220, 247, 673, 627, 369, 247, 1652, 3226, 15],
          ],
          [
            'def f(x):\n    return x**2  # comment\n',
            [1545, 269, 9, 89, 2262, 187, 50274, 2309, 1269, 424, 19, 50276, 4, 4385, 187],
          ],
          ["it's we'll", [262, 434, 359, 1833]],
          [
            'Grüße, 世界! 👩‍👧',
            [3594, 3090, 44366, 13, 209, 42848, 45261, 2, 22692, 228, 104, 325, 224, 14931, 228, 102],
          ],
          [' \uFEFFx', [35762, 89]],
          ['a\u0085 b', [66, 16643, 270]],
          [`${' '.repeat(30)}x`, [50254, 50272, 89]],
        ] as const) {
          expect([text, await model.tokenize(text)]).toEqual([text, ids]);
          expect(await model.detokenize(ids)).toBe(text);
        }
        expect(await model.tokenize('cafe\u0301')).toEqual([68, 2320, 860]);
        expect(await model.tokenize('<|endoftext|>a<|padding|>')).toEqual([0, 66, 1]);
        expect(await recital(model)).toBe('Hello world 世界! 👩');
      },
    ),
  );
});

describe('a trie file', () => {
  const world = sharedFile('data/rwkv_vocab_v20230424.txt');
  const official = sharedPath('data/rwkv_vocab_v20230424.txt');

  test.skipIf(!world)('is known as the World vocabulary (skipped where it is not in ../shared)', async () => {
    const bytes = world ?? new Uint8Array();
    const model = reciter({ vocabulary: 65536, recites: [33155, 40213, 34] });
    for (const tokenizer of [official, pathToFileURL(official), new Blob([bytes]), bytes]) {
      await using(model, { tokenizer }, async ({ info }) => expect(info.tokenizer).toBe('world'));
    }
    await using(model, { tokenizer: new Uint8Array([...bytes, 0x0a]) }, async (changed) => {
      expect(changed.info.tokenizer).toBe('trie');
      expect(await changed.tokenize('Hello world!')).toEqual([33155, 40213, 34]);
      expect(await recital(changed)).toBe('Hello world!');
    });
  });

  test.skipIf(!world)('is only a trie where nothing computes SHA-256 (skipped likewise)', async () => {
    const place = { kind: 'bytes', name: 'vocab.txt', bytes: world ?? new Uint8Array() } as const;
    expect((await openVocabulary(place, {})).core).toMatchObject({ kind: 'world' });
    for (const crypto of [undefined, {}]) {
      vi.stubGlobal('crypto', crypto);
      expect((await openVocabulary(place, {})).core).toMatchObject({ kind: 'trie' });
      vi.unstubAllGlobals();
    }
  });

  test('of one’s own is a trie', () =>
    using(small, { tokenizer: new TextEncoder().encode("1 'a' 1\n260 'ab' 2\n") }, async (model) => {
      expect(model.info.tokenizer).toBe('trie');
      expect(await model.tokenize('aba')).toEqual([260, 1]);
    }));
});

describe('a vocabulary inside a GGUF file', () => {
  const tokens = ['<s>', 'a', '\\n', "it's", '\\xf0\\x9f', '\\x91\\x8d', '[PAD6]', '\\\\'];
  const recites = [3, 2, 4, 5, 1];
  const own = reciter({ vocabulary: 8, recites, tokens });

  test('is used by itself', () =>
    using(own, {}, async (model) => {
      expect(model.info).toMatchObject({ tokenizer: 'embedded', format: 'GGUF', warnings: [] });
      expect(await recital(model)).toBe("it's\n👍a");
      expect(await model.tokenize("a\\it's\n")).toEqual([1, 7, 3, 2]);
      expect(await model.detokenize([1, 6, 0, 1])).toBe('aa');
      expect((await failure(model.tokenize('[PAD6]'))).code).toBe('bad-vocabulary');
    }));

  test('gives way to the option tokenizer', async () => {
    const tokenizer = new TextEncoder().encode("3 'x' 1\n2 'y' 1\n");
    await using(own, { tokenizer }, async (model) => {
      expect(model.info.tokenizer).toBe('trie');
      expect(await recital(model)).toBe('xy');
    });
    await using(own, { tokenizer: false }, async (model) => {
      expect(model.info.tokenizer).toBe(null);
      expect((await failure(model.tokenize('a'))).code).toBe('no-tokenizer');
      const steps = await collect((await model.createSession()).generate('', { temperature: 0 }));
      expect(steps.map(({ token }) => token)).toEqual(recites);
    });
  });

  test('of another kind is left alone, with a warning', () =>
    using(reciter({ vocabulary: 8, recites, tokens, kind: 'gpt2' }), {}, async (model) => {
      expect(model.info.tokenizer).toBe(null);
      expect(model.info.warnings).toEqual([expect.stringMatching(/^bytes: .*'gpt2'/)]);
    }));

  test('is refused with its name where it is broken or does not fit', async () => {
    for (const [bad, message] of [
      [['<s>', 'a', '\\q'], /^chosen\.gguf: token 2: .*unknown escape/],
      [['<s>', 'a', 'a'], /^chosen\.gguf: ids 1 and 2 have the same bytes$/],
      [[...tokens, 'b'], /^chosen\.gguf: the vocabulary has ids up to 8, the model only up to 7$/],
    ] as const) {
      const file = new File([reciter({ vocabulary: 8, recites, tokens: bad })], 'chosen.gguf');
      const error = await failure(RWKV.load(file));
      expect([error.code, error.message]).toEqual(['bad-vocabulary', expect.stringMatching(message)]);
      await (await RWKV.load(file, { tokenizer: false })).dispose();
    }
    await using(own, {}, recital);
  });

  test('is absent from most files, which then load without a tokenizer', () =>
    using(reciter({ vocabulary: 8, recites }), {}, async (model) => {
      expect(model.info).toMatchObject({ tokenizer: null, warnings: [] });
    }));
});
