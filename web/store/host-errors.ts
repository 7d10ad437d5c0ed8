// What hosts throw where a storage fails or is full, as errors of the package.
import { RwkvError, sentence } from '../shared/errors.js';
import { codeOf, isDomException, isError } from '../shared/realms.js';
import type { Shelf } from './shelf.js';

const codes: readonly unknown[] = ['ENOSPC', 'EDQUOT'];

/** Whether a host says so, of a disk or of a browser's quota. */
export function isFull(cause: unknown): boolean {
  return isError(cause) && (cause.name === 'QuotaExceededError' || codes.includes(codeOf(cause)));
}

/** The error of it. */
export function quotaExceeded(name: string, what: string, cause?: unknown): RwkvError {
  const advice = "store.evict and store.delete make room; 'cache: false' loads without the store";
  return new RwkvError('quota-exceeded', `${name}: ${what}. ${advice}`, { cause });
}

/** Errors of the host become ours; what is none of them is a mistake of ours or a caller's own, and stays. */
export function storeError(name: string, cause: unknown): unknown {
  if (cause instanceof RwkvError || !isError(cause)) return cause;
  if (isFull(cause)) return quotaExceeded(name, `the storage is full: ${sentence(cause)}`, cause);
  if (isDomException(cause) || typeof codeOf(cause) === 'string')
    return new RwkvError('read-failed', `${name}: the storage failed: ${sentence(cause)}`, { cause });
  return cause;
}

/** A shelf whose errors are ours, whoever asks it. `name` is what messages call it. */
export function telling(name: string, shelf: Shelf): Shelf {
  const told =
    <Given extends unknown[], T>(ask: (...given: Given) => Promise<T>) =>
    async (...given: Given): Promise<T> => {
      try {
        return await ask(...given);
      } catch (cause) {
        throw storeError(name, cause);
      }
    };
  return {
    place: shelf.place,
    keys: told(shelf.keys),
    find: told(shelf.find),
    record: told(shelf.record),
    remove: told(shelf.remove),
    room: told(shelf.room),
    writeRecord: told(shelf.writeRecord),
    append: told(shelf.append),
    open: told(shelf.open),
  };
}
