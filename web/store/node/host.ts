// What Node lends to the store.
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
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
    const { bavail, bsize } = await statfs(cacheFolder());
    return { quota: bytes + bavail * bsize, persisted: true };
  },
};
