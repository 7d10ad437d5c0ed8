// store: what the package keeps of files from the network.

import { RwkvError, unexpected } from '../shared/errors.js';
import { isUrl } from '../shared/realms.js';
import type { Quantization } from '../shared/types.js';
import { type Hub, hubOf } from '../store/hub.js';
import { type Entry, entries, isRemote, isWhole, remove } from '../store/keeping.js';
import { keyOf, urlKey } from '../store/record.js';
import { locateAssets } from './assets.js';
import { Fetching } from './fetching.js';
import type { Host } from './host.js';
import { checkDownloadOptions, checkEvictOptions, type DownloadOptions } from './options.js';
import { knownOf, knownPlace, placeOf } from './places.js';

/** A file that the store holds, or a part of it. */
export interface StoredFile {
  /** Where it came from; `''` where the record of it was lost. */
  readonly url: string;
  /** The last part of that. */
  readonly name: string;
  /** Bytes that are there. */
  readonly bytes: number;
  /** `false`: its download was interrupted; the next one goes on there. */
  readonly complete: boolean;
  /** Of the file as it was downloaded, where that was checked. */
  readonly sha256?: string;
  /** It was packed for this quantization (option `keepPacked`). */
  readonly packed?: Quantization;
  /** When it was last downloaded or loaded. */
  readonly lastUsed: Date;
}

/** What the store takes. */
export interface StoreUsage {
  /** Of all its files. */
  readonly bytes: number;
  /** What this site, or in Node the disk, can hold at most, where that is known; browsers may round it up to gigabytes. */
  readonly quota?: number;
  /** `false`: the browser may clear it when space is short. */
  readonly persisted?: boolean;
}

/**
 * The files that loads have kept: in browsers in the origin private file system, or the Cache API where that is missing;
 * in Node in the folder that the variable `RWKV_WASM_CACHE` names, else `rwkv-wasm` in `$XDG_CACHE_HOME` or `~/.cache`.
 * URLs are given as to `RWKV.load`, shorthands too. Nothing is deleted but by these calls and, where it is not persisted,
 * by the browser.
 */
export interface Store {
  /** All files, the last used first. */
  list(): Promise<StoredFile[]>;
  /** Whether a load of this URL needs no network. */
  has(url: string | URL): Promise<boolean>;
  /**
   * Deletes the file of a URL, whole, partial or packed; `false`: there was none.
   *
   * @throws RwkvError `in-use` while it is downloaded or read
   */
  delete(url: string | URL): Promise<boolean>;
  /** Deletes all files. @throws RwkvError `in-use` where one is downloaded or read; the others are gone */
  clear(): Promise<void>;
  /** How much all files take, and how much they may. */
  usage(): Promise<StoreUsage>;
  /**
   * Downloads a file without loading it, or the rest of one; answers at once where the store holds it.
   *
   * @throws RwkvError `invalid-argument`, `unsupported` where nothing can be kept, `read-failed`, `bad-file` for a web page,
   * `hash-mismatch`, `quota-exceeded`, `in-use`, `worker-crashed`; the reason of `signal`
   */
  download(url: string | URL, options?: DownloadOptions): Promise<StoredFile>;
  /** Deletes the files that were used longest ago until all take at most `bytes`; answers what it deleted. Files in use stay. */
  evict(options: { readonly bytes: number }): Promise<StoredFile[]>;
}

/** The store of a host. */
export function createStore(host: Host): Store {
  const urlOf = async (source: string | URL, hub: Hub = hubOf({})) => {
    if (typeof source !== 'string' && !isUrl(source)) throw unexpected('url', 'a URL', source);
    const place = await placeOf(host, hub, 'any', source);
    if (!isRemote(place))
      throw unexpected('url', 'a URL of http or https, or hf:owner/repository/file', String(source));
    return place;
  };
  const found = async (url: string): Promise<Entry[]> => {
    const shelves = await host.store.shelves();
    if (shelves.length === 0) return [];
    const own = await keyOf(url);
    return (await entries(host.store)).filter(({ key }) => urlKey(key) === own);
  };
  const newestFirst = async () =>
    (await Promise.all((await entries(host.store)).map(describe))).sort(
      (a, b) => b.file.lastUsed.getTime() - a.file.lastUsed.getTime(),
    );
  return {
    list: async () => (await newestFirst()).map(({ file }) => file),
    async has(source) {
      const { url } = await urlOf(source);
      for (const entry of await found(url))
        if (isWhole(entry, await entry.shelf.record(entry.key))) return true;
      return false;
    },
    async delete(source) {
      const { url } = await urlOf(source);
      const all = await found(url);
      await remove(host.store, all);
      return all.length > 0;
    },
    async clear() {
      let failed: unknown;
      for (const entry of await entries(host.store)) {
        await remove(host.store, [entry]).catch((error) => {
          failed = error;
        });
      }
      if (failed !== undefined) throw failed;
    },
    async usage() {
      const bytes = sum(await entries(host.store));
      return { bytes, ...(await host.store.usage(bytes)) };
    },
    async download(source, options = {}) {
      const { signal, onProgress, sha256, hub, assets } = checkDownloadOptions(options);
      const build = 'baseline'; // nothing computes
      const wishes = { cache: true, allowNetwork: true, hub, signal, onProgress } as const;
      const files = new Fetching(host, wishes, build, locateAssets({ assets, build }, host));
      signal?.throwIfAborted();
      const place = await urlOf(source, files.hub);
      const client = files.spawn();
      try {
        await files.keep(client, place, () => {}, { sha256 });
        if (knownOf(host, String(source))?.vocabulary === 'world')
          await files.keep(client, knownPlace(files.hub, 'vocabulary', host.catalogue.world), () => {});
      } finally {
        await client.close();
      }
      const key = await keyOf(place.url);
      const entry = (await found(place.url)).find((one) => one.key === key && one.complete);
      if (!entry) throw new RwkvError('read-failed', `${place.url}: it was deleted as soon as it was stored`);
      return (await describe(entry)).file;
    },
    async evict(options) {
      const most = checkEvictOptions(options);
      const files = await newestFirst();
      let bytes = sum(files.map(({ entry }) => entry));
      const evicted: StoredFile[] = [];
      while (bytes > most) {
        const last = files.pop();
        if (!last) break;
        try {
          await remove(host.store, [last.entry]);
        } catch (error) {
          if (error instanceof RwkvError && error.code === 'in-use') continue;
          throw error;
        }
        bytes -= last.entry.bytes;
        evicted.push(last.file);
      }
      return evicted;
    },
  };
}

async function describe(entry: Entry): Promise<{ readonly entry: Entry; readonly file: StoredFile }> {
  const { shelf, key, bytes, complete } = entry;
  const { url = '', name = key, lastUsed = 0, sha256, packed } = (await shelf.record(key)) ?? {};
  return {
    entry,
    file: {
      ...{ url, name, bytes, complete, lastUsed: new Date(lastUsed) },
      ...(sha256 !== undefined && { sha256 }),
      ...(packed !== undefined && { packed }),
    },
  };
}

function sum(all: readonly { readonly bytes: number }[]): number {
  return all.reduce((total, { bytes }) => total + bytes, 0);
}
