// A file system that fails, and power that goes: each call of the store's into Node fails once, one after the other, and files are left
// as a loss of power may leave them. What is whole then is right, what fails says so, and the next try gets the bytes.

// A file system that fails, and power that goes: each call of the store's into Node fails once, one after the other, and files are left
// as a loss of power may leave them. What is whole then is right, what fails says so, and the next try gets the bytes.
import fs, { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { RwkvError } from '../../dist/node.js';
import { nodeStore } from '../../dist/store/node/host.js';
import { openFolder } from '../../dist/store/node/shelf.js';
import { keepDownload } from '../../dist/store/storing.js';
import { noise } from './model-server.js';
import { folder, server } from './store-room.js';
import { failure } from './streams.js';

const body = noise(80_000);
const key = '0123456789abcdef0123456789abcdef';
const at = (end: string) => join(folder, `${key}.${end}`);
const host = { openShelf: () => openFolder(folder) };

/** As a load does it: under the lock of the key, onto the shelf. */
function download() {
  server.files.set('/model.bin', { body });
  const url = `${server.site}/model.bin`;
  const remote = { url, name: 'model.bin', asked: 'any', from: [{ url }], sha256: null } as const;
  const shelves = [{ kind: 'folder', path: folder }] as const;
  return nodeStore.lock(key, true, undefined, () =>
    keepDownload({ ...remote, key, shelves }, host, () => {}),
  );
}

/** What is whole is right, and nobody holds the lock. */
async function isSound() {
  if (existsSync(at('bin'))) expect(readFileSync(at('bin')).equals(body)).toBe(true);
  expect(readdirSync(folder).filter((name) => name.includes('.lock'))).toEqual([]);
}

async function comesRight() {
  await download();
  expect(readFileSync(at('bin')).equals(body)).toBe(true);
  await isSound();
}

/** What goes wrong with a call. */
type Fault = 'EIO' | 'ENOSPC' | 'short';
const calls = {
  sync: ['openSync', 'readSync', 'writeSync', 'fsyncSync', 'ftruncateSync', 'fstatSync', 'closeSync'],
  async: ['open', 'writeFile', 'rename', 'readdir', 'stat', 'statfs', 'mkdir', 'readFile', 'rm', 'utimes'],
} as const;
const originals = { sync: { ...fs }, async: { ...fs.promises } };

afterEach(() => heal());

function heal() {
  for (const name of calls.sync) Reflect.set(fs, name, originals.sync[name]);
  for (const name of calls.async) Reflect.set(fs.promises, name, originals.async[name]);
  syncBuiltinESMExports();
}

/** The `n`-th call of this name fails; answers whether it has come to that. */
function break_(name: string, n: number, fault: Fault): () => boolean {
  let count = 0;
  const isSync = name.endsWith('Sync');
  const [owner, original] = isSync
    ? [fs, Reflect.get(originals.sync, name)]
    : [fs.promises, Reflect.get(originals.async, name)];
  const error = () => Object.assign(new Error(`${fault}: it fails, ${name}`), { code: fault });
  Reflect.set(owner, name, (...given: unknown[]) => {
    if (++count !== n) return Reflect.apply(original, owner, given);
    if (fault === 'short') return shortly(original, given);
    if (isSync) throw error();
    return Promise.reject(error());
  });
  syncBuiltinESMExports();
  return () => count >= n;
}

/** A read or write of half of what was asked. */
function shortly(
  original: (...given: unknown[]) => unknown,
  [file, bytes, from = 0, length, ...rest]: unknown[],
) {
  const whole = typeof length === 'number' ? length : (bytes as Uint8Array).length - Number(from);
  return original(file, bytes, from, Math.max(1, whole >> 1), ...rest);
}

test("another's lock that cannot be read is an error, not awaited for ever", async () => {
  await writeLock();
  const readsNoLock = (path: unknown, ...more: unknown[]) =>
    String(path).endsWith('.lock')
      ? Promise.reject(Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' }))
      : Reflect.apply(originals.async.readFile, fs.promises, [path, ...more]);
  Reflect.set(fs.promises, 'readFile', readsNoLock);
  syncBuiltinESMExports();
  const error = await failure(download());
  expect(error).toBeInstanceOf(RwkvError);
});

const writeLock = () => originals.async.writeFile(join(folder, `${key}.lock`), '{}');

const faults: [string, Fault][] = [
  ...[...calls.sync, ...calls.async].map((name): [string, Fault] => [name, 'EIO']),
  ['writeSync', 'ENOSPC'],
  ['writeFile', 'ENOSPC'],
  ['writeSync', 'short'],
  ['readSync', 'short'],
];

test.each(faults)('%s may fail by %s at any call', async (name, fault) => {
  for (let n = 1; ; n++) {
    for (const left of readdirSync(folder)) rmSync(join(folder, left));
    if (n % 2 === 0) writeFileSync(at('part'), body.subarray(0, 5000)); // which is not known to be of this file
    const hasFailed = break_(name, n, fault);
    const outcome = await download().catch((error: unknown) => error);
    heal();
    if (outcome instanceof Error) expect.soft(outcome, `${name} ${n}`).toBeInstanceOf(RwkvError);
    await isSound();
    await comesRight();
    if (!hasFailed()) return;
  }
});

describe('power may go while a file comes', () => {
  const borders = Array.from({ length: Math.ceil(body.length / 4096) + 1 }, (_, i) =>
    Math.min(i * 4096, body.length),
  );

  /** The record that is written before the first byte. */
  async function recorded() {
    await download();
    return readFileSync(at('json'));
  }

  test('with its record whole, cut, empty or not there, and the part cut at any page', async () => {
    const record = await recorded();
    for (const kept of [record, record.subarray(0, record.length >> 1), Buffer.alloc(0), undefined])
      for (const bytes of borders) {
        for (const left of readdirSync(folder)) rmSync(join(folder, left));
        if (kept) writeFileSync(at('json'), kept);
        writeFileSync(at('part'), body.subarray(0, bytes));
        await comesRight();
      }
  });
});
