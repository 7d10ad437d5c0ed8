// The shelf in the origin private file system: KEY.part becomes KEY.bin when it is whole; KEY.json is its record. A file
// that has its last name is whole, whatever else was lost.

import { RwkvError, sentence } from '../shared/errors.js';
import { isDomException } from '../shared/realms.js';
import { telling } from './host-errors.js';
import { parseRecord, type StoredRecord } from './record.js';
import type { ByteSource, Found, Shelf, Sink } from './shelf.js';
import { blobSource } from './sources.js';
import { webRoom } from './web-room.js';

const folderName = 'rwkv-wasm';

/** `undefined`: there is none, as in private windows and in pages without a secure context. */
export async function openOpfs(discard?: (buffer: ArrayBuffer) => void): Promise<Shelf | undefined> {
  try {
    // Engines of the time before these are in a state of change.
    if (!('move' in FileSystemFileHandle.prototype)) return undefined;
    const root = await navigator.storage.getDirectory();
    const folder = await root.getDirectoryHandle(folderName, { create: true });
    return telling('the origin private file system', opfsShelf(folder, discard));
  } catch {
    return undefined;
  }
}

/** Whether files can be written from here: in workers. */
export function canWriteOpfs(): boolean {
  return 'FileSystemFileHandle' in globalThis && 'createSyncAccessHandle' in FileSystemFileHandle.prototype;
}

function opfsShelf(folder: FileSystemDirectoryHandle, discard?: (buffer: ArrayBuffer) => void): Shelf {
  // As it is now; another tab may delete it between the two calls.
  const file = async (name: string): Promise<File | undefined> => {
    try {
      return await (await folder.getFileHandle(name)).getFile();
    } catch (error) {
      if (isNamed(error, 'NotFoundError')) return undefined;
      throw error;
    }
  };
  const remove = async (name: string) => {
    try {
      await folder.removeEntry(name);
    } catch (cause) {
      if (isNamed(cause, 'NotFoundError')) return;
      throw isNamed(cause, 'NoModificationAllowedError') ? inUse(name, cause) : cause;
    }
  };
  return {
    place: { kind: 'opfs' },
    async keys() {
      const keys = new Set<string>();
      for await (const name of folder.keys()) keys.add(name.replace(/\..*$/, ''));
      return [...keys];
    },
    async find(key): Promise<Found | undefined> {
      const whole = await file(`${key}.bin`);
      const found = whole ?? (await file(`${key}.part`));
      if (!found) return undefined;
      const { size, lastModified } = found;
      return {
        bytes: size,
        complete: whole !== undefined,
        ...(whole && { stamp: `${size} ${lastModified}` }),
      };
    },
    async record(key) {
      for (let i = 1; ; i++) {
        try {
          const found = await file(`${key}.json`);
          return found && parseRecord(await found.text());
        } catch (cause) {
          // Another tab writes it in this very moment.
          if (!isDomException(cause) || i === tries) throw cause;
          await new Promise((resolve) => setTimeout(resolve, pause));
        }
      }
    },
    async remove(key) {
      for (const end of ['bin', 'part', 'json']) await remove(`${key}.${end}`);
    },
    room: webRoom,
    async writeRecord(key, record: StoredRecord) {
      const handle = await openExclusive(folder, `${key}.json`);
      try {
        const bytes = new TextEncoder().encode(JSON.stringify(record));
        writeAll(handle, bytes, 0);
        handle.truncate(bytes.length);
        handle.flush();
      } finally {
        handle.close();
      }
    },
    async append(key) {
      const handle = await openExclusive(folder, `${key}.part`);
      return holding(handle, () => opfsSink(folder, key, handle));
    },
    async open(key, name) {
      try {
        const found = await folder.getFileHandle(`${key}.bin`);
        try {
          const handle = await found.createSyncAccessHandle({ mode: 'read-only' });
          return holding(handle, () => handleSource(name, handle));
        } catch (error) {
          // Another tab reads it too, in an engine that lets only one have it: a Blob serves as well, if slower.
          if (!isNamed(error, 'NoModificationAllowedError')) throw error;
          return blobSource(name, await found.getFile(), discard);
        }
      } catch (cause) {
        throw new RwkvError('read-failed', `${name}: the stored file: ${sentence(cause)}`, { cause });
      }
    },
  };
}

