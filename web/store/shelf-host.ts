// What a host lends to the worker's half of the store, and what both readers and writers of shelves do with it.
import { RwkvError } from '../shared/errors.js';
import type { ShelfPlace } from '../shared/protocol.js';
import type { LoadProgress } from '../shared/types.js';
import { sumUp } from './download.js';
import type { StoredRecord } from './record.js';
import { loadSha256 } from './sha256.js';
import type { ByteSource, Sha256, Shelf } from './shelf.js';

/** Hears how it is getting on. */
export type Report = (progress: LoadProgress) => void;

/** What a host lends to the store. */
export interface ShelfHost {
  /** Gives a buffer's memory back at once, where a host can: slices of a Blob pile up until they are collected. */
  discard?(buffer: ArrayBuffer): void;
  /** Opens a shelf that can be written; `undefined`: it is none here. Without it nothing is kept. */
  openShelf?(place: ShelfPlace, discard?: (buffer: ArrayBuffer) => void): Promise<Shelf | undefined>;
  /** A SHA-256 of the host's own, where it has one that takes piece after piece. */
  readonly sha256?: Sha256;
}

/** The shelf of a stored file. @throws RwkvError `read-failed` */
export async function shelfOf(
  { shelf, name }: { readonly shelf: ShelfPlace; readonly name: string },
  host: ShelfHost,
) {
  const open = await host.openShelf?.(shelf, host.discard);
  if (open) return open;
  throw new RwkvError('read-failed', `${name}: the store is gone`);
}

/** What starts a SHA-256. @throws RwkvError `read-failed` where the library cannot be loaded */
export async function startSum(host: ShelfHost): Promise<Sha256> {
  return host.sha256 ?? loadSha256();
}

/** The SHA-256 of a whole file. */
export async function sumOf(source: ByteSource, host: ShelfHost): Promise<string> {
  const hasher = (await startSum(host))();
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
