// Files that commands read and write whole.
import { readFileSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { RwkvError, sentence } from '../shared/errors.js';

/** The text of a file in UTF-8. @throws RwkvError `read-failed` */
export function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new RwkvError('read-failed', sentence(cause), { cause });
  }
}

/** Writes a file, or leaves what was there: at no moment is there a part of it. Throws the system's error. */
export async function writeWhole(file: string, bytes: Uint8Array): Promise<void> {
  const partial = `${file}.${process.pid}.part`;
  try {
    await writeFile(partial, bytes, { flag: 'wx' });
    await rename(partial, file);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}
