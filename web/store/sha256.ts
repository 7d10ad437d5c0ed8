// SHA-256 while bytes stream by, which the Web Crypto API cannot do.
import { RwkvError } from '../shared/errors.js';
import { hexadecimal } from './record.js';
import type { Hasher, Sha256 } from './shelf.js';

/** Costs nothing until it is asked for. @throws RwkvError `read-failed` where the library cannot be loaded */
export async function loadSha256(): Promise<Sha256> {
  let library: typeof import('./sum.js');
  try {
    library = await import('./sum.js');
  } catch (cause) {
    throw new RwkvError('read-failed', 'the package @noble/hashes could not be loaded', { cause });
  }
  return (): Hasher => {
    const sum = library.sha256.create();
    return {
      update: (bytes) => void sum.update(bytes),
      digest: () => hexadecimal(sum.digest()),
    };
  };
}
