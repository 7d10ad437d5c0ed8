// Character classes as xgrammar means them. Version 0.1.27 compares single bytes where a class names characters beyond ASCII
// (its issues 138 and 848), and what a schema's `pattern` allows it writes into JSON strings as it is, quotes too. So classes
// are written anew, in terms that it gets right: ASCII classes, `[^\0-\x7f]` for all that is beyond, and single characters.
import { RwkvError } from '../shared/errors.js';
import { values } from './references.js';

/** So many characters beyond ASCII may be told one by one. */
const mostCharacters = 1024;
const lastOfAscii = 0x7f;
const lastCharacter = 0x10ffff;

const escapes: Readonly<Record<string, number>> = {
  '0': 0,
  a: 7,
  b: 8,
  t: 9,
  n: 10,
  v: 11,
  f: 12,
  r: 13,
  e: 27,
};

interface Range {
  readonly from: number;
  readonly to: number;
}

/**
 * An EBNF text as xgrammar prints it, with other words for classes that it would get wrong.
 *
 * @param isJson - whether it was made from a JSON schema: what JSON strings cannot hold leaves its classes, but for the rules
 * `basic_...`, which are xgrammar's own
 * @throws RwkvError `unsupported` for what cannot be said
 */
export function repairClasses(ebnf: string, option: string, isJson: boolean): string {
  return ebnf
    .split('\n')
    .map((rule) => {
      const isOwn = isJson && rule.startsWith('basic_');
      const parts = /"(?:\\.|[^"\\])*"|\[((?:\\.|[^\]\\])*)\]/g;
      return isOwn
        ? rule
        : rule.replace(parts, (all, inside) =>
            inside === undefined ? all : repair(all, inside, option, isJson),
          );
    })
    .join('\n');
}

function repair(whole: string, inside: string, option: string, isInString: boolean): string {
  const isNegated = inside.startsWith('^');
  const ranges = rangesOf(isNegated ? inside.slice(1) : inside);
  const foreign = ranges
    .map(({ from, to }) => ({ from: Math.max(from, lastOfAscii + 1), to }))
    .filter(({ from, to }) => from <= to);
  const named = Array.from({ length: lastOfAscii + 1 }, (_, code) =>
    ranges.some(({ from, to }) => from <= code && code <= to),
  );
  const allowed = named.map((isNamed, code) => isNamed !== isNegated && !(isInString && mustBeEscaped(code)));
  const isAsMeant = allowed.every((isAllowed, code) => isAllowed === (named[code] !== isNegated));
  if (foreign.length === 0 && isAsMeant) return whole;

  const codes = (isAllowed: boolean) =>
    [...allowed.keys()].filter((code) => allowed[code] === isAllowed).map((code) => spelled(code, 2));
  if (isNegated ? foreign.length === 0 : coversAll(foreign)) {
    // One class: each is tried against the whole vocabulary, at every place of a counted repetition.
    const excluded = codes(false);
    return excluded.length > 0 ? `[^${excluded.join('')}]` : '([\\0-\\x7f] | [^\\0-\\x7f])';
  }
  const count = foreign.reduce((sum, { from, to }) => sum + to - from + 1, 0);
  if (isNegated || count > mostCharacters)
    throw new RwkvError(
      'unsupported',
      `option ${option}: the characters ${whole} cannot be told from others by @mlc-ai/web-xgrammar; name at most ` +
        `${mostCharacters} characters beyond ASCII, and exclude none`,
    );
  const own = codes(true);
  const choices = own.length === 0 ? [] : [`[${own.join('')}]`];
  for (const { from, to } of foreign)
    for (let code = from; code <= to; code++) choices.push(`"${spelled(code, 8)}"`);
  if (choices.length > 0) return `(${choices.join(' | ')})`;
  throw new RwkvError(
    'unsupported',
    `option ${option}: the characters ${whole} cannot stand in a JSON string`,
  );
}

function rangesOf(inside: string): Range[] {
  const one = String.raw`\\x[0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\U[0-9a-fA-F]{8}|\\.|[^\\]`;
  const ranges: Range[] = [];
  for (const [, from = '', to = from] of inside.matchAll(new RegExp(`(${one})(?:-(${one}))?`, 'gsu')))
    ranges.push({ from: codeOf(from), to: codeOf(to) });
  return ranges;
}

function codeOf(character: string): number {
  const hex = /^\\[xuU]([0-9a-fA-F]+)$/.exec(character)?.[1];
  if (hex !== undefined) return Number.parseInt(hex, 16);
  const plain = character.startsWith('\\') ? character.slice(1) : character;
  const code = plain.codePointAt(0) ?? 0;
  return plain === character ? code : (escapes[plain] ?? code);
}

function coversAll(ranges: readonly Range[]): boolean {
  let next = lastOfAscii + 1;
  for (const { from, to } of [...ranges].sort((a, b) => a.from - b.from)) {
    if (from > next) return false;
    next = Math.max(next, to + 1);
  }
  return next > lastCharacter;
}

// In JSON strings: control characters, quotes, backslashes.
function mustBeEscaped(code: number): boolean {
  return code < 0x20 || code === 0x22 || code === 0x5c;
}

function spelled(code: number, digits: 2 | 8): string {
  return `\\${digits === 2 ? 'x' : 'U'}${code.toString(16).padStart(digits, '0')}`;
}

const unescapable = /"|\\\\|\\[nrtfv0c]|\\x[01]|\\x22|\\x5[cC]|\\u00[01]|\\u0022|\\u005[cC]/;

/**
 * Refuses patterns that name characters which JSON strings hold only escaped, for xgrammar would write them as they are.
 *
 * @throws RwkvError `unsupported`
 */
export function checkPatterns(schema: unknown): void {
  if (typeof schema !== 'object' || schema === null) return;
  for (const [key, value] of Object.entries(schema)) {
    const patterns = key === 'pattern' && typeof value === 'string' ? [value] : [];
    if (key === 'patternProperties' && typeof value === 'object' && value !== null)
      patterns.push(...Object.keys(value));
    for (const pattern of patterns) {
      if (unescapable.test(pattern) || [...pattern].some((character) => character < ' '))
        throw new RwkvError(
          'unsupported',
          `option jsonSchema: the pattern ${pattern} names quotes, backslashes or control characters, which ` +
            '@mlc-ai/web-xgrammar does not escape',
        );
    }
    if (!values.has(key)) checkPatterns(value);
  }
}
