// Blobs as files: a Blob of Node cannot be read at once, nor sent to a worker where it is a file's. So it becomes a file while it is
// read, and its bytes never lie in memory together. Files that a process leaves behind go with it, or with the next that needs one.
import { rmSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RwkvError, sentence } from '../../shared/errors.js';
import type { Place } from '../../shared/protocol.js';
import { isRunning, machine } from './processes.js';

const prefix = 'rwkv-wasm-blob-';
const left = new RegExp(`^${prefix}${machine}-(\\d+)-`);

/** Folders of this process, by the path of the file. */
const spooled = new Map<string, string>();
let isSwept = false;

/** @throws RwkvError `read-failed` */
export async function spool(blob: Blob, name: string): Promise<Place> {
  if (!isSwept) {
    isSwept = true;
    process.once('exit', removeAll);
    await sweep();
  }
  let place: Place | undefined;
  try {
    const folder = await mkdtemp(join(tmpdir(), `${prefix}${machine}-${process.pid}-`));
    const path = join(folder, 'blob');
    spooled.set(path, folder);
    place = { kind: 'path', name, path };
    await writeFile(path, piecesOf(blob));
    return place;
  } catch (cause) {
    if (place) await release(place);
    throw new RwkvError('read-failed', `${name}: ${sentence(cause)}`, { cause });
  }
}

/** Removes the file of a place, if it was made here. */
export async function release(place: Place): Promise<void> {
  const folder = place.kind === 'path' ? spooled.get(place.path) : undefined;
  if (place.kind !== 'path' || folder === undefined) return;
  await rm(folder, { recursive: true, force: true });
  spooled.delete(place.path);
}

// Not its stream: Blobs of jsdom have none.
async function* piecesOf(blob: Blob): AsyncGenerator<Uint8Array, void, undefined> {
  const pieceBytes = 2 ** 24;
  for (let at = 0; at < blob.size; at += pieceBytes)
    yield new Uint8Array(await blob.slice(at, at + pieceBytes).arrayBuffer());
}

// A process that ends in the midst of a load.
function removeAll(): void {
  for (const folder of spooled.values()) {
    try {
      rmSync(folder, { recursive: true, force: true });
    } catch {
      // the next process sweeps
    }
  }
}

// What processes left that were killed.
async function sweep(): Promise<void> {
  const names = await readdir(tmpdir()).catch(() => []);
  for (const name of names) {
    const pid = left.exec(name)?.[1];
    if (pid === undefined || (await isRunning(Number(pid)))) continue;
    await rm(join(tmpdir(), name), { recursive: true, force: true }).catch(() => {}); // another user's
  }
}
