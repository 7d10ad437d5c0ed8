// The shelf in the Cache API, for browsers whose origin private file system does not serve. A file is a row of pieces, for
// nothing can be added to an answer that is kept; an entry beside them says that they are all.
import { RwkvError, sentence } from '../shared/errors.js';
import { parseRecord, type StoredRecord } from './record.js';
import type { Found, Shelf, Sink } from './shelf.js';
import { blobSource, concatenate } from './sources.js';
import { webRoom } from './web-room.js';

const cacheName = 'rwkv-wasm';
const site = 'https://rwkv-wasm.invalid/'; // entries have URLs as names; nothing is ever asked of it
const pieceBytes = 8 * 2 ** 20;

/** `undefined`: there is none. */
export async function openCache(discard?: (buffer: ArrayBuffer) => void): Promise<Shelf | undefined> {
  try {
    return cacheShelf(await caches.open(cacheName), discard);
  } catch {
    return undefined;
  }
}

function cacheShelf(cache: Cache, discard?: (buffer: ArrayBuffer) => void): Shelf {
  const entry = (key: string, what: string | number) => `${site}${key}/${what}`;
  const put = (key: string, what: string | number, body: Uint8Array<ArrayBuffer> | string) =>
    cache.put(entry(key, what), new Response(body, { headers: { 'content-length': String(body.length) } }));
  const pieces = async (key: string): Promise<Response[]> => {
    const found: Response[] = [];
    for (;;) {
      const piece = await cache.match(entry(key, found.length));
      if (!piece) return found;
      found.push(piece);
    }
  };
  const bytesOf = (found: readonly Response[]) =>
    found.reduce((sum, { headers }) => sum + Number(headers.get('content-length')), 0);
  const blobOf = async (found: readonly Response[]) =>
    new Blob(await Promise.all(found.map((piece) => piece.blob())));
  return {
    place: { kind: 'cache' },
    async keys() {
      const names = (await cache.keys()).map(({ url }) => url.slice(site.length).split('/')[0] ?? '');
      return [...new Set(names)];
    },
    async find(key): Promise<Found | undefined> {
      const found = await pieces(key);
      const complete = (await cache.match(entry(key, 'whole'))) !== undefined;
      return found.length === 0 && !complete ? undefined : { bytes: bytesOf(found), complete };
    },
    async record(key) {
      const found = await cache.match(entry(key, 'record'));
      return found && parseRecord(await found.text());
    },
    async remove(key) {
      await cache.delete(entry(key, 'whole')); // first: the rest is no file without it
      for (const { url } of await cache.keys()) if (url.startsWith(`${site}${key}/`)) await cache.delete(url);
    },
    room: webRoom,
    writeRecord: (key, record: StoredRecord) => put(key, 'record', JSON.stringify(record)),
    async append(key) {
      const found = await pieces(key);
      return cacheSink(
        await blobOf(found),
        found.length,
        (index, bytes) => put(key, index, bytes),
        (index) => cache.delete(entry(key, index)),
        () => put(key, 'whole', 'whole'),
      );
    },
    async open(key, name) {
      try {
        const found = await pieces(key);
        const blob = await blobOf(found);
        if (blob.size !== bytesOf(found)) throw new Error('pieces are missing');
        return blobSource(name, blob, discard);
      } catch (cause) {
        throw new RwkvError('read-failed', `${name}: the stored file: ${sentence(cause)}`, { cause });
      }
    },
  };
}

function cacheSink(
  before: Blob,
  piecesBefore: number,
  put: (index: number, bytes: Uint8Array<ArrayBuffer>) => Promise<void>,
  remove: (index: number) => Promise<boolean>,
  commit: () => Promise<void>,
): Sink {
  let count = piecesBefore;
  let size = before.size;
  let gathered: Uint8Array<ArrayBuffer>[] = [];
  let gatheredBytes = 0;
  const flush = async () => {
    if (gatheredBytes === 0) return;
    await put(count, concatenate(gathered));
    count++;
    gathered = [];
    gatheredBytes = 0;
  };
  return {
    get size() {
      return size;
    },
    read: (offset, into) => blobSource('partial', before).read(offset, into),
    async write(bytes) {
      gathered.push(bytes.slice());
      gatheredBytes += bytes.length;
      size += bytes.length;
      if (gatheredBytes >= pieceBytes) await flush();
    },
    async empty() {
      gathered = [];
      gatheredBytes = size = 0;
      while (count > 0) await remove(--count); // from the end, so that no gap stays if this is cut short
    },
    close: flush,
    async commit() {
      await flush();
      await commit();
    },
  };
}
