// Models that are known by their names: which file a name means, where it is had, what comes along, and what never does.

import { spawn } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { knownModels, type LoadOptions, presets } from '../../dist/node.js';
import { nodeHost } from '../../dist/node-host.js';
import { findKnown, type KnownModel } from '../../dist/page/catalogue.js';
import { createRWKV } from '../../dist/page/load.js';
import { createStore } from '../../dist/page/store.js';
import { cli, ended, oracle, run } from './command.js';
import { sha256 } from './model-server.js';
import { reciter } from './reciter.js';
import { sharedFile } from './shared.js';
import { folder, server } from './store-room.js';
import { failure, textOf } from './streams.js';

const bytes = Array.from(
  { length: 255 },
  (_, i) => `${i + 1} b'\\x${(i + 1).toString(16).padStart(2, '0')}' 1`,
);
const vocabulary = Buffer.from(bytes.join('\n'));
const model = reciter({ vocabulary: 65536, recites: [...Buffer.from('Tales')] });
const name = 'rwkv7-g1-0.4b';
const file = 'rwkv7-g1d-0.4b-20260210-ctx8192.pth';
const hubPath = `/BlinkDL/rwkv7-g1/resolve/main/${file}`;
const worldPath = '/authors/world/resolve/main/vocabulary.txt';

/** The package with a small model in the place of the published one. */
function standIn({ sources, ...facts }: Partial<KnownModel> = {}) {
  const [first] = knownModels.filter((known) => known.file === file);
  if (!first) throw new Error(`${file} is not known`);
  const stand = { ...first, bytes: model.length, sha256: sha256(model), ...facts };
  const models = [
    { ...stand, sources: sources ?? [`${server.site}/published`, `hf:BlinkDL/rwkv7-g1/${file}`] },
  ];
  const world = {
    ...{ file: 'vocabulary.txt', bytes: vocabulary.length, sha256: sha256(vocabulary) },
    sources: ['hf:authors/world/vocabulary.txt', `${server.site}/elsewhere.txt`],
  };
  const host = { ...nodeHost, catalogue: { models, world } };
  return { RWKV: createRWKV(host), store: createStore(host) };
}
const hub = () => ({ endpoint: server.site });
const asked = () => server.asked.map(({ path, status }) => `${path} ${status}`);

beforeEach(() => {
  for (const variable of ['HF_ENDPOINT', 'HF_TOKEN']) vi.stubEnv(variable, undefined);
  server.files.set(hubPath, { body: model });
  server.files.set(worldPath, { body: vocabulary });
});

async function write(source: string, options: LoadOptions = {}, { RWKV } = standIn()) {
  const loaded = await RWKV.load(source, options);
  try {
    const session = await loaded.createSession();
    return { info: loaded.info, text: await textOf(session.complete('', { temperature: 0, maxTokens: 5 })) };
  } finally {
    await loaded.dispose();
  }
}

