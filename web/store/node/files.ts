// Files of Node's file system.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { RwkvError, sentence } from '../../shared/errors.js';
import type { ByteSource } from '../shelf.js';

/**
 * A file as a synchronous range reader.
 *
 * @throws RwkvError `read-failed` naming the path and the cause
 */
export function openPath(path: string, name: string): ByteSource {
  const file = attempt(path, () => openSync(path, 'r'));
  let size: number;
  try {
    const stats = attempt(path, () => fstatSync(file));
    if (!stats.isFile()) throw new RwkvError('read-failed', `${path}: not a file`);
    size = stats.size;
  } catch (error) {
    closeSync(file);
    throw error;
  }
  let isOpen = true;
  return {
    name,
    size,
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

/** Renames a file so that the new name outlasts a loss of power. */
export async function renameForGood(from: string, to: string): Promise<void> {
  await rename(from, to);
  try {
    const folder = await open(dirname(to));
    await folder.sync().finally(() => folder.close());
  } catch {
    // some systems sync no folders
  }
}

/** For files that need not be there. */
export function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
