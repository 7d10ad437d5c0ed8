// What the values of options have to be, and how options are read by these rules. Ours rather than a library of schemas: every page
// carries it, and its errors name the option, what was expected and what was found in one line.

import { unexpected } from '../shared/errors.js';
import { isAbortSignal, isArrayBuffer, isBlob, isMap, isUint8Array, isUrl } from '../shared/realms.js';
import type { LoadProgress, ReadProgress } from '../shared/types.js';
import type { GrammarEngine } from './grammar-engine.js';
import type { LearningEngine } from './learning-engine.js';
import type { FileSource } from './places.js';

/** What a value has to be. */
export interface Rule<T> {
  readonly expected: string;
  readonly accepts: (value: unknown) => value is T;
}

export const integer = (least: number, most: number): Rule<number> => ({
  expected: `an integer from ${least} to ${most}`,
  accepts: (value): value is number => Number.isInteger(value) && inRange(value, least, most),
});
export const number = (least: number, most: number): Rule<number> => ({
  expected: `a number from ${least} to ${most}`,
  accepts: (value): value is number => inRange(value, least, most),
});
export const oneOf = <T extends string>(...choices: readonly T[]): Rule<T> => ({
  expected: choices.map((choice) => `'${choice}'`).join(' or '),
  accepts: (value): value is T => choices.some((choice) => choice === value),
});
export const never: Rule<false> = {
  expected: 'false',
  accepts: (value): value is false => value === false,
};
export const either = <A, B>(a: Rule<A>, b: Rule<B>): Rule<A | B> => ({
  expected: `${a.expected} or ${b.expected}`,
  accepts: (value): value is A | B => a.accepts(value) || b.accepts(value),
});
export const above = (least: number, most: number): Rule<number> => ({
  expected: `a number above ${least}${most === Infinity ? '' : `, up to ${most}`}`,
  accepts: (value): value is number => inRange(value, least, most) && value > least && value !== Infinity,
});
export const text: Rule<string> = {
  expected: 'a text',
  accepts: (value): value is string => typeof value === 'string',
};
/** A text that no message may tell. */
export const secret: Rule<string> = {
  expected: 'a text',
  accepts: (value): value is string => typeof value === 'string',
};
export const anything: Rule<unknown> = {
  expected: 'anything',
  accepts: (_value): _value is unknown => true,
};
export const boolean: Rule<boolean> = {
  expected: 'true or false',
  accepts: (value): value is boolean => typeof value === 'boolean',
};
export const stops: Rule<string | readonly string[]> = {
  expected: 'a text or up to 64 texts, none of them empty',
  accepts: (value): value is string | readonly string[] =>
    Array.isArray(value)
      ? value.length <= 64 && [...value].every((text) => typeof text === 'string' && text !== '') // `every` of a list passes over holes
      : typeof value === 'string' && value !== '',
};
export const biases: Rule<Readonly<Record<number, number>> | ReadonlyMap<number, number>> = {
  expected: 'an object or a Map of token ids and numbers from -100 to 100',
  accepts: (value): value is Readonly<Record<number, number>> | ReadonlyMap<number, number> =>
    typeof value === 'object' &&
    value !== null &&
    [...entriesOf(value)].every(([, bias]) => number(-100, 100).accepts(bias)),
};
export const list: Rule<ArrayLike<number>> = {
  expected: 'token ids',
  accepts: (value): value is ArrayLike<number> => isArrayLike(value),
};
export const schema: Rule<object | true> = {
  expected: 'a JSON schema, an object or true',
  accepts: (value): value is object | true =>
    value === true || (typeof value === 'object' && value !== null && !Array.isArray(value)),
};
export const record: Rule<object> = {
  expected: 'an object',
  accepts: (value): value is object => typeof value === 'object' && value !== null && !Array.isArray(value),
};
const callback = <T>(): Rule<(told: T) => void> => ({
  expected: 'a function',
  accepts: (value): value is (told: T) => void => typeof value === 'function',
});
export const hearsLoad = callback<LoadProgress>();
export const hearsReading = callback<ReadProgress>();
export const abortSignal: Rule<AbortSignal> = {
  expected: 'an AbortSignal',
  accepts: (value): value is AbortSignal => isAbortSignal(value),
};
export const vocabulary: Rule<string | URL | Blob | ArrayBuffer | Uint8Array | false> = {
  expected: "a URL, a path, a Blob, an ArrayBuffer, a Uint8Array, 'bytes' or false",
  accepts: (value): value is string | URL | Blob | ArrayBuffer | Uint8Array | false =>
    value === false ||
    (typeof value === 'string' && value !== '') ||
    isUrl(value) ||
    isBlob(value) ||
    isArrayBuffer(value) ||
    isUint8Array(value),
};
export const file: Rule<FileSource> = {
  expected: 'a URL, a path, a Blob, a file handle, an ArrayBuffer or a view of one',
  accepts: (value): value is FileSource =>
    (typeof value === 'string' && value !== '') ||
    isUrl(value) ||
    isBlob(value) ||
    isArrayBuffer(value) ||
    ArrayBuffer.isView(value) ||
    (typeof value === 'object' && value !== null && 'getFile' in value),
};
export const grammarEngine: Rule<GrammarEngine> = {
  expected: 'grammar of rwkv-wasm/grammar',
  accepts: (value): value is GrammarEngine =>
    typeof value === 'object' && value !== null && 'start' in value && typeof value.start === 'function',
};
export const learningEngine: Rule<LearningEngine> = {
  expected: 'learning of rwkv-wasm/learning',
  accepts: (value): value is LearningEngine =>
    typeof value === 'object' && value !== null && 'spawn' in value && typeof value.spawn === 'function',
};
export const sha256: Rule<string> = {
  expected: 'a SHA-256, 64 hexadecimal digits',
  accepts: (value): value is string => typeof value === 'string' && /^[0-9a-f]{64}$/i.test(value),
};
export const address: Rule<string | URL> = {
  expected: 'a URL or a path',
  accepts: (value): value is string | URL => (typeof value === 'string' && value !== '') || isUrl(value),
};
export function* entriesOf(
  value: ReadonlyMap<number, number> | Readonly<Record<number, number>> | object,
): Generator<[number, number]> {
  for (const [id, number] of isMap(value) ? value : Object.entries(value)) yield [Number(id), number];
}

