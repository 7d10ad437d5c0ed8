// Hosts that answer 200 OK with what is no model: nothing of it is kept, through whichever door, and what the store has of
// an earlier day is dropped when it turns out to be none.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type LoadOptions, type ModelSource, RWKV, RwkvError, store } from '../../dist/node.js';
import { foreign } from '../../dist/store/recognise.js';
import { run } from './command.js';
import { folder, server } from './store-room.js';
import { failure } from './streams.js';

const model = readFileSync(new URL('../fixtures/oracle/v7-bf16.pth', import.meta.url));

const wrong: Readonly<Record<string, readonly [string, RegExp]>> = {
  'a Git LFS pointer': [
    'version https://git-lfs.github.com/spec/v1\noid sha256:0000\nsize 123\n',
    /a Git LFS pointer/,
  ],
  'a page': ['<!doctype html><title>Sign in</title>', /a web page \(HTML\)/],
  'a text': ['Entry not found', /a text: Entry not found/],
  'an error in JSON': ['{"error":"Repository not found"}', /JSON: \{"error":"Repository not found"\}/],
  'a long error in JSON': [`{"message":"${'no '.repeat(500)}"}`, /JSON: \{"message":"no no/],
  'an error in XML': ['<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', /XML: .*AccessDenied/],
  nothing: ['', /nothing: 0 bytes/],
  blanks: ['\n\n', /nothing: 2 bytes/],
  'other bytes': ['\x00\x01\x02\x03 a picture', /bytes that begin with 00 01 02 03/],
};

function serve(body: Uint8Array, path = '/model.pth'): string {
  server.files.set(path, { body });
  return server.site + path;
}
async function load(source: ModelSource, options: LoadOptions = {}): Promise<string> {
  const loaded = await RWKV.load(source, { tokenizer: 'bytes', ...options });
  await loaded.dispose();
  return loaded.info.format;
}
async function refuses(work: Promise<unknown>, code: string, message: RegExp) {
  const error = await failure(work);
  expect(error).toBeInstanceOf(RwkvError);
  expect([error.code, error.message]).toEqual([code, expect.stringMatching(message)]);
}
async function convert(url: string) {
  for await (const _ of RWKV.convert(url));
}
async function startFrom(state: string) {
  const loaded = await RWKV.load(model, { tokenizer: 'bytes' });
  try {
    await loaded.createSession({ state });
  } finally {
    await loaded.dispose();
  }
}

describe.each(Object.entries(wrong))('a host that sends %s', (_, [body, says]) => {
  test('leaves nothing behind any door, and is asked again', async () => {
    const url = serve(Buffer.from(body, 'latin1'));
    const doors: readonly (readonly [string, (url: string) => Promise<unknown>])[] = [
      ['a model file', load],
      ['a model file', (url) => load(url, { cache: false })],
      ['a model file', (url) => load(url, { keepPacked: true })],
      ['a model file', (url) => RWKV.inspect(url)],
      ['a model file', convert],
      ['a vocabulary file', (tokenizer) => load(model, { tokenizer })],
      ['a file of a state', startFrom],
      ['a model or vocabulary file', (url) => store.download(url)],
    ];
    for (const [expected, open] of doors) {
      server.asked.length = 0;
      const error = await failure(open(url));
      expect(error.code).toBe('bad-file');
      expect(error.message).toMatch(says);
      expect(error.message.startsWith(`${url}: expected ${expected}; the server sent `)).toBe(true);
      expect(readdirSync(folder)).toEqual([]);
      expect(server.asked).toHaveLength(1);
    }
    serve(model);
    expect(await load(url)).toBe('pth');
  });
});

test('the command line says what came, and keeps nothing of it', async () => {
  const url = serve(Buffer.from('Entry not found'));
  for (const args of [
    ['complete', 'x', '--model', url],
    ['inspect', url],
    ['models', 'download', url],
  ]) {
    const { code, stderr } = await run(...args);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/the server sent a text: Entry not found/)]);
    expect(readdirSync(folder)).toEqual([]);
  }
});

