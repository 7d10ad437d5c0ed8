// Texts as systems write them, in UTF-8 and in UTF-16, with a mark or without: the same through every door, and what is
// neither is refused with its place.
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { asUtf8 } from '../../dist/cli/files.js';
import { RWKV } from '../../dist/node.js';
import { decodeText } from '../../dist/shared/text-file.js';
import { ended, folder, oracle, start } from './command.js';
import { reciter } from './reciter.js';
import { collect, failure } from './streams.js';

const utf16 = (text: string, isLittle: boolean) => {
  const units = Buffer.from(`\ufeff${text}`, 'utf16le');
  return isLittle ? units : units.swap16();
};
const ways: Record<string, (text: string) => Buffer> = {
  'UTF-8': (text) => Buffer.from(text),
  'UTF-8 with a mark': (text) => Buffer.from(`\ufeff${text}`),
  'UTF-16 of small ends': (text) => utf16(text, true),
  'UTF-16 of big ends': (text) => utf16(text, false),
};

describe.each(Object.entries(ways))('%s', (_, write) => {
  test.each(['', 'a', 'é\r\n世界 😀\n', '\ufeffa', 'a\0'])(
    '%j is read, whole and in pieces',
    async (text) => {
      const bytes = write(text);
      const unix = text.replaceAll('\r\n', '\n');
      if (write !== ways['UTF-8']) expect(decodeText('a.txt', bytes)).toBe(unix);
      for (const size of [1, 2, 3, 5, 100]) {
        async function* pieces() {
          for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
        }
        const whole = Buffer.concat(await collect(asUtf8(pieces())));
        expect(whole.toString().replaceAll('\r\n', '\n')).toBe(decodeText('a.txt', bytes));
      }
    },
  );

  test('vocabularies are read', async () => {
    const model = reciter({ vocabulary: 273, recites: [260] });
    const trie = write("1 'a' 1\r\n2 'é' 2\r\n3 b'\\xff' 1\r\n");
    const json = write(
      readFileSync(new URL('../fixtures/tokenizer/byte-level.json', import.meta.url), 'utf8'),
    );
    for (const [tokenizer, ids] of [
      [trie, [1, 2]],
      [json, [98, 196, 170]],
    ] as const) {
      const loaded = await RWKV.load(model, { tokenizer });
      expect(await loaded.tokenize('aé')).toEqual(ids);
      await loaded.dispose();
    }
  });

  const { path, remove } = folder();
  afterAll(remove);
  const flags = ['-m', oracle, '--tokenizer', 'bytes'];
  const file = (text: string) => {
    writeFileSync(path('in'), write(text));
    return path('in');
  };

  test('perplexity and complete read it from files and standard input', async () => {
    const [text, input] = ['Un café,\r\nnon?', file('Un café,\r\nnon?')]; // lines end with \n for the model
    const told = await ended(start('perplexity', input, '--json', ...flags));
    const piped = await ended(start('perplexity', '-', '--json', ...flags), write(text));
    expect(JSON.parse(told.stdout)).toMatchObject({ bytes: 14, tokens: 14 });
    expect(JSON.parse(piped.stdout)).toEqual({ ...JSON.parse(told.stdout), file: '-' });
    const completed = await ended(
      start('complete', '-', '--json', '-n', '1', ...flags),
      write(`${text}\r\n`),
    );
    expect(JSON.parse(completed.stdout)).toMatchObject({ prompt: text.replace('\r', '') });
  });

  test('batch and chat read its lines', async () => {
    const lines =
      '{"id": "é", "prompt": "a", "maxTokens": 1}\r\n{"id": 2, "prompt": "b", "maxTokens": 1}\r\n';
    for (const input of [file(lines), '-']) {
      const out = path(input === '-' ? 'piped' : 'out');
      await ended(start('batch', input, out, ...flags), input === '-' ? write(lines) : undefined);
      const answers = readFileSync(out, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      expect(answers.map(({ id, error }) => [id, error]).sort()).toEqual([
        [2, undefined],
        ['é', undefined],
      ]);
    }
    const said = await ended(
      start('chat', '--template', 'none', '-n', '1', ...flags),
      write('/reset\r\n/helq\r\n'),
    );
    expect(said.stderr).toMatch(/^rwkv-wasm: \/helq: no such command/);
  });
});

describe('what is not UTF-8', () => {
  test.each([
    ['caf\xe9 au lait', 'a.txt: not UTF-8 at byte 3: save it as UTF-8'],
    ['a\nb\r\ncaf\xe9', 'a.txt, line 3: not UTF-8 at byte 8: save it as UTF-8'],
    ['\xc3', 'a.txt: not UTF-8 at byte 0: save it as UTF-8'],
    ['caf\xc3\xa9\xed\xa0\x80', 'a.txt: not UTF-8 at byte 5: save it as UTF-8'],
    ['\xff\xfe\0\0a\0\0\0', 'a.txt: not UTF-8 at byte 0: save it as UTF-8'],
    ['\xff\xfea', 'a.txt: not the UTF-16LE that its mark says: save it as UTF-8'],
    ['\xfe\xff\xd8\x3d', 'a.txt: not the UTF-16BE that its mark says: save it as UTF-8'],
  ])('%j is refused', (text, message) => {
    expect(() => decodeText('a.txt', Buffer.from(text, 'latin1'))).toThrow(message);
  });

  const { path, remove } = folder();
  beforeAll(() => writeFileSync(path('in'), latin1));
  afterAll(remove);
  const latin1 = Buffer.from('"caf\xe9"\n"th\xe9"\n', 'latin1');
  const flags = ['-m', oracle, '--tokenizer', 'bytes'];

  test.each([
    ['perplexity', path('in')],
    ['perplexity', '-'],
    ['complete', '-'],
    ['chat', '--template', 'none'],
  ])('%s %s refuses it', async (...command) => {
    const { code, stderr } = await ended(start(...command, ...flags), latin1);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/: not UTF-8 at byte 4: save it as UTF-8/)]);
  });

  test('batch refuses its line', async () => {
    await ended(start('batch', path('in'), path('out'), ...flags));
    expect(readFileSync(path('out'), 'utf8')).toContain(
      'the line is not JSON: not UTF-8 at byte 3: save it as UTF-8',
    );
  });

  test('vocabularies refuse it', async () => {
    for (const text of ["1 'caf\xe9' 5\n", '{"model": "\xe9"}']) {
      const tokenizer = new File([Buffer.from(text, 'latin1')], 'mine');
      const error = await failure(RWKV.load(oracle, { tokenizer }));
      expect(error).toMatchObject({
        code: 'bad-vocabulary',
        message: expect.stringMatching(/^mine.*: not UTF-8 at byte \d+: save it as UTF-8$/),
      });
    }
  });
});
