// The shelf in the file system of Node: a partial file (parts.ts) becomes KEY.bin when it is whole; KEY.json is its record. A file that
// has its last name is whole, whatever else was lost. Reading needs no right to write.
import { mkdir, open, readdir, readFile, rm, stat, statfs } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { telling } from '../host-errors.js';
import { parseRecord, type StoredRecord } from '../record.js';
import type { Found, Shelf } from '../shelf.js';
import { absent, openPath, renameForGood } from './files.js';
import { partsOf, removeParts, step, takePart } from './parts.js';

/** RWKV_WASM_CACHE, else rwkv-wasm in the cache folder of the user (XDG Base Directory Specification). */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const { RWKV_WASM_CACHE: own, XDG_CACHE_HOME: shared } = env;
  if (own) return resolve(own);
  // A path that is not absolute is to be ignored there.
  return join(shared?.startsWith('/') ? shared : join(homedir(), '.cache'), 'rwkv-wasm');
}

/** `undefined`: there is no folder and none can be made. */
export async function openFolder(path: string, synced = step): Promise<Shelf | undefined> {
  try {
    await mkdir(path, { recursive: true });
    await readdir(path);
    return telling(path, folderShelf(path, synced));
  } catch {
    return undefined;
  }
}

// Nobody else's: several loads of one process may be at it at once.
function scratchName(what: string): string {
  return `${what}.${crypto.randomUUID()}.tmp`;
}

function folderShelf(folder: string, synced: number): Shelf {
  const at = (key: string, end: string) => join(folder, `${key}.${end}`);
  return {
    place: { kind: 'folder', path: folder },
    async keys() {
      const names = (await readdir(folder)).filter((name) =>
        /^[0-9a-f]{32}(-\w+)?\.(bin|json|([\w-]+\.)?part)$/.test(name),
      );
      return [...new Set(names.map((name) => name.replace(/\..*$/, '')))];
    },
    async find(key): Promise<Found | undefined> {
      const whole = await stat(at(key, 'bin')).catch(absent);
      if (whole) return { bytes: whole.size, complete: true, stamp: `${whole.size} ${whole.mtimeMs}` };
      const [part] = await partsOf(folder, key);
      return part && { bytes: part.bytes, complete: false };
    },
    async record(key) {
      const text = await readFile(at(key, 'json'), 'utf8').catch(absent);
      return text === undefined ? undefined : parseRecord(text);
    },
    async remove(key) {
      await removeParts(folder, key);
      for (const end of ['bin', 'json']) await rm(at(key, end), { force: true });
    },
    async room() {
      const { bavail, bsize } = await statfs(folder);
      return bavail * bsize;
    },
    async writeRecord(key, record: StoredRecord) {
      const fresh = join(folder, scratchName(key));
      const file = await open(fresh, 'wx');
      try {
        await file.writeFile(JSON.stringify(record));
        await file.sync();
      } finally {
        await file.close();
      }
      await renameForGood(fresh, at(key, 'json'));
    },
    append: (key) => takePart(folder, key, synced),
    async open(key, name) {
      return openPath(at(key, 'bin'), name);
    },
  };
}
