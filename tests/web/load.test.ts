// Where models come from, on the fake core: every kind of source, progress, aborts, broken networks.
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { FileSource, LoadOptions, LoadProgress } from '../../dist/node.js';
import { type FakePackage, fakeModel, fakePackage } from './fake/package.js';
import { failure, textOf } from './streams.js';

let fake: FakePackage;
let server: Server;
let site: string;
let path: string;
let underWay: ServerResponse | undefined;

const megabyte = new Uint8Array(2 ** 20);
megabyte.set([...new TextEncoder().encode('PK\x03\x04'), ...fakeModel()]);

beforeAll(async () => {
  fake = await fakePackage();
  path = join(fake.folder, 'model.bin');
  writeFileSync(path, megabyte);
  server = createServer(({ url }, response) => {
    switch (url?.split('?')[0]) {
      case '/model.bin':
        return void response.writeHead(200, { 'content-length': megabyte.length }).end(megabyte);
      case '/tuned.state':
        return void response.end('RWKVSESS state 7');
      case '/vocabulary.txt':
        return void response.end("1 'a' 1");
      case '/unknown-length':
        response.write(megabyte);
        return void response.end();
      case '/drops':
        response.writeHead(200, { 'content-length': megabyte.length });
        response.write(megabyte.subarray(0, 1000));
        return void setTimeout(() => response.destroy(), 50);
      case '/never-ends':
        underWay = response;
        response.writeHead(200, { 'content-length': megabyte.length });
        return void response.write(megabyte.subarray(0, 1000));
      case '/html':
        return void response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><p>Hello');
      default:
        return void response.writeHead(404).end('no');
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  site = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  fake.remove();
});

/** The name under which a source loads and works. */
async function works(source: FileSource | undefined, options: LoadOptions = {}): Promise<string> {
  const model = await fake.RWKV.load(source, { tokenizer: 'bytes', ...options });
  try {
    const session = await model.createSession();
    expect(await textOf(session.complete('a', { maxTokens: 2 }))).toBe('bc');
    return model.info.name;
  } finally {
    await model.dispose();
  }
}

const loadFailure = (source: FileSource, options?: LoadOptions) => failure(fake.RWKV.load(source, options));

describe('a state comes from', () => {
  /** The number that the session of a state begins with. */
  async function stateOf(state: FileSource): Promise<number | undefined> {
    const model = await fake.RWKV.load(fakeModel(), { tokenizer: 'bytes' });
    try {
      const session = await model.createSession({ state });
      await session.append([0]);
      return (await session.logits())[3];
    } finally {
      await model.dispose();
    }
  }

  test('a URL, a path, a Blob or bytes, as a model does', async () => {
    const bytes = new TextEncoder().encode('state 7');
    writeFileSync(join(fake.folder, 'tuned.state'), bytes);
    const path = join(fake.folder, 'tuned.state');
    const sources = [`${site}/tuned.state`, 'data:,state 7', path, new Blob([bytes]), bytes.buffer, bytes];
    for (const source of sources) expect(await stateOf(source)).toBe(7);
    expect(bytes.length).toBe(7);
  });

  test.each([
    ['/nowhere', 'read-failed', /nowhere: the server answered 404/],
    ['/drops', 'read-failed', /drops: the download ended/],
    ['/html', 'bad-file', /html: expected .* the server sent a web page/],
  ])('no site that gives %s, and says so', async (page, code, message) => {
    const error = await failure(stateOf(site + page));
    expect([error.code, error.message]).toEqual([code, expect.stringMatching(message)]);
  });
});

describe('a model loads from', () => {
  test('the package itself, with its tokenizer', async () => {
    const model = await fake.RWKV.load();
    expect(model.info).toMatchObject({
      name: 'rwkv7-tales-8.0M-q4.safetensors',
      tokenizer: 'trie',
      threads: 1,
    });
    await model.dispose();
  });

  test('bytes, which stay usable', async () => {
    const bytes = fakeModel();
    expect(await works(bytes)).toBe('bytes');
    expect(await works(bytes.buffer)).toBe('bytes');
    expect(await works(new DataView(megabyte.buffer, 0, 100))).toBe('bytes');
    expect(bytes.length).toBeGreaterThan(0);
    const shared = new Uint8Array(new SharedArrayBuffer(4));
    shared.set(bytes.subarray(0, 4));
    expect(await works(shared)).toBe('bytes');
  });

  test('a Blob or a File', async () => {
    expect(await works(new Blob([fakeModel()]))).toBe('blob');
    expect(await works(new File([fakeModel()], 'chosen.pth'))).toBe('chosen.pth');
  });

  test('a path or a file URL', async () => {
    expect(await works(path)).toBe('model.bin');
    expect(await works(pathToFileURL(path))).toBe('model.bin');
    expect(await works(pathToFileURL(path).href)).toBe('model.bin');
  });

  test('the network, whether or not the length is known', async () => {
    expect(await works(`${site}/model.bin?x=/y`)).toBe('model.bin');
    expect(await works(new URL('/unknown-length', site))).toBe('unknown-length');
    expect(await works(`data:text/plain,fake`)).toBe('data');
  });
});

describe('a vocabulary', () => {
  test('comes from the same places', async () => {
    for (const tokenizer of [
      `${site}/vocabulary.txt`,
      new URL(`${site}/vocabulary.txt`),
      path,
      new Blob(['x']),
      megabyte,
    ]) {
      expect(await works(fakeModel(), { tokenizer })).toBe('bytes');
    }
  });

  test('may be absent: text is then refused, token ids are not', async () => {
    for (const [source, options] of [
      [fakeModel(), {}],
      [undefined, { tokenizer: false }],
    ] as const) {
      const model = await fake.RWKV.load(source, options);
      const session = await model.createSession();
      expect(model.info.tokenizer).toBe(null);
      for (const work of [
        textOf(session.complete('text')),
        textOf(session.complete([1])),
        session.append('text'),
        model.tokenize('text'),
        model.detokenize([1]),
      ]) {
        const error = await failure(work);
        expect(error).toMatchObject({ name: 'RwkvError', code: 'no-tokenizer' });
        expect(error.message).toContain('option tokenizer');
      }
      await session.append([1, 2]);
      expect((await session.generate('').next()).value?.token).toBe(3);
      await model.dispose();
    }
  });

  test('of absurd size is refused', async () => {
    const huge = join(fake.folder, 'huge.txt');
    writeFileSync(huge, new Uint8Array(16 * 2 ** 20 + 1));
    expect(await loadFailure(path, { tokenizer: huge })).toMatchObject({
      code: 'bad-vocabulary',
      message: `huge.txt: ${16 * 2 ** 20 + 1} bytes is too much for a vocabulary`,
    });
  });
});

describe('progress', () => {
  test('tells of the download and of the load, to their ends', async () => {
    const heard: LoadProgress[] = [];
    await works(`${site}/model.bin?fresh`, { onProgress: (progress) => heard.push(progress) });
    const total = megabyte.length;
    expect(heard[0]).toEqual({ stage: 'download', loaded: 0, total });
    expect(heard).toContainEqual(expect.objectContaining({ stage: 'download', loaded: total, total }));
    expect(heard.at(-1)).toEqual({ stage: 'load', loaded: total, total });
    heard.length = 0;
    await works(`${site}/unknown-length?fresh`, { onProgress: (progress) => heard.push(progress) });
    expect(heard[0]).toEqual({ stage: 'download', loaded: 0 });
  });

  test('ends the load when its hearer throws', async () => {
    const onProgress = () => {
      throw new Error('no more');
    };
    expect(await loadFailure(path, { onProgress })).toMatchObject({ message: 'no more' });
  });
});

describe('an abort', () => {
  test('before the load', async () => {
    const signal = AbortSignal.abort();
    expect(await loadFailure(path, { signal })).toMatchObject({ name: 'AbortError' });
  });

  test('during the download ends it', async () => {
    const controller = new AbortController();
    const loading = loadFailure(`${site}/never-ends`, { signal: controller.signal });
    while (!underWay) await sleep(5);
    const closed = new Promise((resolve) => underWay?.on('close', resolve));
    controller.abort();
    const error = await loading;
    expect(error).toBeInstanceOf(DOMException);
    expect(error.name).toBe('AbortError');
    await closed;
    await works(path);
  });
});

describe('an error names the place and the cause', () => {
  const cases: [string, () => FileSource, string, RegExp][] = [
    ['no such path', () => join(fake.folder, 'nothing'), 'read-failed', /nothing: ENOENT/],
    ['a folder', () => fake.folder, 'read-failed', /fake-package.*: not a file/],
    ['no such page', () => `${site}/nothing`, 'read-failed', /\/nothing: the server answered 404 Not Found/],
    ['no such server', () => 'http://127.0.0.1:9/x', 'read-failed', /http:\/\/127.0.0.1:9\/x: /],
    ['a dropped line', () => `${site}/drops`, 'read-failed', /the download ended at byte 1000 of 1048576/],
    ['another file', () => `${site}/html`, 'bad-file', /html: expected .* the server sent a web page/],
    ['an empty file', () => new Uint8Array(), 'bad-file', /bytes: not fake/],
    ['no URL', () => 'http://', 'invalid-argument', /source: 'http:\/\/' is no URL/],
  ];
  test.each(cases)('%s', async (_, source, code, message) => {
    const error = await loadFailure(source());
    expect(error).toBeInstanceOf(fake.RwkvError);
    expect(error).toMatchObject({ name: 'RwkvError', code });
    expect(error.message).toMatch(message);
    await works(path);
  });

  test('a source of the wrong kind', async () => {
    for (const source of [null, 7, {}, true]) {
      const error = await failure(fake.RWKV.load(source as unknown as string));
      expect(error).toMatchObject({ code: 'invalid-argument' });
      expect(error.message).toMatch(/^source: expected a URL, a path, a Blob/);
    }
  });

  test('a wasm file that is missing or broken', async () => {
    const broken = await fakePackage();
    mkdirSync(join(broken.folder, 'dist/wasm'), { recursive: true });
    for (const build of ['baseline', 'relaxed']) {
      writeFileSync(join(broken.folder, `dist/wasm/rwkv-${build}.wasm`), 'nonsense');
    }
    expect(await failure(broken.RWKV.load(fakeModel()))).toMatchObject({ code: 'unsupported' });
    broken.remove();
  });
});
