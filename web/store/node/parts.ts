// Partial files of the cache folder: KEY.part where nobody writes, KEY.MACHINE-PID-BOOT.part while one does (and a random end). No two
// ever write one: whoever goes on with what another has left makes it his own first, and looks at its size before each piece. What
// outlasts a loss of power are synced bytes alone: of a part that nobody closed, those before the last step but one.
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  writeSync,
} from 'node:fs';
import { copyFile, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { RwkvError } from '../../shared/errors.js';
import { codeOf } from '../../shared/realms.js';
import type { Sink } from '../shelf.js';
import { absent, renameForGood } from './files.js';
import { currentBoot, isRunning, machine } from './processes.js';

/** A partial file. */
export interface Part {
  readonly path: string;
  readonly bytes: number;
}

/** Those of a key, the largest first. */
export async function partsOf(folder: string, key: string): Promise<Part[]> {
  const names = (await readdir(folder)).filter(
    (name) => name.startsWith(`${key}.`) && name.endsWith('.part'),
  );
  const parts: Part[] = [];
  for (const name of names) {
    const path = join(folder, name);
    const bytes = await stat(path).then(({ size }) => size, absent);
    if (bytes !== undefined) parts.push({ path, bytes });
  }
  return parts.sort((a, b) => b.bytes - a.bytes);
}

/** Where the system does not tell one run from the next. */
const noBoot = '00000000';

/** Bytes are synced whenever so many more have been written. */
export const step = 2 ** 24;

/** Opens the partial file of a key as one's own, with what others have left of it. REQUIRES: the lock of the key. */
export async function takePart(folder: string, key: string, synced = step): Promise<Sink> {
  const boot = currentBoot();
  const random = crypto.randomUUID().slice(0, 8);
  const own = join(folder, `${key}.${machine}-${process.pid}-${boot ?? noBoot}${random}.part`);
  let isTrusted = true;
  for (const { path } of await partsOf(folder, key)) {
    if (!(await adopt(path, own))) continue;
    const [, , , since] = written.exec(path) ?? [];
    isTrusted = since === undefined || since === boot; // closed, or the system has run on
    break;
  }
  const file = openSync(own, 'a+');
  try {
    if (!isTrusted) dropUnsynced(file, synced);
    return partSink(file, own, synced, {
      left: join(folder, `${key}.part`),
      whole: join(folder, `${key}.bin`),
    });
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

/** Removes all partial files of a key. */
export async function removeParts(folder: string, key: string): Promise<void> {
  for (const { path } of await partsOf(folder, key)) await rm(path, { force: true });
}

/** The name of a part that somebody writes, or has not closed: machine, process and boot. */
const written = /\.([0-9a-f]{8})-(\d+)-([0-9a-f]{8})[0-9a-f]{8}\.part$/;

// What someone may still write, who has lost the lock, is copied.
async function adopt(path: string, own: string): Promise<boolean> {
  const [, where, pid] = written.exec(path) ?? [];
  const isOurs = where === machine && (Number(pid) === process.pid || !(await isRunning(Number(pid))));
  try {
    if (where === undefined || isOurs) await rename(path, own);
    else await copyFile(path, own, constants.COPYFILE_FICLONE);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

// The bytes behind may have come back as zeros.
function dropUnsynced(file: number, step: number): void {
  ftruncateSync(file, Math.max(0, Math.floor(fstatSync(file).size / step) - 1) * step);
}

function partSink(
  file: number,
  own: string,
  step: number,
  { left, whole }: { readonly left: string; readonly whole: string },
): Sink {
  let { size } = fstatSync(file);
  let isOpen = true;
  /** What is written is there for good, and the file is let go of, also where that fails. */
  const end = () => {
    if (!isOpen) return;
    isOpen = false;
    try {
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  };
  const check = () => {
    const found = fstatSync(file).size;
    if (found === size) return;
    ftruncateSync(file, 0); // nobody can tell what it holds
    const what = `expected ${size} bytes there; found ${found}`;
    size = 0;
    throw new RwkvError('in-use', `${own}: somebody else writes the partial file: ${what}`);
  };
  return {
    get size() {
      return size;
    },
    read(offset, into) {
      for (let done = 0; done < into.length; ) {
        const count = readSync(file, into, done, into.length - done, offset + done);
        if (count === 0) throw new Error(`${own}: ended early`);
        done += count;
      }
    },
    write(bytes) {
      check();
      // Never more than a step at once: so what is not synced is shorter than two.
      for (let done = 0; done < bytes.length; ) {
        const before = size;
        const count = writeSync(file, bytes, done, Math.min(bytes.length - done, step));
        done += count;
        size += count;
        if (Math.floor(size / step) > Math.floor(before / step)) fsyncSync(file);
      }
    },
    // For good before anything is written down of what comes in their place.
    empty() {
      ftruncateSync(file, 0);
      fsyncSync(file);
      size = 0;
    },
    async close() {
      end();
      await rename(own, left);
    },
    async commit() {
      try {
        check();
      } finally {
        end();
      }
      await renameForGood(own, whole);
    },
  };
}
