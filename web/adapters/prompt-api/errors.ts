// Errors as the Prompt API words them: DOMExceptions by name, and TypeErrors and RangeErrors for arguments.
import { RwkvError, type RwkvErrorCode, sentence } from '../../shared/errors.js';

type Name =
  | 'AbortError'
  | 'InvalidStateError'
  | 'NetworkError'
  | 'NotSupportedError'
  | 'OperationError'
  | 'QuotaExceededError'
  | 'SyntaxError'
  | 'UnknownError';

const names: Partial<Record<RwkvErrorCode, Name>> = {
  unsupported: 'NotSupportedError',
  'no-tokenizer': 'NotSupportedError',
  disposed: 'InvalidStateError',
  'read-failed': 'NetworkError',
  'bad-file': 'OperationError',
  'bad-model': 'OperationError',
  'bad-vocabulary': 'OperationError',
  'out-of-memory': 'OperationError',
  'grammar-failed': 'OperationError',
  'worker-crashed': 'OperationError',
};

/** A DOMException; `cause`, as Errors have one, is what it comes from. */
export function exception(name: Name, message: string, cause?: unknown): DOMException {
  const error = new DOMException(message, name);
  if (cause !== undefined) Object.defineProperty(error, 'cause', { value: cause, configurable: true });
  return error;
}

/** Whatever was thrown, as the API tells it: reasons of signals and what callers threw themselves stay as they are. */
export function toException(thrown: unknown): unknown {
  if (!(thrown instanceof RwkvError)) return thrown;
  if (thrown.code === 'invalid-argument') return new TypeError(thrown.message, { cause: thrown });
  return exception(names[thrown.code] ?? 'UnknownError', sentence(thrown), thrown);
}
