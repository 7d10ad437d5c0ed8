// What a stored file is worth shows when it is read. One that turns out to be no such file is dropped, and fetched anew once.
import { RwkvError, type RwkvErrorCode, sentence } from '../shared/errors.js';
import type { Asked } from '../shared/protocol.js';
import {
  type Entry,
  entries,
  isReadOnly,
  type Kept,
  removalAdvice,
  remove,
  type StoreHost,
} from './keeping.js';

type Attempt<T> = { readonly value: T } | { readonly fault: Kept; readonly error: RwkvError };

/** What reading throws where the file itself is at fault. */
const faults: Readonly<Record<Asked, readonly RwkvErrorCode[]>> = {
  model: ['bad-file'],
  state: ['bad-file'],
  lora: ['bad-file'],
  vocabulary: ['bad-file', 'bad-vocabulary'],
  any: [],
};

/**
 * Does the work, which notes what it reads of the store, and once more where the store's copy was at fault.
 *
 * @throws what the work throws; where the fault is that of a stored file it says what became of it
 */
export async function mending<T>(
  host: StoreHost,
  allowNetwork: boolean,
  work: (note: (kept: Kept) => void) => Promise<T>,
): Promise<T> {
  const first = await attempt(work);
  if (!('fault' in first)) return first.value;
  const { fault, error } = first;
  if (!allowNetwork || !(await drop(host, fault))) throw saying(error, removalAdvice(fault.url));
  if (fault.isFresh) throw saying(error, 'nothing is kept of it');
  const dropped = `the store's copy was no better, and was dropped: ${sentence(error)}`;
  let second: Attempt<T>;
  try {
    second = await attempt(work);
  } catch (other) {
    throw other instanceof RwkvError ? saying(other, dropped) : other;
  }
  if (!('fault' in second)) return second.value;
  await drop(host, second.fault);
  throw saying(
    second.error,
    "this came in the place of the store's copy, which was dropped; nothing is kept of it",
  );
}

async function attempt<T>(work: (note: (kept: Kept) => void) => Promise<T>): Promise<Attempt<T>> {
  const used: Kept[] = [];
  try {
    return { value: await work((kept) => used.push(kept)) };
  } catch (error) {
    if (!(error instanceof RwkvError)) throw error;
    const fault = used.find(({ asked }) => faults[asked].includes(error.code));
    if (!fault) throw error;
    return { fault, error };
  }
}

// Another page may be at it: then it sees for itself. `false`: what can be read only stays.
async function drop(host: StoreHost, { place }: Kept): Promise<boolean> {
  const isIt = ({ key, shelf }: Entry) => key === place.key && shelf.place.kind === place.shelf.kind;
  try {
    await remove(host, (await entries(host)).filter(isIt));
  } catch (error) {
    return !isReadOnly(error);
  }
  return true;
}

function saying(error: RwkvError, more: string): RwkvError {
  return new RwkvError(error.code, `${error.message}; ${more}`, { cause: error });
}