function opfsSink(folder: FileSystemDirectoryHandle, key: string, handle: FileSystemSyncAccessHandle): Sink {
  let size = handle.getSize();
  return {
    get size() {
      return size;
    },
    read(offset, into) {
      readAll(handle, key, offset, into);
    },
    write(bytes) {
      try {
        writeAll(handle, bytes, size);
        size += bytes.length;
      } catch (error) {
        size = handle.getSize();
        throw error;
      }
    },
    // For good before anything is written down of what comes in their place.
    empty() {
      handle.truncate(0);
      handle.flush();
      size = 0;
    },
    // Estimates of the quota are rounded up, so that sites cannot be told apart by them: growing is what tells. Where it
    // fails engines throw or, as Chromium's private windows, do nothing. By a byte more than the file has: a worker that is
    // ended right then leaves nothing that passes for all of it.
    reserve(bytes) {
      const grown = size + bytes + 1;
      try {
        handle.truncate(grown);
        if (handle.getSize() !== grown) throw full();
      } finally {
        handle.truncate(size);
      }
    },
    close: () => handle.close(),
    async commit() {
      const found = holding(handle, () => {
        handle.flush();
        return handle.getSize();
      });
      handle.close();
      if (found !== size)
        throw new RwkvError('read-failed', `${key}: expected ${size} bytes written; found ${found}`);
      await (await folder.getFileHandle(`${key}.part`)).move(`${key}.bin`);
    },
  };
}

// What is opened for something is closed where that fails.
function holding<T>(handle: FileSystemSyncAccessHandle, work: () => T): T {
  try {
    return work();
  } catch (error) {
    handle.close();
    throw error;
  }
}

function writeAll(handle: FileSystemSyncAccessHandle, bytes: Uint8Array, at: number): void {
  for (let done = 0; done < bytes.length; ) {
    const rest = bytes.subarray(done);
    const count = handle.write(rest, { at: at + done });
    // Where the quota ends engines throw or, as Chromium's private windows, answer a negative code, read as unsigned.
    if (count === 0 || count > rest.length) throw full();
    done += count;
  }
}

function full(): DOMException {
  return new DOMException('no room for more', 'QuotaExceededError');
}

function handleSource(name: string, handle: FileSystemSyncAccessHandle): ByteSource {
  return {
    name,
    size: handle.getSize(),
    read: (offset, into) => readAll(handle, name, offset, into),
    close: () => handle.close(),
  };
}

function readAll(handle: FileSystemSyncAccessHandle, name: string, offset: number, into: Uint8Array): void {
  for (let done = 0; done < into.length; ) {
    const rest = into.subarray(done);
    const count = tryToRead(handle, name, rest, offset + done);
    if (count === 0 || count > rest.length)
      throw new RwkvError('read-failed', `${name}: the stored file ended early`);
    done += count;
  }
}

function tryToRead(handle: FileSystemSyncAccessHandle, name: string, into: Uint8Array, at: number): number {
  try {
    return handle.read(into, { at });
  } catch (cause) {
    throw new RwkvError('read-failed', `${name}: the stored file: ${sentence(cause)}`, { cause });
  }
}

/** Waits between two tries, and how many there are: a worker that was ended lets go of its files a little later. */
const pause = 50;
const tries = 40;

async function openExclusive(
  folder: FileSystemDirectoryHandle,
  name: string,
): Promise<FileSystemSyncAccessHandle> {
  const file = await folder.getFileHandle(name, { create: true });
  for (let i = 1; ; i++) {
    try {
      return await file.createSyncAccessHandle();
    } catch (cause) {
      if (!isNamed(cause, 'NoModificationAllowedError')) throw cause;
      if (i === tries) throw inUse(name, cause);
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

function inUse(name: string, cause: unknown): RwkvError {
  return new RwkvError('in-use', `the stored file ${name} is being read or written`, { cause });
}

function isNamed(error: unknown, name: string): boolean {
  return isDomException(error) && error.name === name;
}
