// JSON that nobody vouches for: how its parts are got at, and what is said of those that are wrong.
import { RwkvError, sentence } from '../../shared/errors.js';

/** @throws RwkvError `bad-vocabulary`, without the file's name, as all here */
export function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw bad(`no JSON: ${sentence(error)}`);
  }
}

export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** A field of its own; `undefined` where there is none. */
export function field(value: unknown, key: string): unknown {
  return isObject(value) && Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined;
}

export function listOf(value: unknown, key: string): readonly unknown[] {
  const list = field(value, key);
  if (!Array.isArray(list)) throw bad(`${key}: expected an array, found ${show(list)}`);
  return list;
}

export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 40 ? `${text.slice(0, 40)}...` : text;
}

export function bad(what: string): RwkvError {
  return new RwkvError('bad-vocabulary', what);
}

export function unsupported(what: string): RwkvError {
  return new RwkvError('unsupported', what);
}

/** The error for a part of another type than those that are known. */
export function otherType(part: string, known: readonly string[], value: unknown): RwkvError {
  const type = isObject(value) ? field(value, 'type') : value;
  const last = known.at(-1);
  const all = known.length > 1 ? `${known.slice(0, -1).join(', ')} or ${last}` : last;
  return unsupported(`${part}: expected ${all}, found ${show(type ?? null)}`);
}
