// Reads the fields of a JSON body, each by a rule; what nobody asked for is unknown: an error, or left out and told.

import { anything, type Rule } from '../../page/rules.js';
import { show } from '../../shared/errors.js';
import { invalidRequest, type OpenAIError } from './errors.js';

export { either } from '../../page/rules.js';

/** The fields of one object of a body. */
export class Fields {
  readonly #path: string;
  readonly #given: Map<string, unknown>;
  readonly #known = new Set<string>();
  readonly #unknown: Set<string> | undefined;

  /**
   * @param path - where the object stands, as `messages[0]`; '' for the body itself
   * @param unknown - gets the places of unknown fields, which otherwise are errors
   * @throws OpenAIError where it is no object
   */
  constructor(path: string, value: unknown, unknown?: Set<string>) {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw invalidValue(path, 'an object', value);
    this.#path = path;
    this.#unknown = unknown;
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
    return value === undefined ? undefined : this.within(this.#at(name), value);
  }

  /** The fields of another object of this body. */
  within(path: string, value: unknown): Fields {
    return new Fields(path, value, this.#unknown);
  }

  /** Fields that change nothing here. */
  ignore(...names: readonly string[]): void {
    for (const name of names) this.#known.add(name);
  }

  /** Fields whose ways to say nothing (false, '', [], {}) are as if they were not there. */
  forgive(...names: readonly string[]): void {
    for (const name of names) if (saysNothing(this.#given.get(name))) this.#given.delete(name);
  }

  /** Fields that others have a use for and that cannot be left unheard, where they say anything. @throws OpenAIError */
  refuse(...names: readonly string[]): void {
    for (const name of names) if (!saysNothing(this.take(name, anything))) throw this.unsupported(name);
  }

  /** @throws OpenAIError where there is a field that nobody asked for. */
  end(): void {
    for (const name of this.#given.keys()) {
      if (this.#known.has(name)) continue;
      const at = this.#at(name);
      if (!this.#unknown)
        throw invalidRequest(`'${at}' is not known: expected only ${this.#names()}`, at, 'unknown_parameter');
      this.#unknown.add(at);
    }
  }

  /** The error for a field that cannot be done. */
  unsupported(name: string, turnedOff = 'leave it out'): OpenAIError {
    const at = this.#at(name);
    return invalidRequest(`'${at}' is not supported here: ${turnedOff}`, at, 'unsupported_parameter');
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

// Values that programs send for "no".
function saysNothing(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0;
  return value === undefined || value === null || value === false || value === '';
}

/** A list of `least` to `most` items that all keep a rule. */
export function listOf<T>(item: Rule<T>, least: number, most: number, expected: string): Rule<readonly T[]> {
  return {
    expected,
    accepts: (value): value is readonly T[] =>
      Array.isArray(value) && value.length >= least && value.length <= most && [...value].every(item.accepts),
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
