// The store's small parts by themselves.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { expandShorthand } from '../../dist/store/hub.js';
import { createMeter } from '../../dist/store/meter.js';
import { cacheFolder, openFolder } from '../../dist/store/node/shelf.js';

test.each([
  [{ RWKV_WASM_CACHE: '/a/b', XDG_CACHE_HOME: '/c' }, '/a/b'],
  [{ RWKV_WASM_CACHE: 'b' }, join(process.cwd(), 'b')],
  [{ XDG_CACHE_HOME: '/c' }, '/c/rwkv-wasm'],
  [{ XDG_CACHE_HOME: 'not/absolute' }, join(homedir(), '.cache/rwkv-wasm')],
  [{ RWKV_WASM_CACHE: '', XDG_CACHE_HOME: '' }, join(homedir(), '.cache/rwkv-wasm')],
  [{}, join(homedir(), '.cache/rwkv-wasm')],
])('with %j files are in %s', (env, folder) => {
  expect(cacheFolder(env)).toBe(folder);
});

test('many may open the folder at once, and write the record of one file', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'rwkv-wasm-store-test-'));
  const shelves = await Promise.all(Array.from({ length: 50 }, () => openFolder(folder)));
  const key = '0'.repeat(32);
  const record = { url: 'https://example.com/x.pth', name: 'x.pth', lastUsed: 1 };
  await Promise.all(shelves.map((shelf) => shelf?.writeRecord(key, record)));
  expect(shelves).not.toContain(undefined);
  expect(await shelves[0]?.record(key)).toEqual(record);
  expect(readdirSync(folder)).toEqual([`${key}.json`]);
  rmSync(folder, { recursive: true });
});

test.each([
  ['hf:BlinkDL/rwkv7-g1/x.pth', 'https://huggingface.co/BlinkDL/rwkv7-g1/resolve/main/x.pth'],
  ['hf:a/b/c/d e.txt@v1.0', 'https://huggingface.co/a/b/resolve/v1.0/c/d%20e.txt'],
  ['HF:a/b/c@refs/pr/1', 'https://huggingface.co/a/b/resolve/refs%2Fpr%2F1/c'],
  ['https://example.com/hf:a/b/c', undefined],
  ['./hf/a/b', undefined],
])('%s is short for %s', (source, url) => {
  expect(expandShorthand('source', source)).toBe(url);
});

test('progress tells the rate of the last seconds, and forgets it when a download starts again', () => {
  let now = 0;
  const heard: unknown[] = [];
  const look = createMeter(
    (progress) => heard.push(progress),
    () => now,
  );
  const at = (ms: number, loaded: number, total?: number) => {
    now = ms;
    heard.length = 0;
    look(loaded, total);
    return heard[0];
  };
  const stage = 'download';
  expect(at(0, 0, 10_000)).toEqual({ stage, loaded: 0, total: 10_000 });
  expect(at(1000, 1000, 10_000)).toMatchObject({ bytesPerSecond: 1000, secondsLeft: 9 });
  expect(at(1010, 1100, 10_000)).toBeUndefined(); // too soon
  expect(at(3000, 1000, 10_000)).toMatchObject({ bytesPerSecond: 1000 / 3, secondsLeft: 27 }); // it stands still
  expect(at(4000, 3000)).toEqual({ stage, loaded: 3000, bytesPerSecond: 750 });
  expect(at(6000, 5000, 10_000)).toMatchObject({ bytesPerSecond: 4000 / 3, secondsLeft: 3.75 });
  expect(at(6100, 0, 10_000)).toEqual({ stage, loaded: 0, total: 10_000 });
  expect(at(6101, 10_000, 10_000)).toMatchObject({ loaded: 10_000, secondsLeft: 0 }); // the last is always told
});
