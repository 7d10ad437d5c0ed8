// Files that lie beside the repository because they are too large or too foreign to lie in it.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The path of a file in ../shared. */
export function sharedPath(name: string): string {
  return fileURLToPath(new URL(`../../../shared/${name}`, import.meta.url));
}

/** Its bytes, or `undefined` where it is not there: tests of it are then skipped and say so. */
export function sharedFile(name: string): Uint8Array<ArrayBuffer> | undefined {
  const path = sharedPath(name);
  return existsSync(path) ? new Uint8Array(readFileSync(path)) : undefined;
}
