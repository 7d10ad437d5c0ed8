// What Node lends to the store.
import { stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { StoreHost } from '../keeping.js';
import { withLockFile } from './lock.js';
import { cacheFolder, openFolder } from './shelf.js';

/** One shelf: the cache folder. */
export const nodeStore: StoreHost = {
  async shelves() {
    const shelf = await openFolder(cacheFolder());
    return shelf ? [shelf] : [];
  },
  lock: (name, wait, signal, work) => withLockFile(join(cacheFolder(), `${name}.lock`), wait, signal, work),
  persist() {},
  async usage(bytes) {
    const { bavail, bsize } = await statfs(await existing(cacheFolder()));
    return { quota: bytes + bavail * bsize, persisted: true };
  },
};

// The folder, or the nearest above it: it is made when something is stored.
async function existing(folder: string): Promise<string> {
  const isThere = await stat(folder).then(
    () => true,
    () => false,
  );
  return isThere || folder === dirname(folder) ? folder : existing(dirname(folder));
}
