// The storage of a browser that fails: each call of the store's into the origin private file system, the Cache API and locks fails once,
// one after the other, does half, comes late, or the worker is ended before it. What is whole then is right, what fails says so, and the
// next try gets the bytes.
import { createHash } from 'node:crypto';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { RwkvError } from '../../dist/node.js';
import { nodeHost } from '../../dist/node-host.js';
import { createStore } from '../../dist/page/store.js';
import { openCache } from '../../dist/store/cache-shelf.js';
import { keep } from '../../dist/store/keeping.js';
import { openOpfs } from '../../dist/store/opfs.js';
import { keepDownload, verifyStored } from '../../dist/store/storing.js';
import { webStore } from '../../dist/store/web-host.js';
import { openSource } from '../../dist/worker/host.js';
import type { Fault } from './fake/faults.js';
import { fakeStorage } from './fake/web-storage.js';
import { noise, sha256 } from './model-server.js';
import { failure } from './streams.js';

const body = noise(20_000);
const earlier = noise(20_000, 2);
const url = 'https://models.example/model.pth';
const store = createStore({ ...nodeHost, store: webStore });
const host = {
  openShelf: ({ kind }: { readonly kind: string }) =>
    kind === 'opfs' ? openOpfs() : openCache(undefined, 6000),
  sha256() {
    const sum = createHash('sha256');
    return { update: (bytes: Uint8Array) => void sum.update(bytes), digest: () => sum.digest('hex') };
  },
  fetchWasm: () => Promise.reject(new Error('nothing computes')),
};

type Storage = ReturnType<typeof fakeStorage> & { readonly kind: 'opfs' | 'cache' };
let storage: Storage;
const originalTimeout = setTimeout;
/** The store's waits between its tries, in ms, take no time. */
const waits = [50, 250, 500, 1000];
const soon = (work: () => void, ms: number) => originalTimeout(work, waits.includes(ms) ? 0 : ms);

/** What comes over the network, in small pieces. */
function serve(served: Buffer): void {
  vi.stubGlobal('fetch', async (_: string, asked: { readonly headers: { readonly range?: string } }) => {
    const start = Number(/\d+/.exec(asked.headers.range ?? '0')?.[0]);
    if (start >= served.length) return new Response(null, { status: 416 });
    let at = start;
    const stream = new ReadableStream({
      pull(controller) {
        if (at >= served.length) return controller.close();
        controller.enqueue(new Uint8Array(served.subarray(at, at + 4000)));
        at += 4000;
      },
    });
    const range = `bytes ${start}-${served.length - 1}/${served.length}`;
    return new Response(stream, {
      status: start > 0 ? 206 : 200,
      headers: {
        etag: sha256(served),
        'content-length': `${served.length - start}`,
        ...(start > 0 && { 'content-range': range }),
      },
    });
  });
}

const wish = { cache: 'auto', allowNetwork: true, sha256: null, signal: undefined } as const;
type Own = Partial<Parameters<typeof keep>[1]>;

/** As a load does it: brings the file into the store and reads it from there. */
async function load(own: Own = {}, served = body): Promise<Buffer> {
  serve(served);
  const place = { kind: 'url', url, name: 'model.pth', asked: 'any', from: [{ url }] } as const;
  const given = { ...wish, ...own };
  const { signal } = given;
  // A call that is aborted ends its worker.
  const inWorker = async <T>(work: () => Promise<T>) => {
    signal?.throwIfAborted();
    const ending = new Promise<never>((_, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason));
    });
    try {
      return await Promise.race([work(), ending]);
    } catch (error) {
      if (signal?.aborted) storage.endWorker();
      throw error;
    }
  };
  const found = await keep(place, given, webStore, {
    report() {},
    download: (request) => inWorker(() => keepDownload(request, host, () => {})),
    verify: (request) => inWorker(() => verifyStored(request, host)),
    pack: () => Promise.reject(new Error('nothing is packed')),
  });
  const source = await inWorker(() => openSource(found, host));
  try {
    const bytes = Buffer.alloc(source.size);
    for (let at = 0; at < bytes.length; at += 7000) source.read(at, bytes.subarray(at, at + 7000));
    return bytes;
  } finally {
    source.close();
  }
}

/** All that a page does with the store but deleting. */
async function everything(own: Own): Promise<void> {
  await store.list();
  await load(own);
  await store.has(url);
  await store.usage();
}

/** Leaves what came before the storage was full. */
async function loadPart(served: Buffer, own: Own = {}): Promise<void> {
  const call = storage.kind === 'opfs' ? 'write' : 'put';
  storage.faults.plan(call, 3, 'QuotaExceededError'); // the record and a piece come before
  expect(await failure(load(own, served))).toMatchObject({ code: 'quota-exceeded' });
  expect(storage.faults.heal()).toBe(true);
}

const befores: Readonly<Record<string, () => Promise<unknown>>> = {
  'an empty store': async () => {},
  'a part of it': () => loadPart(body),
  'a part of an earlier file of that URL': () => loadPart(earlier),
  'an earlier file of that URL': () => load({}, earlier),
  'the file': () => load(),
};

