// What Node lends to the store.
import { stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { RwkvError, sentence } from '../../shared/errors.js';
import { codeOf } from '../../shared/realms.js';
import { readOnlyStore, type StoreHost } from '../keeping.js';
import { isFull, quotaExceeded } from '../quota.js';
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
      if (isFull(cause)) return quotaExceeded(folder, `the storage is full: ${sentence(cause)}`, cause);
      return new RwkvError('read-failed', `${folder}: ${sentence(cause)}`, { cause });
    };
    return withLockFile(join(folder, `${name}.lock`), wait, signal, work, told);
  },
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