/** Takes an option; `undefined` where it is absent. */
export type Get = <T>(name: string, rule: Rule<T>) => T | undefined;

/** Options, before anything is taken of them: programs pass `null` for none. @throws RwkvError `invalid-argument` */
export function optionsOf<T extends object>(options: T): T {
  if (record.accepts(options)) return options;
  throw unexpected('options', 'an object', options);
}

// Reads the options that `take` asks for; a name that it does not ask for is unknown.
export function check<T>(options: object, take: (get: Get) => T, of?: string): T {
  const given = new Map<string, unknown>(Object.entries(optionsOf(options)));
  const known: string[] = [];
  const taken = take((name, rule) => {
    known.push(name);
    const value = given.get(name);
    if (value === undefined || rule.accepts(value)) return value;
    const what = of ? `${of}.${name}` : `option ${name}`;
    throw unexpected(what, rule.expected, rule === secret ? '...' : value);
  });
  for (const name of given.keys()) {
    if (!known.includes(name)) throw unexpected(of ?? 'options', `only ${known.join(', ')}`, name);
  }
  return taken;
}

function inRange(value: unknown, least: number, most: number): value is number {
  return typeof value === 'number' && value >= least && value <= most;
}

export function isArrayLike(value: unknown): value is ArrayLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    'length' in value &&
    integer(0, 2 ** 31 - 1).accepts(value.length)
  );
}