/** Storage of a kind, as a fresh browser has it. */
function begin(kind: 'opfs' | 'cache'): void {
  vi.unstubAllGlobals();
  storage = { ...fakeStorage(), kind };
  for (const [name, value] of Object.entries(storage.globals))
    if (name !== (kind === 'opfs' ? 'caches' : 'FileSystemFileHandle')) vi.stubGlobal(name, value);
}
afterEach(() => vi.unstubAllGlobals());

/** What is said to be whole is right; the next load gets the bytes; nothing is left of the file when it is deleted. */
async function comesRight(own: Own, what = ''): Promise<void> {
  storage.endWorker();
  const there = await load({ ...own, allowNetwork: false }).catch((error: unknown) => error);
  if (there instanceof Buffer) expect([body, earlier].some((one) => one.equals(there))).toBe(true);
  else expect(there).toBeInstanceOf(RwkvError);
  const now = await load(own);
  expect(now.equals(there instanceof Buffer ? there : body), what).toBe(true);
  expect(storage.isAnyOpen()).toBe(false);
  await store.clear();
  expect([...storage.files().keys(), ...storage.cached.keys()]).toEqual([]);
}

const calls = {
  opfs: [
    'getDirectory getDirectoryHandle getFileHandle getFile text createSyncAccessHandle removeEntry move',
    'getSize read write truncate flush estimate request persist persisted keys',
  ],
  cache: ['open match put delete keys blob text readAsArrayBuffer estimate request persist persisted'],
} as const;
const faults: readonly Fault[] = ['UnknownError', 'ended', 'late'];
const each = (fault: Fault, names: string) => names.split(' ').map((name) => [name, fault] as const);
const more: readonly (readonly [string, Fault])[] = [
  ...each('QuotaExceededError', 'write truncate flush put createSyncAccessHandle'),
  ...each('NotFoundError', 'getFileHandle getFile text move keys'),
  ...each('removed', 'getFileHandle getFile text createSyncAccessHandle write flush removeEntry move keys'),
  ['createSyncAccessHandle', 'NoModificationAllowedError'],
  ['removeEntry', 'NoModificationAllowedError'],
  ['move', 'NoModificationAllowedError'],
  ['write', 'short'],
  ['read', 'short'],
];
const synchronous = ['getSize', 'read', 'write', 'truncate', 'flush', 'readAsArrayBuffer'];
const table = (kind: 'opfs' | 'cache') => {
  const names = calls[kind].join(' ').split(' ');
  const all = names.flatMap((name) => faults.map((fault) => [name, fault] as const));
  const hasFolder = kind === 'opfs';
  const possible = more.filter(([name, fault]) => names.includes(name) && (hasFolder || fault !== 'removed'));
  return [...all, ...possible].filter(([name, fault]) => fault !== 'late' || !synchronous.includes(name));
};

/** With the sum asked for only the file of now serves. */
const wishes: Readonly<Record<string, readonly Own[]>> = {
  'an earlier file of that URL': [{}, { sha256: sha256(body) }],
};

describe.each(['opfs', 'cache'] as const)('%s', (kind) => {
  test.each(table(kind))('%s may fail by %s at any call', async (name, fault) => {
    for (const [before, prepare] of Object.entries(befores))
      for (const own of wishes[before] ?? [{}])
        for (let n = 1, hasFailed = true; hasFailed; n++) {
          begin(kind);
          vi.stubGlobal('setTimeout', soon);
          await prepare();
          const controller = new AbortController();
          const struck = storage.faults.plan(name, n, fault);
          if (fault === 'late') struck.then(() => controller.abort(new Error('enough')));
          const outcome = await Promise.race([
            (fault === 'late' ? load : everything)({ ...own, signal: controller.signal }),
            new Promise((resolve) => originalTimeout(resolve, 3000, 'hangs')),
          ]).catch((error: unknown) => error);
          hasFailed = storage.faults.heal();
          const what = `${name} ${n} on ${before}${own.sha256 ? ' with its sum' : ''}`;
          expect.soft(outcome, what).not.toBe('hangs');
          const isTold = outcome instanceof RwkvError || outcome === controller.signal.reason;
          if (outcome instanceof Error && fault !== 'ended')
            expect.soft(isTold, `${what}: ${outcome}`).toBe(true);
          if (fault !== 'ended' && fault !== 'late') expect.soft(storage.isAnyOpen(), what).toBe(false);
          await comesRight(own, what);
        }
  });
});

test.each(['opfs', 'cache'] as const)(
  '%s: what a cut deletion leaves is no part of the next file',
  async (kind) => {
    for (let n = 1, wasCut = true; wasCut; n++) {
      begin(kind);
      vi.stubGlobal('setTimeout', soon);
      await load({}, earlier);
      storage.faults.plan(kind === 'opfs' ? 'removeEntry' : 'delete', n, 'ended');
      await store.delete(url).catch(() => {});
      wasCut = storage.faults.heal();
      await loadPart(body, { sha256: sha256(body) });
      await comesRight({});
    }
  },
);
