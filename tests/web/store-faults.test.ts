// A file system that fails, and power that goes: each call of the store's into Node fails once, one after the other, and files are left
// as a loss of power may leave them. What is whole then is right, what fails says so, and the next try gets the bytes.
import fs, { existsSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { RwkvError } from '../../dist/node.js';
import { nodeStore } from '../../dist/store/node/host.js';
import { openFolder } from '../../dist/store/node/shelf.js';
import { keepDownload } from '../../dist/store/storing.js';
import { powerCuts } from './fake/power.js';
import { noise } from './model-server.js';
import { folder, server } from './store-room.js';
import { failure } from './streams.js';

const body = noise(80_000);
/** Bytes between two syncs: what the server sends at once. */
const step = 2 ** 16;
const key = '0123456789abcdef0123456789abcdef';
const at = (end: string) => join(folder, `${key}.${end}`);
const host = { openShelf: () => openFolder(folder, step) };

/** As a load does it: under the lock of the key, onto the shelf. */
function download(served = body) {
  server.files.set('/model.bin', { body: served });
  const url = `${server.site}/model.bin`;
  const remote = { url, name: 'model.bin', asked: 'any', from: [{ url }], sha256: null } as const;
  const shelves = [{ kind: 'folder', path: folder }] as const;
  return nodeStore.lock(key, true, undefined, () =>
    keepDownload({ ...remote, key, shelves }, host, () => {}),
  );
}

/** What is whole is right, and nobody holds the lock. */
async function isSound(bodies: readonly Buffer[] = [body]) {
  if (existsSync(at('bin'))) expect(bodies.some((one) => one.equals(readFileSync(at('bin'))))).toBe(true);
  expect(readdirSync(folder).filter((name) => name.includes('.lock'))).toEqual([]);
}

async function comesRight(served = body) {
  await download(served);
  await isSound([served]);
  expect(existsSync(at('bin'))).toBe(true);
}

/** The store's files that this process holds, where the system tells. */
function openFiles(): string[] {
  const open = '/proc/self/fd';
  if (!existsSync(open)) return [];
  const paths = readdirSync(open).map((fd) => {
    try {
      return readlinkSync(join(open, fd));
    } catch {
      return ''; // that by which they are listed
    }
  });
  return paths.filter((path) => path.startsWith(folder));
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
  for (const name of [...calls.sync, 'readFileSync'] as const) Reflect.set(fs, name, originals.sync[name]);
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
    if (name !== 'closeSync') expect.soft(openFiles(), `${name} ${n}`).toEqual([]);
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

  const [long, earlier] = [noise(5 * step), noise(5 * step, 2)];
  const befores = {
    'an empty store': async () => {},
    'a part of it': () => part(long),
    'a part of an earlier file of that URL': () => part(earlier),
    'an earlier file of that URL': () => download(earlier),
  };

  /** Leaves what came before the disk was full. */
  async function part(served: Buffer) {
    const hasFailed = break_('writeSync', 4, 'ENOSPC');
    expect(await failure(download(served))).toMatchObject({ code: 'quota-exceeded' });
    expect(hasFailed()).toBe(true);
    heal();
    expect(readFileSync(at('part')).length).toBeGreaterThan(2 * step);
  }

  test.each(Object.entries(befores))('between any two calls on %s', async (_, prepare) => {
    await prepare();
    const cuts = await powerCuts(
      folder,
      (name) => !name.includes('.lock'),
      () => download(long),
    );
    expect(cuts.length).toBeGreaterThan(10);
    const { readFileSync: read } = originals.sync;
    Reflect.set(fs, 'readFileSync', (path: unknown, ...more: unknown[]) =>
      String(path).endsWith('boot_id') ? 'ffffffff' : Reflect.apply(read, fs, [path, ...more]),
    );
    syncBuiltinESMExports();
    for (const files of cuts) {
      for (const left of readdirSync(folder)) rmSync(join(folder, left));
      for (const [name, bytes] of files) writeFileSync(join(folder, name), bytes);
      await isSound([long, earlier]);
      await comesRight(long);
    }
  });

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