test('what the package reads is recognised by its first bytes', () => {
  const { stdout } = spawnSync('git', ['ls-files', 'tests/fixtures'], { encoding: 'utf8' });
  const models = stdout.split('\n').filter((path) => path.endsWith('.pth'));
  expect(models.length).toBeGreaterThan(5);
  const safetensors = Buffer.from('\x40\x02\0\0\0\0\0\0{"a":{}}');
  const files = [
    ...models.map((path) => readFileSync(path)),
    Buffer.from('GGUF\x03'),
    Buffer.from('fmgg'),
    safetensors,
  ];
  for (const asked of ['model', 'any'] as const)
    for (const file of files) expect(foreign(asked, file, true)).toBeUndefined();
  expect(foreign('state', Buffer.from('RWKVSESS\x01\0\0\0'), true)).toBeUndefined();
  expect(
    foreign('model', Buffer.from('{"metadata":{"total_size":1},"weight_map":{}}'), true),
  ).toBeUndefined();
  const line = "1 '\\x00' 1\r\n2 b'\\xff' 1\r\n";
  const json = JSON.stringify(Object.fromEntries(Array.from({ length: 300 }, (_, i) => [i + 1, `t${i}`])));
  for (const text of [line, `\ufeff${line}`, '1 "\'" 1', '{"version":"1.0","model":{}}', json, ` \n${json}`])
    for (const bytes of [Buffer.from(text), Buffer.from(`\ufeff${text}`, 'utf16le')])
      expect(foreign('vocabulary', bytes, bytes.length < 512)).toBeUndefined();
  expect(foreign('vocabulary', model, true)).toMatch(/^bytes that begin with 50 4b/);
  expect(foreign('model', Buffer.from('\x80\x02}q', 'latin1'), true)).toMatch(/^a bare pickle/);
});

describe('a stored file', () => {
  const stored = () => join(folder, readdirSync(folder).find((name) => name.endsWith('.bin')) ?? '');
  const asked = () => server.asked.length;
  const spoilt: readonly (readonly [string, () => void])[] = [
    ['was cut short', () => truncateSync(stored(), 5000)],
    [
      'lost its record and was cut short',
      () => {
        truncateSync(stored(), 5000);
        writeFileSync(stored().replace('.bin', '.json'), '');
      },
    ],
    [
      'is an answer of an earlier day',
      () => {
        writeFileSync(stored(), 'Entry not found');
        writeFileSync(stored().replace('.bin', '.json'), '');
      },
    ],
  ];
  describe.each(spoilt)('that %s', (_, spoil) => {
    test('is dropped and fetched once more, by whatever reads it', async () => {
      const url = serve(model);
      for (const open of [load, (url: string) => RWKV.inspect(url), convert]) {
        await load(url);
        spoil();
        const before = asked();
        await open(url);
        await load(url, { allowNetwork: false });
        expect(asked()).toBe(before + 1);
      }
    });

    test('offline is said to be the copy of the store, and how to remove it', async () => {
      const url = serve(model);
      await load(url);
      spoil();
      const advice = `this is the store's copy, which store.delete('${url}') or rwkv-wasm models delete ${url} removes`;
      const error = await failure(load(url, { allowNetwork: false }));
      expect([error.code, error.message.endsWith(advice)]).toEqual(['bad-file', true]);
      expect(await store.delete(url)).toBe(true);
      await load(url);
    });
  });

  test('that was cut short is not counted as there', async () => {
    const url = serve(model);
    await store.download(url);
    truncateSync(stored(), 5000);
    expect(await store.has(url)).toBe(false);
    expect(await store.download(url)).toMatchObject({ bytes: model.length, complete: true });
    expect(asked()).toBe(2);
  });

  test('that is replaced by no better one says what came, and is gone', async () => {
    const url = serve(model);
    await load(url);
    writeFileSync(stored(), model.subarray(0, 5000));
    writeFileSync(stored().replace('.bin', '.json'), '');
    serve(Buffer.from('Entry not found'));
    await refuses(
      load(url),
      'bad-file',
      /sent a text: Entry not found; the store's copy was no better, and was dropped: /,
    );
    expect(readdirSync(folder)).toEqual([]);
    serve(model.subarray(0, 4000));
    await refuses(load(url), 'bad-file', /; nothing is kept of it$/);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('that is a vocabulary is fetched once more, and the model is not', async () => {
    const [url, tokenizer] = [serve(model), serve(Buffer.from("1 'a' 1\n2 'b' 9\n"), '/vocabulary.txt')];
    await refuses(load(url, { tokenizer }), 'bad-vocabulary', /; nothing is kept of it$/);
    const lines = Array.from(
      { length: 255 },
      (_, i) => `${i + 1} b'\\x${(i + 1).toString(16).padStart(2, '0')}' 1`,
    );
    serve(Buffer.from(lines.join('\n')), '/vocabulary.txt');
    await load(url, { tokenizer });
    expect(server.asked.map(({ path }) => path)).toEqual([
      '/vocabulary.txt',
      '/model.pth',
      '/vocabulary.txt',
    ]);
  });

  test('that is a state is fetched once more, and the model lives on', async () => {
    const loaded = await RWKV.load(model, { tokenizer: 'bytes' });
    const session = await loaded.createSession();
    await session.append('In a');
    const state = serve(Buffer.from(await session.save()), '/state');
    await loaded.createSession({ state });
    truncateSync(stored(), 100);
    writeFileSync(stored().replace('.bin', '.json'), '');
    await loaded.createSession({ state });
    expect(asked()).toBe(2);
    await loaded.dispose();
  });
});
