import { isError } from './realms.js';

const codes = [
  'invalid-argument',
  'bad-file',
  'bad-model',
  'bad-vocabulary',
  'unsupported',
  'read-failed',
  'not-stored',
  'hash-mismatch',
  'quota-exceeded',
  'in-use',
  'out-of-memory',
  'no-tokenizer',
  'grammar-failed',
  'disposed',
  'worker-crashed',
  'device-failed',
] as const;

/**
 * What went wrong, for programs:
 *
 * - `invalid-argument`: an option, a token id or a source that the caller passed
 * - `bad-file`: bytes that are not what their format says: truncated, foreign, hostile
 * - `bad-model`: a readable file whose tensors do not make a model: missing, wrong shape or type
 * - `bad-vocabulary`: a vocabulary that cannot be read or does not fit the model
 * - `unsupported`: recognised, but not something this version or this machine runs
 * - `read-failed`: a file or the network could not deliver its bytes
 * - `not-stored`: a file that the store does not hold, asked for with `allowNetwork: false`
 * - `hash-mismatch`: bytes whose SHA-256 is not the one that was asked for; nothing is kept of them
 * - `quota-exceeded`: the store has no room for the file; what came of it stays for the next try
 * - `in-use`: a stored file that cannot be deleted or replaced while it is downloaded or read, perhaps by another page or process
 * - `out-of-memory`: the model, a session or what a call needs does not fit into the memory that WebAssembly can have; all else is as it was
 * - `no-tokenizer`: text was asked of a model that was loaded without a tokenizer
 * - `grammar-failed`: the grammar engine ran out of time or memory, or failed; the model and its sessions go on, and the next call has
 *   a new engine
 * - `disposed`: the model or session was given back before or during the call
 * - `worker-crashed`: the worker died; the model and its sessions are gone, a new load works
 * - `device-failed`: the graphics processor was lost or failed; the model and its sessions are gone, a new load works
 */
export type RwkvErrorCode = (typeof codes)[number];

/** Every failure of this package but an abort, which throws the reason of its AbortSignal. */
export class RwkvError extends Error {
  /** `'RwkvError'`. */
  override readonly name = 'RwkvError';
  /** What went wrong, for programs; `message` says it for people. */
  readonly code: RwkvErrorCode;

  constructor(code: RwkvErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** Also one of another copy of this class: bundlers make several, as do windows. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    // biome-ignore lint/complexity/noThisInStatic: of classes that extend this one the usual answer is right
    const [isUsual, isThis] = [super[Symbol.hasInstance](value), this === RwkvError];
    return isUsual || (isThis && Object(value).name === 'RwkvError');
  }
}

/** The code that `text` spells. The core and this list name the same codes; another text is our mistake. */
export function errorCode(text: string): RwkvErrorCode {
  const code = codes.find((known) => known === text);
  if (code === undefined) throw new Error(`unknown error code '${text}'`);
  return code;
}

/** The sentence of whatever was thrown, with its cause where that says more (as in fetch errors of Node). */
export function sentence(thrown: unknown): string {
  if (!isError(thrown)) return String(thrown);
  const { message, cause } = thrown;
  return isError(cause) && !message.includes(cause.message) ? `${message}: ${cause.message}` : message;
}

/** Whether the engine says that it has no memory, as of an array or a message that is too large. */
export function isMemoryError(thrown: unknown): thrown is Error {
  const names = ['RangeError', 'InternalError', 'DataCloneError'];
  return (
    isError(thrown) &&
    names.includes(thrown.name) &&
    /memory|alloc|(array|string) length/i.test(thrown.message)
  );
}

/** The error that it is then. */
export function outOfMemory(cause: Error): RwkvError {
  return new RwkvError('out-of-memory', `JavaScript has no memory for it: ${cause.message}`, { cause });
}

/** The error for a value that is not what was expected. */
export function unexpected(name: string, expected: string, found: unknown): RwkvError {
  return new RwkvError('invalid-argument', `${name}: expected ${expected}; found ${show(found)}`);
}

export function show(value: unknown): string {
  if (typeof value === 'string') return `'${value.length > 40 ? `${value.slice(0, 40)}...` : value}'`;
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'object' && value !== null)
    return `an object (${typeof value.constructor === 'function' ? value.constructor.name : 'Object'})`;
  return String(value);
}
