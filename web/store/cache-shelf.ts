// The shelf in the Cache API, for browsers whose origin private file system does not serve. A file is a row of pieces, for
// nothing can be added to an answer that is kept; an entry beside them says that they are all.
import { RwkvError, sentence } from '../shared/errors.js';
import { telling } from './host-errors.js';
import { parseRecord, type StoredRecord } from './record.js';
import type { Found, Shelf, Sink } from './shelf.js';
import { blobSource, concatenate } from './sources.js';
import { webRoom } from './web-room.js';

const cacheName = 'rwkv-wasm';
const site = 'https://rwkv-wasm.invalid/'; // entries have URLs as names; nothing is ever asked of it

/** `undefined`: there is none. */
export async function openCache(
  discard?: (buffer: ArrayBuffer) => void,
  pieceBytes = 8 * 2 ** 20,
): Promise<Shelf | undefined> {
  try {
    return telling('the Cache API', cacheShelf(await caches.open(cacheName), pieceBytes, discard));
  } catch {
    return undefined;
  }
}

function cacheShelf(cache: Cache, pieceBytes: number, discard?: (buffer: ArrayBuffer) => void): Shelf {
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
  const lengthOf = ({ headers }: Response) => Number(headers.get('content-length'));
  const bytesOf = (found: readonly Response[]) => found.reduce((sum, piece) => sum + lengthOf(piece), 0);
  /** Those that are as they were written, up to the first that is not. */
  const soundOf = async (found: readonly Response[]) => {
    const blobs = await Promise.all(found.map((piece) => piece.blob()));
    const lengths = found.map(lengthOf);
    const bad = blobs.findIndex(({ size }, i) => size !== lengths[i]);
    return bad < 0 ? blobs : blobs.slice(0, bad);
  };
  const indexOf = (url: string) => Number(url.slice(url.lastIndexOf('/') + 1));
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
      // The pieces from the end: where this is cut short no gap stays, behind which old ones would pass for those of another file.
      const urls = (await cache.keys()).map(({ url }) => url);
      const backwards = urls
        .filter((url) => url.startsWith(entry(key, '')) && url !== entry(key, 'record'))
        .sort((a, b) => indexOf(b) - indexOf(a));
      for (const url of [...backwards, entry(key, 'record')]) await cache.delete(url);
    },
    room: webRoom,
    writeRecord: (key, record: StoredRecord) => put(key, 'record', JSON.stringify(record)),
    async append(key) {
      const found = await pieces(key);
      const sound = await soundOf(found);
      for (let i = found.length; i > sound.length; ) await cache.delete(entry(key, --i));
      return cacheSink(
        new Blob(sound),
        sound.length,
        pieceBytes,
        (index, bytes) => put(key, index, bytes),
        (index) => cache.delete(entry(key, index)),
        () => put(key, 'whole', 'whole'),
      );
    },
    async open(key, name) {
      try {
        const found = await pieces(key);
        const sound = await soundOf(found);
        if (sound.length !== found.length)
          throw new RwkvError('bad-file', `${name}: the stored file: pieces of it are damaged`);
        return blobSource(name, new Blob(sound), discard);
      } catch (cause) {
        if (cause instanceof RwkvError) throw cause;
        throw new RwkvError('read-failed', `${name}: the stored file: ${sentence(cause)}`, { cause });
      }
    },
  };
}

function cacheSink(
  before: Blob,
  piecesBefore: number,
  pieceBytes: number,
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
