// The worker's half of storing: files come onto a shelf from the network, or packed from another one.
import type { Request, ShelfPlace, StoredPlace } from '../shared/protocol.js';
import { assertRoom, fill } from './download.js';
import { storeError } from './host-errors.js';
import { createMeter } from './meter.js';
import type { StoredRecord } from './record.js';
import type { Shelf, Sink } from './shelf.js';
import { noteUse, type Report, type ShelfHost, shelfOf, startSum, sumOf } from './shelf-host.js';

/** What the operation `download` does. @throws RwkvError as `fill`, `in-use` */
export async function keepDownload(
  { name, key, sha256, shelves, ...remote }: Request<'download'>,
  host: ShelfHost,
  report: Report,
): Promise<StoredPlace | null> {
  const shelf = await firstShelf(shelves, host);
  if (!shelf) return null;
  const { url } = remote;
  try {
    if ((await shelf.find(key))?.complete) await shelf.remove(key); // a whole file that is not the one asked for
    let record: StoredRecord = (await shelf.record(key)) ?? { url, name, lastUsed: Date.now() };
    const sink = await shelf.append(key);
    await written(shelf, key, sink, async () => {
      await fill(sink, {
        ...{ ...remote, sha256, known: record, cache: 'no-store' },
        async remember(validators) {
          record = { url, name, lastUsed: Date.now(), ...validators };
          await shelf.writeRecord(key, record);
        },
        room: () => shelf.room(),
        report: createMeter(report),
        startSum: () => startSum(host),
      });
      await shelf.writeRecord(key, { ...record, total: sink.size });
    });
    if (sha256 !== null) await noteSum(shelf, key, sha256);
    return { kind: 'stored', shelf: shelf.place, key };
  } catch (cause) {
    throw storeError(url, cause);
  }
}

/** What the operation `verify` does. @throws RwkvError `read-failed` */
export async function verifyStored(place: Request<'verify'>, host: ShelfHost): Promise<boolean> {
  const shelf = await shelfOf(place, host);
  const source = await shelf.open(place.key, place.name);
  try {
    if ((await sumOf(source, host)) !== place.sha256) return false;
  } finally {
    source.close();
  }
  await noteSum(shelf, place.key, place.sha256);
  return true;
}

// What was checked holds for the file as it is now.
async function noteSum(shelf: Shelf, key: string, sha256: string): Promise<void> {
  const stamp = (await shelf.find(key))?.stamp;
  await noteUse(shelf, key, { sha256, ...(stamp !== undefined && { checked: stamp }) });
}

/** A packed file in the making. */
export interface Packing {
  readonly quantization: NonNullable<StoredRecord['packed']>;
  readonly bytes: number;
  /** `null` behind the last. */
  next(): Uint8Array | null;
  /** Lets go of what it is made of. */
  close(): void;
}

/** What the operation `pack` does. @throws RwkvError as the core for the model, `quota-exceeded`, `in-use` */
export async function keepPacked(
  { model, key }: Request<'pack'>,
  packing: Packing,
  host: ShelfHost,
  report: Report,
): Promise<StoredPlace> {
  const shelf = await shelfOf(model, host);
  const { name } = model;
  try {
    const original = await shelf.record(model.key);
    const { url = '', sha256 } = original ?? {};
    if ((await shelf.find(key))?.complete) await shelf.remove(key); // what is left of one
    const sink = await shelf.append(key);
    await written(shelf, key, sink, async () => {
      await sink.empty();
      await assertRoom(sink, packing.bytes, name, () => shelf.room());
      const { quantization: packed, bytes: total } = packing;
      const lastUsed = Date.now();
      await shelf.writeRecord(key, {
        url,
        name,
        packed,
        total,
        lastUsed,
        ...(sha256 !== undefined && { sha256 }),
      });
      for (let piece = packing.next(); piece; piece = packing.next()) {
        await sink.write(piece);
        report({ stage: 'load', loaded: sink.size, total });
      }
    });
    packing.close();
    await shelf.remove(model.key);
    return { kind: 'stored', shelf: shelf.place, key };
  } catch (cause) {
    throw storeError(name, cause);
  }
}

// Commits the sink after the work; what a failure leaves of a file stays for the next try.
async function written(shelf: Shelf, key: string, sink: Sink, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const leave = async () => {
      await sink.close();
      if (sink.size === 0) await shelf.remove(key);
    };
    await leave().catch(() => {}); // the first error is the one to tell
    throw error;
  }
  await sink.commit();
}

async function firstShelf(places: readonly ShelfPlace[], host: ShelfHost): Promise<Shelf | undefined> {
  for (const place of places) {
    const shelf = await host.openShelf?.(place, host.discard);
    if (shelf) return shelf;
  }
  return undefined;
}
