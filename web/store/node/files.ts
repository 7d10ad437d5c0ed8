// The file system of Node behind the store's small interface.
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { RwkvError, sentence } from '../../shared/errors.js';
import type { ByteSource, Io } from '../../worker/host.js';
import { openFolder } from './shelf.js';

/** Node's: all from disk. */
export const nodeIo: Io = {
  openPath,
  async fetchWasm(url) {
    try {
      return new Response(await readFile(url), { headers: { 'content-type': 'application/wasm' } });
    } catch (cause) {
      throw new RwkvError('read-failed', `${url.href}: ${sentence(cause)}`, { cause });
    }
  },
  openShelf: async (place) => (place.kind === 'folder' ? openFolder(place.path) : undefined),
  sha256() {
    const sum = createHash('sha256');
    return { update: (bytes) => void sum.update(bytes), digest: () => sum.digest('hex') };
  },
};

/**
 * A file as a synchronous range reader.
 *
 * @throws RwkvError `read-failed` naming the path and the cause
 */
export function openPath(path: string, name: string): ByteSource {
  const file = attempt(path, () => openSync(path, 'r'));
  const stats = attempt(path, () => fstatSync(file));
  if (!stats.isFile()) {
    closeSync(file);
    throw new RwkvError('read-failed', `${path}: not a file`);
  }
  let isOpen = true;
  return {
    name,
    size: stats.size,
    read(offset, into) {
      for (let done = 0; done < into.length; ) {
        const count = attempt(path, () => readSync(file, into, done, into.length - done, offset + done));
        if (count === 0)
          throw new RwkvError('read-failed', `${path}: ended early; it was changed while being read`);
        done += count;
      }
    },
    close() {
      if (isOpen) closeSync(file);
      isOpen = false;
    },
  };
}

function attempt<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new RwkvError('read-failed', `${path}: ${sentence(cause)}`, { cause });
  }
}
