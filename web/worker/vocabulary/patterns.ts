// Regular expressions of a tokenizer.json, which nobody vouches for. One that goes back and forth could take a lifetime for a
// short text, so only such are taken whose time is at most a low power of the text's length; those of known tokenizers are.
import { bad, field, show, unsupported } from './json.js';

const mostLetters = 4096;
/** Of an alternative: parts that repeat, and parts that may be missing. */
const mostRepeats = 3;
const mostOptions = 8;

/**
 * The pattern of a part as a regular expression of Oniguruma, without capturing groups.
 *
 * @throws RwkvError `bad-vocabulary`, `unsupported`
 */
export function patternOf(part: string, config: unknown): string {
  const pattern = field(config, 'pattern');
  const text = field(pattern, 'String');
  if (typeof text === 'string' && text !== '') return literal(text);
  const source = field(pattern, 'Regex');
  if (typeof source !== 'string' || source === '')
    throw bad(`${part}: expected a pattern, found ${show(pattern)}`);
  const refuse = (why: string) => unsupported(`${part}: a pattern with ${why}: ${show(source)}`);
  if (source.length > mostLetters) throw refuse(`more than ${mostLetters} letters`);
  return checked(source, refuse);
}

/** An expression that matches a text. */
export function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

// What an expression is made of: escapes, classes (of classes), beginnings of groups, quantifiers with what makes them lazy or
// possessive, and letters.
const pieces =
  /\\(?:[pPx]\{[^}]*\}|.)|\[(?:\\.|\[(?:\\.|[^\]\\])*\]|[^\]\\[])+\]|\((?:\?(?:[:=!>]|<[=!]|<\w+>|i:)|(?!\?))|(?:[*+?]|\{(?:\d+(?:,\d*)?|,\d+)\})[+?]?|./gsy;

/** How much repeats, and may be missing, on one way through a part of an expression. */
interface Costs {
  readonly repeats: number;
  readonly options: number;
}

interface Group {
  /** Before it. */
  readonly before: Costs;
  /** The most of its alternatives so far. */
  most: Costs;
  /** Whether it is letters alone: without quantifiers and alternatives. */
  isSimple: boolean;
}

function checked(source: string, refuse: (why: string) => Error): string {
  const none: Costs = { repeats: 0, options: 0 };
  const groups: Group[] = [];
  let costs = none;
  let closed: Group | undefined; // the one that ended just before
  let pattern = '';
  for (const { 0: found, index: at } of source.matchAll(pieces)) {
    const repeated = closed;
    closed = undefined;
    pattern += /^\((\?<\w+>)?$/.test(found) ? '(?:' : found;
    if (/^\\[1-9kg]/.test(found)) throw refuse('a back reference');
    const group = groups.at(-1);
    if (found === '(' && source[at + 1] === '?') throw refuse('a group of another kind');
    if (found.startsWith('(')) groups.push({ before: costs, most: none, isSimple: true });
    else if (found === ')') {
      closed = groups.pop();
      if (!closed) throw refuse('a bracket too many');
      costs = larger(closed.most, costs);
    } else if (found === '|') {
      for (const each of groups) each.isSimple = false;
      if (group) group.most = larger(group.most, costs);
      costs = group?.before ?? none;
    } else if (/^([*+?]|\{.+\})/.test(found)) {
      for (const each of groups) each.isSimple = false;
      const isOption = found.startsWith('?');
      if (!isOption && repeated?.isSimple === false) throw refuse('a repeated group of more than letters');
      costs = isOption ? { ...costs, options: costs.options + 1 } : { ...costs, repeats: costs.repeats + 1 };
      if (costs.repeats > mostRepeats || costs.options > mostOptions) throw refuse('too much that repeats');
    }
  }
  if (groups.length > 0) throw refuse('a bracket too few');
  return pattern;
}

function larger(a: Costs, b: Costs): Costs {
  return { repeats: Math.max(a.repeats, b.repeats), options: Math.max(a.options, b.options) };
}
