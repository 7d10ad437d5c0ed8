// What the store takes for complete, whoever else is at it, and what it does where it cannot write.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { appendFileSync, chmodSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { RWKV, RwkvError, store } from '../../dist/node.js';
import { keep, readOnlyStore } from '../../dist/store/keeping.js';
import { nodeStore } from '../../dist/store/node/host.js';
import { Watch, withLockFile } from '../../dist/store/node/lock.js';
import { step, takePart } from '../../dist/store/node/parts.js';
import { currentBoot, machine } from '../../dist/store/node/processes.js';
import { openFolder } from '../../dist/store/node/shelf.js';
import { cli, oracle } from './command.js';
import { folder, server } from './store-room.js';
import { failure } from './streams.js';

const key = '0'.repeat(32);
const boot = currentBoot() ?? '00000000';
const model = readFileSync(oracle);
const sha256 = createHash('sha256').update(model).digest('hex');
const served = (body: Uint8Array = model, more = {}) => {
  server.files.set('/model.pth', { body, ...more });
  return `${server.site}/model.pth`;
};
const file = (end: string) => join(folder, readdirSync(folder).find((name) => name.endsWith(end)) ?? end);

describe('an owner of a lock', () => {
  test('who is paused keeps it, whatever the clock says', async () => {
    const url = served(new Uint8Array(2 ** 20), { slow: 50 });
    const child = spawn(process.execPath, [cli, 'models', 'download', url], {
      env: process.env,
      stdio: 'ignore',
    });
    await vi.waitFor(() => expect(readdirSync(folder).join()).toMatch(/\.lock/), { timeout: 20_000 });
    child.kill('SIGSTOP');
    for (const now of [0, 1e9, 4e9]) {
      utimesSync(file('.lock'), now, now);
      expect(await withLockFile(file('.lock'), false, undefined, async () => true)).toBeUndefined();
    }
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await withLockFile(file('.lock'), false, undefined, async () => true)).toBe(true);
  });

  test.each([
    ['elsewhere', { pid: 1, machine: 'elsewhere' }],
    ['of an earlier version', { pid: 1, host: 'elsewhere', token: 'x' }],
    ['unknown: it died before it had said so', undefined],
    ['in another thread', { pid: process.pid, machine }],
  ])('%s is dead when it was seen silent for long', async (_, owner) => {
    const text = owner ? JSON.stringify(owner) : '';
    const watch = new Watch();
    let beat = 5;
    const states = async (...times: number[]) => {
      const all: string[] = [];
      for (const now of times) all.push(await watch.stateOf({ text, beat }, now * 1000));
      return all;
    };
    expect(await states(0, 10, 29)).not.toContain('dead');
    beat = 4; // also where its clock goes back
    expect(await states(31, 45, 60)).toEqual(['alive', 'alive', 'alive']);
    expect(await states(62)).toEqual(['dead']);
  });

  test('gives it up however the work ends', async () => {
    const lock = join(folder, 'a.lock');
    const work = async () => {
      throw new Error('no');
    };
    expect(await failure(withLockFile(lock, true, undefined, work))).toMatchObject({ message: 'no' });
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('a partial file', () => {
  const piece = (byte: number) => new Uint8Array(100).fill(byte);
  const commit = async (sink: Awaited<ReturnType<typeof takePart>>) => {
    await sink.commit();
    return readFileSync(join(folder, `${key}.bin`));
  };

  test('is never a mixture, though two believe it is theirs', async () => {
    let committed = 0;
    for (let round = 0; round < 100; round++) {
      const path = join(folder, `${key}.bin`);
      const writers = await Promise.all(
        [1, 2].map(async (byte) => {
          const sink = await takePart(folder, key);
          const read = new Uint8Array(sink.size);
          sink.read(0, read);
          return { byte, sink, bytes: [...read], left: 3, isOver: false };
        }),
      );
      for (let chance = round; writers.some(({ isOver }) => !isOver); ) {
        chance = (chance * 1103515245 + 12345) % 2 ** 31;
        const writer = writers[(chance >> 16) & 1];
        if (!writer || writer.isOver) continue;
        try {
          if (writer.left-- > 0) {
            await writer.sink.write(piece(writer.byte));
            writer.bytes.push(...piece(writer.byte));
          } else {
            writer.isOver = true;
            expect([...(await commit(writer.sink))]).toEqual(writer.bytes);
            committed++;
          }
        } catch (error) {
          if (!(error instanceof Error) || !/somebody else|ENOENT/.test(error.message)) throw error;
          writer.isOver = true;
          if (writer.left >= 0) await Promise.resolve(writer.sink.close()).catch(() => {});
        }
      }
      await (await openFolder(folder))?.remove(key);
      expect(readdirSync(folder)).toEqual([]);
      expect(() => readFileSync(path)).toThrow();
    }
    expect(committed).toBeGreaterThan(10);
  });

  test('into which somebody else has written is none', async () => {
    for (const spoil of ['write', 'commit'] as const) {
      const sink = await takePart(folder, key);
      await sink.write(piece(1));
      appendFileSync(file('.part'), 'x');
      const error = await failure((async () => (spoil === 'write' ? sink.write(piece(1)) : sink.commit()))());
      expect(error).toMatchObject({
        code: 'in-use',
        message: expect.stringMatching(/expected 100 bytes there; found 101/),
      });
      expect(sink.size).toBe(0);
      await sink.close();
    }
    expect(readdirSync(folder)).toEqual([`${key}.part`]);
    const sink = await takePart(folder, key);
    await sink.write(piece(7));
    expect(await commit(sink)).toEqual(Buffer.from(piece(7)));
  });

  test.each([
    ['of a process that is gone is gone on with', `${machine}-${2 ** 22 + 1}-${boot}01234567.part`, 0],
    ['of another machine is copied', `01234567-1-${boot}01234567.part`, 1],
    ['that nobody writes is gone on with', 'part', 0],
  ])('%s', async (_, name, left) => {
    writeFileSync(join(folder, `${key}.${name}`), piece(4));
    writeFileSync(join(folder, `${key}.${machine}-${2 ** 22 + 2}-${boot}01234567.part`), 'less');
    expect(await (await openFolder(folder))?.find(key)).toEqual({ bytes: 100, complete: false });
    const sink = await takePart(folder, key);
    expect(sink.size).toBe(100);
    await sink.write(piece(5));
    expect(await commit(sink)).toEqual(Buffer.concat([piece(4), piece(5)]));
    expect(readdirSync(folder).filter((one) => one === `${key}.${name}`)).toHaveLength(left);
    await (await openFolder(folder))?.remove(key);
    expect(readdirSync(folder)).toEqual([]);
  });
});

test.each([
  ['that nobody closed before a loss of power goes back to what was synced', 'fedcba98', 2 * step + 5, step],
  ['of less than that begins anew', 'fedcba98', step + 5, 0],
  ['of a process that was killed is whole, for the system has run on', boot, 2 * step + 5, 2 * step + 5],
])('a partial file %s', async (_, since, bytes, kept) => {
  const path = join(folder, `${key}.${machine}-${2 ** 22 + 1}-${since}01234567.part`);
  writeFileSync(path, new Uint8Array(bytes)); // zeros, as what was not synced may come back
  const sink = await takePart(folder, key);
  expect(sink.size).toBe(kept);
  await sink.close();
  expect((await takePart(folder, key)).size).toBe(kept); // closed, it is what it is
});

test('a system that does not tell its runs apart has none, and parts all the same', () => {
  expect(currentBoot(join(folder, 'no such file'))).toBeUndefined();
  expect(boot).toMatch(/^[0-9a-f]{8}$/);
});

describe('a stored file with a SHA-256', () => {
  const load = async (options = {}) => {
    await (await RWKV.load(served(), { tokenizer: 'bytes', sha256, ...options })).dispose();
    return server.asked.length;
  };

  test('is summed up once, and again when it was written to', async () => {
    expect(await load()).toBe(1);
    expect(await store.list()).toMatchObject([{ sha256 }]);
    expect(await load()).toBe(1);
    utimesSync(file('.bin'), 1, 1); // touched, and the same
    expect(await load()).toBe(1);
    const bytes = readFileSync(file('.bin'));
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    writeFileSync(file('.bin'), bytes);
    expect(await failure(load({ allowNetwork: false }))).toMatchObject({ code: 'hash-mismatch' });
    expect(await load()).toBe(2);
    expect(readFileSync(file('.bin')).equals(model)).toBe(true);
  });
});

describe('a store that can be read only', () => {
  const readOnly = {
    ...nodeStore,
    lock: () => Promise.reject(readOnlyStore(folder, new Error('EROFS'))),
  };
  const wish = { cache: 'auto', allowNetwork: true, sha256: null, signal: undefined } as const;
  const worker = {
    report() {},
    download: () => Promise.reject(new Error('it was asked for')),
    verify: async () => true,
    pack: () => Promise.reject(new Error('it was asked for')),
  };
  const place = (url: string) => ({
    ...({ kind: 'url', name: 'model.pth', url, asked: 'model', from: [{ url }] } as const),
  });

  test('serves what it has, also where that was to be packed', async () => {
    const url = served();
    await store.download(url);
    for (const more of [{}, { allowNetwork: false }, { keepPacked: true, quantization: 'q8' } as const])
      expect(await keep(place(url), { ...wish, ...more }, readOnly, worker)).toMatchObject({
        kind: 'stored',
      });
  });

  test('is passed by for what it has not, unless that must be kept', async () => {
    const url = served();
    expect(await keep(place(url), wish, readOnly, worker)).toMatchObject({ kind: 'url', url });
    expect(await failure(keep(place(url), { ...wish, cache: true }, readOnly, worker))).toMatchObject({
      code: 'unsupported',
      message: expect.stringMatching(/can be read only/),
    });
  });

  test('is told by its lock: what else is unsupported is not taken for it', async () => {
    const url = served();
    await store.download(url);
    const refused = new RwkvError('unsupported', 'a model of the year after next');
    const packing = { ...worker, pack: () => Promise.reject(refused) };
    const more = { keepPacked: true, quantization: 'q8' } as const;
    expect(await failure(keep(place(url), { ...wish, ...more }, nodeStore, packing))).toBe(refused);
  });

  const isRoot = process.getuid?.() === 0; // who may write everywhere
  test.skipIf(isRoot)('is a folder without the right to write', async () => {
    const url = served();
    await store.download(url);
    chmodSync(folder, 0o555);
    try {
      await (await RWKV.load(url, { tokenizer: 'bytes', allowNetwork: false })).dispose();
      await (
        await RWKV.load(`${url}?other`, { tokenizer: 'bytes' }).catch(() =>
          RWKV.load(url, { tokenizer: 'bytes' }),
        )
      ).dispose();
      expect(await failure(store.delete(url))).toMatchObject({ code: 'unsupported' });
      expect(server.asked).toHaveLength(2);
    } finally {
      chmodSync(folder, 0o755);
    }
  });
});