describe('a name', () => {
  test('is enough: the file, its vocabulary, its sampling', async () => {
    const { info, text } = await write(name, { hub: hub() });
    expect([info.name, info.tokenizer, text]).toEqual([file, 'trie', 'Tales']);
    expect(info.sampling).toEqual(presets.chat);
    expect(asked()).toEqual([`${worldPath} 200`, `${hubPath} 200`]);
    await write(name, { allowNetwork: false });
    const { store } = standIn();
    expect(await store.has(name)).toBe(true);
    expect(await store.has(`hf:BlinkDL/rwkv7-g1/${file}`)).toBe(true);
    expect(await store.delete(name)).toBe(true);
  });

  test('is downloaded with its vocabulary, for a load without a network', async () => {
    const { store } = standIn();
    expect(await store.download(name, { hub: hub() })).toMatchObject({ name: file, sha256: sha256(model) });
    expect((await write(name, { allowNetwork: false })).text).toBe('Tales');
  });

  test('is asked for where it was published, then at the hub; one that was named goes first', async () => {
    server.files.set('/published', { body: model });
    server.files.set('/elsewhere.txt', { body: vocabulary });
    const sources = [`${server.site}/gone`, `${server.site}/published`];
    await write(name, { tokenizer: 'bytes' }, standIn({ sources }));
    expect(asked()).toEqual(['/gone 404', '/published 200']);
    server.files.delete(worldPath);
    await write(name, { hub: hub(), quantization: 'f32' }, standIn({ sources }));
    expect(asked().slice(2)).toEqual([`${worldPath} 404`, '/elsewhere.txt 200']);
  });

  test('that no address gives says so, and what else does', async () => {
    server.files.delete(hubPath);
    const error = await failure(write(name, { hub: hub(), tokenizer: 'bytes' }));
    expect(error.code).toBe('read-failed');
    expect(error.message).toMatch(/answered 404.*; then .*\/published: the server answered 404/);
    expect(error.message).toMatch(/a copy that was fetched by hand serves as well, by its path or URL$/);
  });

  test.each([
    [
      'another size, which is told before it is fetched',
      { bytes: 7 },
      /expected a file of 7 bytes; the server has one of/,
    ],
    ['other bytes', { sha256: '0'.repeat(64) }, /expected the SHA-256 0{64}; the bytes that came have/],
  ])('refuses a file of %s', async (_, facts, message) => {
    const sources = [`hf:BlinkDL/rwkv7-g1/${file}`];
    const { RWKV, store } = standIn({ ...facts, sources });
    const error = await failure(RWKV.load(name, { hub: hub(), tokenizer: 'bytes' }));
    expect([error.code, error.message]).toEqual(['hash-mismatch', expect.stringMatching(message)]);
    expect(await store.list()).toEqual([]);
  });

  test.each([
    ['rwkv7-g1-0.4b', file],
    ['RWKV7-G1-0.4B', file],
    ['rwkv7-g1d-0.4b', file],
    ['rwkv7-g1d-0.4b-20260210-ctx8192', file],
    ['rwkv7-g1-0.4b-20250324-ctx4096', 'rwkv7-g1-0.4b-20250324-ctx4096.pth'],
    ['rwkv7-g1a-0.4b', 'rwkv7-g1a-0.4b-20250905-ctx4096.pth'],
    ['rwkv7-g1-2.9b', 'rwkv7-g1e-2.9b-20260312-ctx8192.pth'],
    ['rwkv7-g1-0.4b-q8_0', 'rwkv7-g1d-0.4b-Q8_0.gguf'],
    ['rwkv7-world-0.1b', 'RWKV-x070-World-0.1B-v2.8-20241210-ctx4096.pth'],
    ['rwkv-x070-world-0.1b-v2.8-20241210-ctx4096', 'RWKV-x070-World-0.1B-v2.8-20241210-ctx4096.pth'],
  ])('%s means %s', (name, file) => {
    expect(findKnown(name, knownModels)?.file).toBe(file);
  });

  test.each([
    [
      'rwkv7-g1-0.5b',
      /no file and no known model is named 'rwkv7-g1-0\.5b'; did you mean 'rwkv7-g1-0\.\db'\? Known are rwkv7-/,
    ],
    ['rwvk7-g1-0.4b', /did you mean 'rwkv7-g1-0\.4b'\?/],
    ['rwkv8', /did you mean '/],
  ])('%s is none, and those that are come with the error', async (wrong, message) => {
    const { RWKV, store } = standIn({});
    for (const work of [RWKV.load(wrong), RWKV.inspect(wrong), store.download(wrong)]) {
      const error = await failure(work);
      expect(error.code).toBe('invalid-argument');
    }
    const { code, stderr } = await run('complete', 'x', '--model', wrong);
    expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
  });

  test('never hides a file', async () => {
    for (const path of ['rwkv7-g1-0.1b', 'rwkv7-g1-0.5b']) {
      copyFileSync(oracle, join(folder, path));
      for (const source of [path, `./${path}`]) {
        const args = ['inspect', source, '--json', '--hub-endpoint', server.site];
        const { stdout } = await ended(spawn(process.execPath, [cli, ...args], { cwd: folder }));
        expect(JSON.parse(stdout)).toMatchObject({ name: path, layers: 2 });
      }
    }
    expect(asked()).toEqual([]);
  });
});

describe('the World vocabulary', () => {
  test('comes along for any file with its tokens, once', async () => {
    const { RWKV } = standIn();
    for (let i = 0; i < 2; i++) {
      for (const source of [model, new Blob([model])]) {
        const loaded = await RWKV.load(source, { hub: hub() });
        expect([loaded.info.tokenizer, loaded.info.vocabulary, loaded.info.sampling]).toEqual([
          'trie',
          65536,
          null,
        ]);
        await loaded.dispose();
      }
    }
    expect(asked()).toEqual([`${worldPath} 200`]);
  });

  test('comes once for a model of the network that is not kept, which comes once too', async () => {
    server.files.set('/model.st', { body: model });
    await write(`${server.site}/model.st`, { cache: false, hub: hub() });
    expect(asked()).toEqual(['/model.st 200', `${worldPath} 200`]);
  });

  test('is not asked for where there are other tokens, or a vocabulary was named', async () => {
    const { RWKV } = standIn();
    const small = await RWKV.load(oracle, { hub: hub() });
    expect(small.info.tokenizer).toBe(null);
    await small.dispose();
    for (const tokenizer of [false, vocabulary] as const) {
      const loaded = await RWKV.load(model, { tokenizer, hub: hub() });
      await loaded.dispose();
    }
    expect(asked()).toEqual([]);
  });

  test('that cannot be had says what to put where, and the next load works', async () => {
    const { RWKV } = standIn();
    const error = await failure(RWKV.load(model, { allowNetwork: false }));
    expect(error.code).toBe('not-stored');
    expect(error.message).toMatch(/65536 tokens are those of RWKV World, and its file brings no vocabulary/);
    expect(error.message).toMatch(/name a copy of rwkv_vocab_v20230424\.txt by the option tokenizer/);
    expect(error.message).toMatch(/rwkv-wasm models download https:.*rwkv_vocab_v20230424\.txt/);
    server.files.delete(worldPath);
    expect((await failure(RWKV.load(model, { hub: hub() }))).code).toBe('read-failed');
    server.files.set(worldPath, { body: vocabulary });
    await (await RWKV.load(model, { hub: hub() })).dispose();
  });
});

describe('the catalogue', () => {
  test('has names that mean one file each', () => {
    const names = knownModels.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { name, file, sources, vocabulary } of knownModels) {
      expect(findKnown(name, knownModels)?.file).toBe(file);
      expect(sources.every((source) => source.endsWith(`/${file}`))).toBe(true);
      expect(vocabulary).toBe(file.endsWith('.gguf') ? 'embedded' : 'world');
    }
  });

  const shared = sharedFile('data/published-models.json');
  test.skipIf(!shared)('has the facts of the published list (skipped where it is not in ../shared)', () => {
    const { models } = JSON.parse(new TextDecoder().decode(shared));
    expect(knownModels).toHaveLength(models.length);
    for (const { file, bytes, sha256, date, url } of models) {
      const known = knownModels.find((known) => known.file === file);
      expect(known).toMatchObject({ bytes, sha256, date });
      const hubName = url.replace(/^https:\/\/huggingface\.co\/(.*?)\/resolve\/main\//, 'hf:$1/');
      expect(known?.sources).toContain(hubName);
    }
  });

  test('is told at the command line', async () => {
    const { code, stdout } = await run('models', 'known');
    expect([code, stdout.split('\n').length]).toEqual([0, knownModels.length + 1]);
    expect(stdout).toMatch(
      /^rwkv7-g1d-0\.1b +382\.2 MB {2}2026-01-29 {2}context 8192, world vocabulary, Apache-2\.0$/m,
    );
    expect(JSON.parse((await run('models', 'known', '--json')).stdout)).toEqual(
      JSON.parse(JSON.stringify(knownModels)),
    );
  });

  test('is what --model and models download know', async () => {
    const first = 'rwkv7-g1-0.1b-20250307-ctx4096';
    server.files.set(`/BlinkDL/rwkv7-g1/resolve/main/${first}.pth`, { body: model });
    for (const args of [
      ['complete', 'x', '--tokenizer', 'bytes', '--model', first],
      ['models', 'download', first],
    ]) {
      const { code, stderr } = await run(...args, '--hub-endpoint', server.site);
      expect([code, stderr]).toEqual([1, expect.stringMatching(/expected a file of 382231495 bytes/)]);
    }
  });
});
