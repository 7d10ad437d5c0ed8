// Reads the fields of a JSON body, each by a rule; what nobody asked for is unknown.

import type { Rule } from '../../page/rules.js';
import { show } from '../../shared/errors.js';
import { invalidRequest, type OpenAIError } from './errors.js';

/** The fields of one object of a body. */
export class Fields {
  readonly #path: string;
  readonly #given: ReadonlyMap<string, unknown>;
  readonly #known = new Set<string>();

  /**
   * @param path - where the object stands, as `messages[0]`; '' for the body itself
   * @throws OpenAIError where it is no object
   */
  constructor(path: string, value: unknown) {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw invalidValue(path, 'an object', value);
    this.#path = path;
    // A null is as if it were not there.
    this.#given = new Map(Object.entries(value).filter(([, item]) => item !== null && item !== undefined));
  }

  /** The field as the rule wants it; `undefined` where it is not given. @throws OpenAIError */
  take<T>(name: string, rule: Rule<T>): T | undefined {
    this.#known.add(name);
    const value = this.#given.get(name);
    if (value === undefined || rule.accepts(value)) return value;
    throw invalidValue(this.#at(name), rule.expected, value);
  }

  /** As `take`, of a field that must be there. */
  require<T>(name: string, rule: Rule<T>): T {
    const value = this.take(name, rule);
    if (value !== undefined) return value;
    const at = this.#at(name);
    throw invalidRequest(`'${at}' is missing: expected ${rule.expected}`, at, 'missing_required_parameter');
  }

  /** The fields of an object in this one. */
  object(name: string): Fields | undefined {
    this.#known.add(name);
    const value = this.#given.get(name);
    return value === undefined ? undefined : new Fields(this.#at(name), value);
  }

  /** Fields that change nothing here. */
  ignore(...names: readonly string[]): void {
    for (const name of names) this.#known.add(name);
  }

  /** Fields that others have a use for and that cannot be left unheard. */
  refuse(...names: readonly string[]): void {
    for (const name of names) {
      const at = this.#at(name);
      if (this.#given.has(name))
        throw invalidRequest(`'${at}' is not supported here`, at, 'unsupported_parameter');
    }
  }

  /** @throws OpenAIError where there is a field that nobody asked for. */
  end(): void {
    for (const name of this.#given.keys()) {
      const at = this.#at(name);
      if (!this.#known.has(name))
        throw invalidRequest(`'${at}' is not known: expected only ${this.#names()}`, at, 'unknown_parameter');
    }
  }

  /** The error for a field that is not what was expected. */
  invalid(name: string, expected: string): OpenAIError {
    return invalidValue(this.#at(name), expected, this.#given.get(name));
  }

  #names(): string {
    return [...this.#known].join(', ');
  }

  #at(name: string): string {
    return this.#path === '' ? name : `${this.#path}.${name}`;
  }
}

function invalidValue(at: string, expected: string, found: unknown): OpenAIError {
  const what = at === '' ? 'the body' : `'${at}'`;
  const message = `${what}: expected ${expected}; found ${Array.isArray(found) ? 'a list' : show(found)}`;
  return invalidRequest(message, at === '' ? null : at, 'invalid_value');
}

/** One of two rules. */
export function either<A, B>(a: Rule<A>, b: Rule<B>): Rule<A | B> {
  return {
    expected: `${a.expected} or ${b.expected}`,
    accepts: (value): value is A | B => a.accepts(value) || b.accepts(value),
  };
}

/** A list of `least` to `most` items that all keep a rule. */
export function listOf<T>(item: Rule<T>, least: number, most: number, expected: string): Rule<readonly T[]> {
  return {
    expected,
    accepts: (value): value is readonly T[] =>
      Array.isArray(value) && value.length >= least && value.length <= most && value.every(item.accepts),
  };
}

export const anyText: Rule<string> = {
  expected: 'a text',
  accepts: (value): value is string => typeof value === 'string',
};
export const someText: Rule<string> = {
  expected: 'a text that is not empty',
  accepts: (value): value is string => typeof value === 'string' && value !== '',
};
export const anyObject: Rule<object> = {
  expected: 'an object',
  accepts: (value): value is object => typeof value === 'object' && value !== null && !Array.isArray(value),
};
