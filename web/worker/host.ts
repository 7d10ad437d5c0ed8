// Where bytes come from: the worker's door to the network and to what is stored (web/store/).
import { RwkvError } from '../shared/errors.js';
import type { LoadProgress, Place, ShelfPlace } from '../shared/protocol.js';
import { openCache } from '../store/cache-shelf.js';
import { fill, sumUp } from '../store/download.js';
import { getFile } from '../store/http.js';
import { createMeter } from '../store/meter.js';
import { canWriteOpfs, openOpfs } from '../store/opfs.js';
import type { StoredRecord } from '../store/record.js';
import { loadSha256 } from '../store/sha256.js';
import type { ByteSource, Sha256, Shelf } from '../store/shelf.js';
import { blobSource, memorySink, memorySource } from '../store/sources.js';
import type { ThreadHost } from './thread.js';

export type { ByteSource } from '../store/shelf.js';

/** What a host lends to the store. */
export interface Io {
  /** Opens a file of the file system; browsers have none. Throws RwkvError `read-failed`. */
  openPath?(path: string, name: string): ByteSource;
  /** Gives a buffer's memory back at once, where a host can: slices of a Blob pile up until they are collected. */
  discard?(buffer: ArrayBuffer): void;
  /** Gets a file of the package. */
  fetchWasm(url: URL): Promise<Response>;
  /** Opens a shelf that can be written; `undefined`: it is none here. Without it nothing is kept. */
  openShelf?(place: ShelfPlace, discard?: (buffer: ArrayBuffer) => void): Promise<Shelf | undefined>;
  /** A SHA-256 of the host's own, where it has one that takes piece after piece. */
  readonly sha256?: Sha256;
  /** Starts threads, where a host has them. */
  readonly threads?: ThreadHost;
}

/** Hears how it is getting on. */
export type Report = (progress: LoadProgress) => void;

/** The browser's: all by fetch. */
export const webIo: Io = {
  fetchWasm: (url) => getFile(url.href),
  async openShelf(place, discard) {
    if (place.kind === 'opfs') return canWriteOpfs() ? openOpfs(discard) : undefined;
    return place.kind === 'cache' ? openCache(discard) : undefined;
  },
};

/**
 * Opens what `place` names; `report` hears how a download is getting on.
 *
 * @throws RwkvError `read-failed` naming the place and the cause, `bad-file` for a web page, `hash-mismatch`
 */
export async function openSource(place: Place, io: Io, report: Report = () => {}): Promise<ByteSource> {
  if (place.kind === 'url') return download(place, io, report);
  const source = await openThere(place, io);
  if (place.sha256 === undefined) return source;
  try {
    const sum = await sumOf(source, io);
    if (sum === place.sha256) return source;
    throw new RwkvError(
      'hash-mismatch',
      `${place.name}: expected the SHA-256 ${place.sha256}; it has ${sum}`,
    );
  } catch (error) {
    source.close();
    throw error;
  }
}

async function openThere(place: Exclude<Place, { kind: 'url' }>, io: Io): Promise<ByteSource> {
  switch (place.kind) {
    case 'bytes':
      return memorySource(place.name, [place.bytes]);
    case 'blob':
      return blobSource(place.name, place.blob, io.discard);
    case 'path':
      if (io.openPath) return io.openPath(place.path, place.name);
      throw new RwkvError('unsupported', `${place.path}: paths can be read in Node only`);
    case 'stored': {
      const shelf = await shelfOf(place, io);
      const source = await shelf.open(place.key, place.name);
      await noteUse(shelf, place.key, {});
      return source;
    }
  }
}

// Into memory, where nothing is kept.
async function download(place: Extract<Place, { kind: 'url' }>, io: Io, report: Report): Promise<ByteSource> {
  const sink = memorySink();
  await fill(sink, {
    url: place.url,
    sha256: place.sha256 ?? null,
    known: {},
    cache: 'default',
    remember: async () => {},
    room: async () => undefined,
    report: createMeter(report),
    startSum: () => startSum(io),
  });
  return memorySource(place.name, sink.chunks);
}

/** The shelf of a stored file. @throws RwkvError `read-failed` */
export async function shelfOf(
  { shelf, name }: { readonly shelf: ShelfPlace; readonly name: string },
  io: Io,
) {
  const open = await io.openShelf?.(shelf, io.discard);
  if (open) return open;
  throw new RwkvError('read-failed', `${name}: the store is gone`);
}

/** What starts a SHA-256. @throws RwkvError `read-failed` where the library cannot be loaded */
export async function startSum(io: Io): Promise<Sha256> {
  return io.sha256 ?? loadSha256();
}

/** The SHA-256 of a whole file. */
export async function sumOf(source: ByteSource, io: Io): Promise<string> {
  const hasher = (await startSum(io))();
  sumUp(source, hasher);
  return hasher.digest();
}

/** Writes down when a file was used, and more. Two tabs may do it at the same time; then one of them is enough. */
export async function noteUse(shelf: Shelf, key: string, more: Partial<StoredRecord>): Promise<void> {
  try {
    const record = await shelf.record(key);
    if (record) await shelf.writeRecord(key, { ...record, ...more, lastUsed: Date.now() });
  } catch {}
}
