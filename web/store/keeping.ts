// The caller's half of the store: looks for files, sees to it that only one at a time is downloading, and asks a worker for
// the bytes. Here a lock outlives its worker, so that none is left behind when a load is aborted.
import { onAbort } from '../shared/aborts.js';
import { RwkvError, sentence } from '../shared/errors.js';
import type { Asked, Place, Request, StoredPlace } from '../shared/protocol.js';
import type { LoadProgress, Quantization } from '../shared/types.js';
import { keyOf, packedKey, type StoredRecord, urlKey } from './record.js';
import type { Found, Shelf } from './shelf.js';
import { watchOther } from './watching.js';

/** What a host lends to the store. */
export interface StoreHost {
  /** The shelves that there are, the best first. */
  shelves(): Promise<Shelf[]>;
  /**
   * Does the work while nobody else, in any page or process, does any under the same name. `wait`: `false` answers
   * `undefined` at once where somebody does. `signal` ends the waiting. Throws `readOnlyStore` where nothing can be written.
   */
  lock<T>(
    name: string,
    wait: boolean,
    signal: AbortSignal | undefined,
    work: () => Promise<T>,
  ): Promise<T | undefined>;
  /** Asks that the browser never clears the store by itself. Does not wait for the answer. */
  persist(): void;
  /** `bytes`: what the store takes. */
  usage(bytes: number): Promise<{ readonly quota?: number; readonly persisted?: boolean }>;
}

/** What a worker does for the store. A call that fails ends the worker before it rejects. */
export interface StoreWorker {
  /** Hears of downloads that others do. */
  report(progress: LoadProgress): void;
  download(request: Request<'download'>): Promise<StoredPlace | null>;
  verify(request: Request<'verify'>): Promise<boolean>;
  pack(request: Omit<Request<'pack'>, 'build' | 'wasmUrl'>): Promise<StoredPlace>;
}

/** How a file is to be had. */
export interface Wish {
  readonly cache: 'auto' | boolean;
  readonly allowNetwork: boolean;
  readonly sha256: string | null;
  readonly keepPacked?: boolean;
  /** What was packed for it serves too, `null`: for none; `undefined`: only the file itself serves. */
  readonly quantization?: Quantization | null;
  readonly signal: AbortSignal | undefined;
}

/** A file of the store that is about to be read. */
export interface Kept {
  readonly url: string;
  readonly asked: Asked;
  readonly place: StoredPlace;
  /** It came just now. */
  readonly isFresh: boolean;
}

const readOnly = new WeakSet<object>();

/** The error of a store that can be read and not written, as in containers. */
export function readOnlyStore(place: string, cause: unknown): RwkvError {
  const what = `${place}: the store can be read only: ${sentence(cause)}`;
  const error = new RwkvError('unsupported', what, { cause });
  readOnly.add(error);
  return error;
}

/** Whether an error is of that function. */
export function isReadOnly(error: unknown): boolean {
  return typeof error === 'object' && error !== null && readOnly.has(error);
}

type RemotePlace = Extract<Place, { readonly kind: 'url' }>;

/** Whether the store keeps files from there. */
export function isRemote(place: Place): place is RemotePlace {
  return place.kind === 'url' && /^https?:/i.test(place.url);
}

/**
 * The place that a file is to be read from: the store's, where it keeps the file, then holding it. `note` hears of that.
 *
 * @throws RwkvError as `RWKV.load` for the network and the store
 */
export async function keep(
  place: Place,
  given: Wish,
  host: StoreHost,
  worker: StoreWorker,
  note: (kept: Kept) => void = () => {},
): Promise<Place> {
  const sha256 = given.sha256 ?? place.sha256 ?? null;
  const wish = { ...given, sha256 };
  const unkept: Place = sha256 === null ? place : { ...place, sha256 };
  if (!isRemote(place) || wish.cache === false) return unkept;
  const { url, name, asked, from, bytes } = place;
  const { signal } = wish;
  const shelves = await unlessAborted(signal, host.shelves());
  const key = shelves.length > 0 ? await keyOf(url) : '';
  const isDone = (found: StoredPlace) => !wish.keepPacked || found.key !== key;

  let isFresh = false;
  const kept = (stored: StoredPlace): Place => {
    note({ url, asked, place: stored, isFresh });
    return { ...stored, name };
  };

  const look = () => find(shelves, key, place, wish, worker);
  const found = await look();
  if (found && (isDone(found) || !wish.allowNetwork)) return kept(found);
  if (!wish.allowNetwork) {
    throw new RwkvError('not-stored', `${url}: it is not in the store, and option allowNetwork is false`);
  }
  const download = async () => {
    const there = await look(); // by whoever had the lock before
    isFresh = !there;
    if (there) return there;
    const places = shelves.map(({ place }) => place);
    const size = bytes !== undefined && { bytes };
    return worker.download({ url, name, asked, from, ...size, key, sha256, shelves: places });
  };
  const pack = (original: StoredPlace, quantization = wish.quantization ?? null) =>
    worker.pack({ model: { ...original, name }, key: packedKey(key, quantization), quantization });
  if (shelves.length > 0) {
    host.persist();
    const watch = watchOther(shelves, key, worker.report);
    const stored = await host
      .lock(key, true, signal, async () => {
        watch.end();
        const original = await download();
        if (original === null || isDone(original)) return original;
        note({ url, asked, place: original, isFresh });
        return pack(original);
      })
      .catch((error: unknown) => {
        if (!isReadOnly(error) || wish.cache === true) throw error;
        return null;
      })
      .finally(watch.stop);
    if (stored) return kept(stored);
    if (found) return kept(found); // it was to be packed, where nothing can be written
  }
  if (wish.cache !== true) return unkept;
  throw new RwkvError(
    'unsupported',
    `${url}: nothing can be kept here, as in private windows and in pages that came over plain http; 'cache: false' loads into memory`,
  );
}

