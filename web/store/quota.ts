// Storages that are full.
import { RwkvError } from '../shared/errors.js';
import { codeOf, isError } from '../shared/realms.js';

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
