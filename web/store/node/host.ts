// What Node lends to the store.
import { stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf } from '../../shared/realms.js';
import { storeError } from '../host-errors.js';
import { readOnlyStore, type StoreHost } from '../keeping.js';
import { withLockFile } from './lock.js';
import { cacheFolder, openFolder } from './shelf.js';

const readOnly: readonly unknown[] = ['EROFS', 'EACCES', 'EPERM', 'ENOENT'];

/** One shelf: the cache folder. */
export const nodeStore: StoreHost = {
  async shelves() {
    const shelf = await openFolder(cacheFolder());
    return shelf ? [shelf] : [];
  },
  lock: (name, wait, signal, work) => {
    const folder = cacheFolder();
    const told = (cause: unknown) => {
      if (readOnly.includes(codeOf(cause))) return readOnlyStore(folder, cause);
      return storeError(folder, cause);
    };
    return withLockFile(join(folder, `${name}.lock`), wait, signal, work, told);
  },
  persist() {},
  async usage(bytes) {
    const folder = cacheFolder();
    try {
      const { bavail, bsize } = await statfs(await existing(folder));
      return { quota: bytes + bavail * bsize, persisted: true };
    } catch (cause) {
      throw storeError(folder, cause);
    }
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