// A browser's storage may hang. What a worker does is not for this: it has to end before the lock is given back.
async function unlessAborted<T>(signal: AbortSignal | undefined, work: Promise<T>): Promise<T> {
  let unhear = () => {};
  const aborted = new Promise<never>((_, reject) => {
    signal?.throwIfAborted();
    unhear = onAbort(signal, () => reject(signal?.reason));
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    unhear();
  }
}

/** The whole file that serves: what was packed, or the file itself. */
async function find(
  shelves: readonly Shelf[],
  key: string,
  { url, name }: RemotePlace,
  { quantization, sha256, allowNetwork, signal }: Wish,
  worker: StoreWorker,
): Promise<StoredPlace | undefined> {
  const packed =
    quantization === undefined
      ? []
      : [packedKey(key, quantization), ...(quantization ? [packedKey(key, null)] : [])];
  for (const at of [...packed, key]) {
    for (const shelf of shelves) {
      const there = await unlessAborted(signal, shelf.find(at));
      if (!there?.complete) continue;
      const place = { kind: 'stored', shelf: shelf.place, key: at } as const;
      const record = await unlessAborted(signal, shelf.record(at));
      if (!isWhole(there, record)) {
        if (allowNetwork) continue;
        const what = `expected ${record?.total} bytes, found ${there.bytes}`;
        throw new RwkvError('bad-file', `${name}: the stored file: ${what}; ${removalAdvice(url)}`);
      }
      if (at !== key) {
        const isRight = !quantization || record?.packed === quantization;
        if (isRight && (sha256 === null || record?.sha256 === sha256)) return place;
      } else {
        const isAsChecked = record?.sha256 !== undefined && record.checked === there.stamp;
        if (sha256 === null || (isAsChecked && record.sha256 === sha256)) return place;
        if (!isAsChecked && (await worker.verify({ ...place, name, sha256 }))) return place;
        if (!allowNetwork)
          throw new RwkvError(
            'hash-mismatch',
            `${name}: the stored file has not the SHA-256 ${sha256}; ${removalAdvice(url)}`,
          );
      }
    }
  }
  return undefined;
}

/** Whether all bytes that were written are still there. */
export function isWhole({ bytes, complete }: Found, record: StoredRecord | undefined): boolean {
  return complete && bytes === (record?.total ?? bytes);
}

/** What to do with a stored file that does not serve, where the network may not be asked for another. */
export function removalAdvice(url: string): string {
  return `this is the store's copy, which store.delete('${url}') or rwkv-wasm models delete ${url} removes`;
}

/** A file of the store as it lies there. */
export interface Entry extends Found {
  readonly shelf: Shelf;
  readonly key: string;
}

/** All that the store holds. */
export async function entries(host: StoreHost): Promise<Entry[]> {
  const all: Entry[] = [];
  for (const shelf of await host.shelves()) {
    for (const key of await shelf.keys()) {
      const { bytes = 0, complete = false } = (await shelf.find(key)) ?? {};
      all.push({ shelf, key, bytes, complete });
    }
  }
  return all;
}

/**
 * Deletes what the store holds under keys, while nobody writes there.
 *
 * @throws RwkvError `in-use` while one is downloaded or read
 */
export async function remove(host: StoreHost, found: readonly Pick<Entry, 'shelf' | 'key'>[]): Promise<void> {
  for (const { shelf, key } of found) {
    const removed = await host.lock(urlKey(key), false, undefined, async () => {
      await shelf.remove(key);
      return true;
    });
    if (!removed) throw inUse();
  }
}

function inUse(): RwkvError {
  return new RwkvError(
    'in-use',
    'the stored file is being downloaded by a load, another page or another process',
  );
}
