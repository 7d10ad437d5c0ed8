// The store behind RWKV.load in Node: what is kept, what serves without the network, who may be there at once.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test, vi } from 'vitest';
import {
  type LoadOptions,
  type LoadProgress,
  type ModelSource,
  RWKV,
  RwkvError,
  store,
} from '../../dist/node.js';
import { machine } from '../../dist/store/node/processes.js';
import { noise, type ServedFile, sha256 } from './model-server.js';
import { folder, server } from './store-room.js';
import { failure, textOf } from './streams.js';

const model = readFileSync(new URL('../fixtures/oracle/v7-bf16.pth', import.meta.url));
const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

/** Serves a file; its URL. */
function serve(file: Partial<ServedFile> = {}, path = '/model.pth'): string {
  server.files.set(path, { body: model, ...file });
  return server.site + path;
}

/** What a model writes. */
async function write(source: ModelSource, options: LoadOptions = {}): Promise<string> {
  const loaded = await RWKV.load(source, { tokenizer: 'bytes', ...options });
  const session = await loaded.createSession({ seed: 3 });
  const text = await textOf(session.complete('In a', { maxTokens: 12, topP: 1 }));
  await loaded.dispose();
  return text;
}

async function refuses(work: Promise<unknown>, code: string, message: RegExp) {
  const error = await failure(work);
  expect(error).toBeInstanceOf(RwkvError);
  expect([error.code, error.message]).toEqual([code, expect.stringMatching(message)]);
}

