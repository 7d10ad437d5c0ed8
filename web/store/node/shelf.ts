// The shelf in the file system of Node: KEY.part becomes KEY.bin when it is whole; KEY.json is its record. A file that has
// its last name is whole, whatever else was lost.
import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseRecord, type StoredRecord } from '../record.js';
import type { Found, Shelf, Sink } from '../shelf.js';
import { openPath } from './files.js';

/** RWKV_WASM_CACHE, else rwkv-wasm in the cache folder of the user (XDG Base Directory Specification). */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const { RWKV_WASM_CACHE: own, XDG_CACHE_HOME: shared } = env;
  if (own) return resolve(own);
  // A path that is not absolute is to be ignored there.
  return join(shared?.startsWith('/') ? shared : join(homedir(), '.cache'), 'rwkv-wasm');
}

/** `undefined`: the folder cannot be made or written. */
export async function openFolder(path: string): Promise<Shelf | undefined> {
  try {
    await mkdir(path, { recursive: true });
    const probe = join(path, scratchName('probe'));
    await (await open(probe, 'w')).close();
    await rm(probe);
    return folderShelf(path);
  } catch {
    return undefined;
  }
}

// Nobody else's: several loads of one process may be at it at once.
function scratchName(what: string): string {
  return `${what}.${crypto.randomUUID()}.tmp`;
}

function folderShelf(folder: string): Shelf {
  const at = (key: string, end: string) => join(folder, `${key}.${end}`);
  const sizeOf = (path: string) => stat(path).then(({ size }) => size, absent);
  return {
    place: { kind: 'folder', path: folder },
    async keys() {
      const names = (await readdir(folder)).filter((name) =>
        /^[0-9a-f]{32}(-\w+)?\.(bin|part|json)$/.test(name),
      );
      return [...new Set(names.map((name) => name.replace(/\..*$/, '')))];
    },
    async find(key): Promise<Found | undefined> {
      const whole = await sizeOf(at(key, 'bin'));
      const bytes = whole ?? (await sizeOf(at(key, 'part')));
      return bytes === undefined ? undefined : { bytes, complete: whole !== undefined };
    },
    async record(key) {
      const text = await readFile(at(key, 'json'), 'utf8').catch(absent);
      return text === undefined ? undefined : parseRecord(text);
    },
    async remove(key) {
      for (const end of ['bin', 'part', 'json']) await rm(at(key, end), { force: true });
    },
    async room() {
      const { bavail, bsize } = await statfs(folder);
      return bavail * bsize;
    },
    async writeRecord(key, record: StoredRecord) {
      const fresh = join(folder, scratchName(key));
      await writeFile(fresh, JSON.stringify(record));
      await rename(fresh, at(key, 'json'));
    },
    async append(key) {
      return fileSink(openSync(at(key, 'part'), 'a+'), at(key, 'part'), at(key, 'bin'));
    },
    async open(key, name) {
      return openPath(at(key, 'bin'), name);
    },
  };
}

function fileSink(file: number, partial: string, whole: string): Sink {
  let { size } = fstatSync(file);
  return {
    get size() {
      return size;
    },
    read(offset, into) {
      for (let done = 0; done < into.length; ) {
        const count = readSync(file, into, done, into.length - done, offset + done);
        if (count === 0) throw new Error(`${partial}: ended early`);
        done += count;
      }
    },
    write(bytes) {
      for (let done = 0; done < bytes.length; ) {
        const count = writeSync(file, bytes, done);
        done += count;
        size += count;
      }
    },
    empty() {
      ftruncateSync(file, 0);
      size = 0;
    },
    close: () => closeSync(file),
    async commit() {
      fsyncSync(file);
      closeSync(file);
      await rename(partial, whole);
    },
  };
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