describe('a load', () => {
  test('downloads once, whatever is done with the file', async () => {
    const url = serve();
    const expected = await write(model);
    await RWKV.inspect(url);
    for (let i = 0; i < 2; i++) expect(await write(url)).toBe(expected);
    for await (const piece of RWKV.convert(url)) expect(piece.length).toBeGreaterThan(0);
    expect(server.asked).toHaveLength(1);
    server.files.clear();
    expect(await write(url, { allowNetwork: false })).toBe(expected);
  });

  test('keeps its vocabulary too', async () => {
    const text = Array.from(
      { length: 255 },
      (_, i) => `${i + 1} b'\\x${(i + 1).toString(16).padStart(2, '0')}' 1`,
    );
    const tokenizer = serve({ body: Buffer.from(text.join('\n')) }, '/vocabulary.txt');
    const url = serve();
    for (let i = 0; i < 2; i++) await write(url, { tokenizer });
    expect(server.asked.map(({ path }) => path)).toEqual(['/vocabulary.txt', '/model.pth']);
    expect(await store.has(tokenizer)).toBe(true);
  });

  test('keeps initial states of its sessions, and lives on where one cannot be had', async () => {
    const expected = await write(model);
    const loaded = await RWKV.load(model, { tokenizer: 'bytes' });
    const session = await loaded.createSession();
    await session.append('In a');
    const url = serve({ body: Buffer.from(await session.save()) }, '/state');
    for (let i = 0; i < 2; i++) {
      const restored = await loaded.createSession({ seed: 3, state: url });
      expect(await textOf(restored.complete('', { maxTokens: 12, topP: 1 }))).toBe(expected);
    }
    expect(server.asked).toHaveLength(1);
    await refuses(loaded.createSession({ state: `${server.site}/none` }), 'read-failed', /404/);
    await (await loaded.createSession()).append('In a');
    await loaded.dispose();
    const offline = await RWKV.load(model, { tokenizer: 'bytes', allowNetwork: false });
    await offline.createSession({ state: url });
    await refuses(offline.createSession({ state: `${server.site}/none` }), 'not-stored', /allowNetwork/);
    await offline.dispose();
  });

  test("keeps nothing that is the package's own, a path, a Blob or bytes", async () => {
    const path = fileURLToPath(new URL('../fixtures/oracle/v7-bf16.pth', import.meta.url));
    await (await RWKV.load()).dispose();
    for (const source of [path, new Blob([model]), model]) await write(source);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('keeps nothing with `cache: false`', async () => {
    const url = serve();
    for (let i = 0; i < 2; i++) await write(url, { cache: false });
    expect(server.asked).toHaveLength(2);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('from the store alone says what it lacks', async () => {
    const url = serve();
    for (const work of [
      () => RWKV.load(url, { allowNetwork: false }),
      () => RWKV.inspect(url, { allowNetwork: false }),
      () => RWKV.load(model, { tokenizer: url, allowNetwork: false }),
      () => RWKV.load(model, { tokenizer: 'hf:a/b/c.txt@v1', allowNetwork: false }),
    ])
      await refuses(
        work(),
        'not-stored',
        /^http.*: it is not in the store, and option allowNetwork is false$/,
      );
    await refuses(
      RWKV.load('hf:BlinkDL/rwkv7-g1/some folder/x.pth@refs/pr/1', { allowNetwork: false }),
      'not-stored',
      /^https:\/\/huggingface\.co\/BlinkDL\/rwkv7-g1\/resolve\/refs%2Fpr%2F1\/some%20folder\/x\.pth: /,
    );
    expect(server.asked).toEqual([]);
    await write(model, { allowNetwork: false });
  });

  test('checks SHA-256 of what is stored already, and of what never is', async () => {
    const url = serve();
    await write(url);
    expect(await store.list()).toEqual([expect.not.objectContaining({ sha256: expect.anything() })]);
    await write(url, { sha256: sha256(model), allowNetwork: false });
    expect(await store.list()).toMatchObject([{ sha256: sha256(model) }]);
    const wrong = { sha256: 'a'.repeat(64) };
    await refuses(write(url, { ...wrong, allowNetwork: false }), 'hash-mismatch', /stored file has not/);
    expect(server.asked).toHaveLength(1);
    for (const source of [model, new Blob([model])]) {
      await write(source, { sha256: sha256(model) });
      await refuses(write(source, wrong), 'hash-mismatch', /expected the SHA-256 a{64}; it has/);
    }
    await refuses(write(url, { ...wrong, cache: false }), 'hash-mismatch', /bytes that came have/);
  });

  test('takes memory where the folder cannot be had', async () => {
    writeFileSync(join(folder, 'file'), '');
    vi.stubEnv('RWKV_WASM_CACHE', join(folder, 'file', 'below'));
    const url = serve({ drops: [1000] });
    const expected = await write(model);
    for (let i = 0; i < 2; i++) expect(await write(url)).toBe(expected);
    expect(server.asked.map(({ range }) => range)).toEqual([undefined, 'bytes=1000-', undefined]);
    await refuses(write(url, { cache: true }), 'unsupported', /nothing can be kept here/);
    expect(await store.list()).toEqual([]);
  });

  test('that does not fit is refused before a byte is written', async () => {
    const url = serve({ length: 2 ** 50 });
    await refuses(
      write(url),
      'quota-exceeded',
      /: 1125899906842624 bytes are needed; there is room for \d+\. /,
    );
    expect(readdirSync(folder)).toEqual([]);
  });

  test.each([
    [{ cache: 'always' }, /^option cache: expected true or false or 'auto'; found 'always'/],
    [
      { cache: false, allowNetwork: false },
      /^option allowNetwork: expected not to be false with 'cache: false'/,
    ],
    [{ cache: false, keepPacked: true }, /^option keepPacked: expected not to come with 'cache: false'/],
    [{ sha256: 7 }, /^option sha256: /],
    [{ allowNetwork: 'no' }, /^option allowNetwork: expected true or false/],
  ])('refuses %j', async (options, message) => {
    await refuses(RWKV.load(serve(), options as LoadOptions), 'invalid-argument', message);
    expect(server.asked).toEqual([]);
  });
});

describe('what is kept packed', () => {
  test('takes the place of the file, and serves all that want it so', async () => {
    const url = serve();
    const expected = await write(url, { cache: false, quantization: 'q4' });
    const options = { quantization: 'q4', keepPacked: true, sha256: sha256(model) } as const;
    expect(await write(url, options)).toBe(expected);
    expect(await store.list()).toMatchObject([{ url, packed: 'q4', complete: true, sha256: sha256(model) }]);
    server.files.clear();
    for (const more of [options, { quantization: 'q4', allowNetwork: false } as const])
      expect(await write(url, more)).toBe(expected);
    await refuses(write(url, { quantization: 'q8', allowNetwork: false }), 'not-stored', /model\.pth/);
    expect(await store.has(url)).toBe(true);
    expect(await store.delete(url)).toBe(true);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('without a quantization is q8, and found under both names', async () => {
    const url = serve();
    const expected = await write(url, { keepPacked: true });
    for (const quantization of [undefined, 'q8'] as const)
      expect(await write(url, { quantization, allowNetwork: false })).toBe(expected);
    expect(await store.list()).toMatchObject([{ packed: 'q8' }]);
  });

  test('is made of what was stored, and no file that is no model takes its place', async () => {
    const url = serve();
    await store.download(url);
    await write(url, { quantization: 'f16', keepPacked: true });
    expect(server.asked).toHaveLength(1);
    const other = serve({ body: noise(1000) }, '/noise');
    await refuses(write(other, { keepPacked: true }), 'bad-file', /^noise: .*; nothing is kept of it$/);
    expect((await store.list()).map(({ url, packed }) => [url, packed])).toEqual([[url, 'f16']]);
  });
});

describe('the store', () => {
  test('lists the last used first, and evicts the others', async () => {
    const [a, b, c] = ['/a', '/b', '/c'].map((path) => serve({}, path)) as [string, string, string];
    for (const url of [a, b, c]) {
      await store.download(url);
      await sleep(5);
    }
    await write(a);
    const urls = async () => (await store.list()).map(({ url }) => url);
    expect(await urls()).toEqual([a, c, b]);
    expect(await store.usage()).toMatchObject({ bytes: 3 * model.length, persisted: true });
    expect(await store.evict({ bytes: 3 * model.length })).toEqual([]);
    expect((await store.evict({ bytes: 2 * model.length - 1 })).map(({ url }) => url)).toEqual([b, c]);
    expect(await urls()).toEqual([a]);
    await store.clear();
    expect([await urls(), await store.usage()]).toEqual([[], expect.objectContaining({ bytes: 0 })]);
    for (const options of [{}, { bytes: -1 }, { bits: 1 }])
      await refuses(store.evict(options as { bytes: number }), 'invalid-argument', /option/);
  });

  test('knows nothing of what it has not', async () => {
    expect(await store.has('hf:a/b/c')).toBe(false);
    expect(await store.delete(new URL('https://example.com/x'))).toBe(false);
    await refuses(store.has('./x.pth'), 'invalid-argument', /^url: expected a URL of http or https/);
    await refuses(store.delete(7 as unknown as string), 'invalid-argument', /^url: expected a URL; found 7/);
  });

  test('works on with records that were damaged', async () => {
    const url = serve();
    await store.download(url);
    const record = readdirSync(folder).find((name) => name.endsWith('.json')) ?? '';
    for (const damaged of ['', '{"url":7}', 'null', '[]']) {
      writeFileSync(join(folder, record), damaged);
      expect(await store.list()).toMatchObject([{ url: '', complete: true }]);
    }
    await write(url, { allowNetwork: false });
    expect(await store.delete(url)).toBe(true);
    expect(readdirSync(folder)).toEqual([]);
  });
});

const start = (...args: string[]): ChildProcess =>
  spawn(process.execPath, [cli, 'models', ...args], { stdio: 'pipe', env: process.env });
async function ended(child: ChildProcess) {
  let [stdout, stderr] = ['', ''];
  child.stdout?.setEncoding('utf8').on('data', (piece) => {
    stdout += piece;
  });
  child.stderr?.setEncoding('utf8').on('data', (piece) => {
    stderr += piece;
  });
  const [code] = await once(child, 'close');
  return { code, stdout, stderr };
}
/** Resolves when the store has so many bytes of the only file. */
async function grown(bytes: number): Promise<void> {
  while (((await store.list())[0]?.bytes ?? 0) < bytes) await sleep(10);
}

describe('at the same time', () => {
  const body = noise(1_000_000);

  test('two loads and two processes download once', async () => {
    const url = serve({ slow: 50 });
    const children = [start('download', url), start('download', url)].map(ended);
    const texts = await Promise.all([write(url), write(url)]);
    for (const { code } of await Promise.all(children)) expect(code).toBe(0);
    expect(new Set([...texts, await write(model)]).size).toBe(1);
    expect(server.asked).toHaveLength(1);
  });

  test('one hears of the other, and may give up waiting', async () => {
    const url = serve({ body, slow: 100 });
    const first = store.download(url);
    await grown(100_000);
    const second = failure(store.download(url, { signal: AbortSignal.timeout(50) }));
    const heard: LoadProgress[] = [];
    const third = store.download(url, { onProgress: (progress) => heard.push(progress) });
    const fourth = store.download(url, {
      onProgress: () => {
        throw new Error('no more');
      },
    });
    const failed = failure(fourth);
    await refuses(store.delete(url), 'in-use', /being downloaded/);
    await refuses(store.clear(), 'in-use', /being downloaded/);
    expect(await store.evict({ bytes: 0 })).toEqual([]);
    expect((await second).name).toBe('TimeoutError');
    expect(await first).toMatchObject({ bytes: body.length });
    expect(await third).toMatchObject({ bytes: body.length });
    expect(heard).toContainEqual(expect.objectContaining({ stage: 'download', total: body.length }));
    expect((await failed).message).toBe('no more');
    expect(server.asked).toHaveLength(1);
  });

  test('a process that was killed leaves its part, and no lock', async () => {
    const url = serve({ body, slow: 50 });
    const child = start('download', url);
    await grown(100_000);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(readdirSync(folder)).toContainEqual(expect.stringMatching(/\.lock$/));
    expect(await store.download(url, { sha256: sha256(body) })).toMatchObject({ complete: true });
    expect(server.asked[1]?.range).toMatch(/^bytes=\d{6}-$/);
    expect(readdirSync(folder)).not.toContainEqual(expect.stringMatching(/\.lock/));
  });

  test.each([
    ['of this process, silent', { pid: process.pid, machine }, true],
    ['of a process that lives, silent since 1970', { pid: process.ppid, machine }, true],
    ['of a process that is gone', { pid: 2 ** 22 + 1, machine }, false],
    [
      'of a process that is gone, whose number another has',
      { pid: process.ppid, machine, birth: '1' },
      false,
    ],
  ])('a lock %s, counts as it should', async (_, owner, counts) => {
    const url = serve();
    await store.download(url);
    const key = (readdirSync(folder)[0] ?? '').replace(/\..*/, '');
    const lock = join(folder, `${key}.lock`);
    writeFileSync(lock, JSON.stringify({ ...owner, token: 'x' }));
    utimesSync(lock, 0, 0);
    if (counts) await refuses(store.delete(url), 'in-use', /./);
    else expect(await store.delete(url)).toBe(true);
  });
});

describe('rwkv-wasm models', () => {
  test('downloads, lists, tells usage and deletes', async () => {
    const url = serve();
    const downloaded = await ended(start('download', url, '--sha256', sha256(model), '--json'));
    expect(downloaded.code).toBe(0);
    const file = JSON.parse(downloaded.stdout);
    expect(file).toMatchObject({ url, bytes: model.length, complete: true, sha256: sha256(model) });
    expect((await ended(start('list'))).stdout).toMatch(
      /^ +1\.1 MB {2}\d{4}-\d\d-\d\d {2}http.*model\.pth\n$/,
    );
    expect(JSON.parse((await ended(start('list', '--json'))).stdout)).toEqual([file]);
    const used = JSON.parse((await ended(start('usage', '--json'))).stdout);
    expect(used).toMatchObject({ bytes: model.length });
    expect((await ended(start('usage'))).stdout).toMatch(/^1\.1 MB of \d/);
    expect(await ended(start('delete', url))).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await ended(start('delete', url))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('not in'),
    });
    await store.download(url);
    expect((await ended(start('delete', '--all', '--json'))).stdout).toBe('{"deleted":true}\n');
    expect(await store.list()).toEqual([]);
  });

  test.each([
    [['delete'], 2, /expected either a URL or --all/],
    [['download'], 2, /missing required argument/],
    [['download', './x.pth'], 2, /^rwkv-wasm: url: expected a URL of http or https/],
    [['download', 'http://127.0.0.1:9/x'], 1, /^rwkv-wasm: http:\/\/127\.0\.0\.1:9\/x: /],
    [['nothing'], 2, /unknown command/],
  ])('%j exits with %i', async (args, expected, reason) => {
    const { code, stderr, stdout } = await ended(start(...args));
    expect([code, stdout]).toEqual([expected, '']);
    expect(stderr).toMatch(reason);
  });

  test('Ctrl-C leaves the part to the next download', async () => {
    const url = serve({ body: noise(1_000_000), slow: 50 });
    const child = start('download', url);
    const result = ended(child);
    await grown(100_000);
    child.kill('SIGINT');
    expect(await result).toMatchObject({ code: 130 });
    expect(await store.list()).toMatchObject([{ complete: false }]);
  });
});
