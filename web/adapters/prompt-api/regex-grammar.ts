// A regular expression as a grammar in xgrammar's EBNF. The grammar gives texts that the expression matches as a whole; of
// white space those of ASCII. It reads and writes in one pass: a parser of a library, larger than the whole adapter, would leave all the
// writing to do. Only where `.` and `\S` leave out rare line ends and blanks beyond ASCII the grammar does not.
import { wellFormed } from '../../shared/well-formed.js';

/** The parts of an expression have the names of ECMAScript's grammar for patterns. */
class Pattern {
  readonly #letters: readonly string[];
  readonly #ignoresCase: boolean;
  readonly #dot: string;
  #at = 0;

  constructor({ source, flags }: RegExp) {
    this.#letters = [...wellFormed(source)];
    this.#ignoresCase = flags.includes('i');
    this.#dot = flags.includes('s')
      ? anyLetter
      : classOf(
          [
            [10, 10],
            [13, 13],
          ],
          true,
        );
  }

  get isOver(): boolean {
    return this.#at >= this.#letters.length;
  }

  disjunction(isOutermost: boolean): string {
    const alternatives = [this.#alternative(isOutermost)];
    while (this.#eat('|')) alternatives.push(this.#alternative(isOutermost));
    return alternatives.join(' | ');
  }

  #alternative(isOutermost: boolean): string {
    if (isOutermost) this.#eat('^');
    const terms: string[] = [];
    while (!this.isOver && this.#peek() !== '|' && this.#peek() !== ')') {
      const isLast = isOutermost && (this.#peek(1) === undefined || this.#peek(1) === '|');
      if (isLast && this.#eat('$')) break;
      terms.push(this.#atom() + this.#quantifier());
    }
    return terms.length === 0 ? '""' : terms.join(' ');
  }

  // Lazy quantifiers allow the same texts.
  #quantifier(): string {
    const [found] = /^(?:[*+?]|\{\d+(?:,\d*)?\})/.exec(
      this.#letters.slice(this.#at, this.#at + 24).join(''),
    ) ?? [''];
    this.#at += found.length;
    if (found !== '') this.#eat('?');
    return found;
  }

  #atom(): string {
    const next = this.#next();
    if (next === '.') return this.#dot;
    if (next === '(') return this.#group();
    if (next === '[') return this.#set();
    if (next === '\\') return this.#escape();
    if (next === '^' || next === '$') throw new Unsupported(`${next} within`);
    return this.#literal(codeOf(next));
  }

  #group(): string {
    if (this.#eat('?')) {
      const kind = this.#next();
      if (kind === '<' && this.#peek() !== '=' && this.#peek() !== '!') while (this.#next() !== '>');
      else if (kind !== ':') throw new Unsupported(`(?${kind}`);
    }
    const inner = this.disjunction(false);
    this.#eat(')');
    return `(${inner})`;
  }

  #escape(): string {
    const shorthand = shorthands[this.#peek()?.toLowerCase() ?? ''];
    if (shorthand === undefined) return this.#literal(this.#escaped());
    return classOf(shorthand, !(this.#next() in shorthands));
  }

  #set(): string {
    const isNegated = this.#eat('^');
    const ranges: Range[] = [];
    while (!this.#eat(']')) {
      const shorthand = this.#peek() === '\\' ? shorthands[this.#peek(1) ?? ''] : undefined;
      if (shorthand !== undefined) {
        this.#at += 2;
        ranges.push(...shorthand);
        continue;
      }
      const first = this.#member();
      const isRange = this.#peek() === '-' && this.#peek(1) !== ']' && this.#eat('-');
      ranges.push(...this.#cases(first, isRange ? this.#member() : first));
    }
    if (ranges.length === 0 && !isNegated) throw new Unsupported('[]');
    return classOf(ranges, isNegated);
  }

  #member(): number {
    const next = this.#next();
    if (next !== '\\') return codeOf(next);
    return this.#eat('b') ? 8 : this.#escaped();
  }

  // What stands behind a backslash, as a code point.
  #escaped(): number {
    const next = this.#next();
    const code = controls[next];
    if (code !== undefined) return code;
    if (next === 'x') return this.#hex(2);
    if (next === 'u' && this.#eat('{')) {
      let digits = '';
      for (let digit = this.#next(); digit !== '}'; digit = this.#next()) digits += digit;
      return Number.parseInt(digits, 16);
    }
    if (next === 'u') return this.#whole(this.#hex(4));
    if (next === 'c') return codeOf(this.#next()) % 32;
    if (/[1-9a-zA-Z]/.test(next)) throw new Unsupported(`\\${next}`);
    return codeOf(next);
  }

  // Without the flag u a character may be two escapes. What is half of one is in no text.
  #whole(code: number): number {
    const next = this.#letters.slice(this.#at, this.#at + 6).join('');
    const isPair = code >= 0xd800 && code < 0xdc00 && /^\\ud[c-f]/i.test(next);
    if (!isPair) return code >= 0xd800 && code < 0xe000 ? 0xfffd : code;
    this.#at += 2;
    return 0x10000 + ((code & 0x3ff) << 10) + (this.#hex(4) & 0x3ff);
  }

  #hex(digits: number): number {
    const text = this.#letters.slice(this.#at, this.#at + digits).join('');
    this.#at += digits;
    return Number.parseInt(text, 16);
  }

  #literal(code: number): string {
    const cases = this.#cases(code, code);
    return cases.length === 1 ? `"${letter(code)}"` : classOf(cases, false);
  }

  // A range; with the flag i, its ASCII letters and single letters in both cases.
  #cases(first: number, last: number): Range[] {
    const all: Range[] = [[first, last]];
    if (!this.#ignoresCase) return all;
    if (first === last) {
      const text = String.fromCodePoint(first);
      for (const other of [text.toLowerCase(), text.toUpperCase()])
        if (other !== text && [...other].length === 1) all.push([codeOf(other), codeOf(other)]);
      return all;
    }
    for (const [from, to, shift] of [
      [0x41, 0x5a, 32],
      [0x61, 0x7a, -32],
    ] as const) {
      const [begin, end] = [Math.max(first, from), Math.min(last, to)];
      if (begin <= end) all.push([begin + shift, end + shift]);
    }
    return all;
  }

  #peek(ahead = 0): string | undefined {
    return this.#letters[this.#at + ahead];
  }
  #next(): string {
    return this.#letters[this.#at++] ?? '';
  }
  #eat(expected: string): boolean {
    if (this.#peek() !== expected) return false;
    this.#at++;
    return true;
  }
}

class Unsupported extends Error {}

/**
 * @returns the grammar, or the sentence that says why there is none: lookaround, back references, word borders, properties
 * of Unicode and anchors within are no regular language, or more than is worth the size.
 */
export function grammarOf(expression: RegExp): { readonly grammar: string } | { readonly reason: string } {
  try {
    return { grammar: `root ::= ${new Pattern(expression).disjunction(true)}` };
  } catch (error) {
    if (!(error instanceof Unsupported)) throw error;
    return { reason: `a regular expression with ${error.message} is none that a grammar can say` };
  }
}

/** The first and the last code point. */
type Range = readonly [number, number];

const lastAscii = 0x7f;

/** The most letters beyond ASCII that are named one by one. */
const mostLetters = 512;

// xgrammar 0.1 reads classes of ASCII right, and what is not in them; of other classes it loses letters. So letters
// beyond ASCII stand one by one, where there are not too many of them.
function classOf(ranges: readonly Range[], isNegated: boolean): string {
  const ascii = ranges
    .filter(([first]) => first <= lastAscii)
    .map(([first, last]) => range(first, Math.min(last, lastAscii)))
    .join('');
  const others = ranges
    .filter(([, last]) => last > lastAscii)
    .map(([first, last]): Range => [Math.max(first, lastAscii + 1), last]);
  if (isNegated) {
    if (others.length > 0) throw new Unsupported('letters beyond ASCII in a negated class');
    return ascii === '' ? anyLetter : `[^${ascii}]`;
  }
  const count = others.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  if (count > mostLetters) throw new Unsupported(`a class of ${count} letters beyond ASCII`);
  const letters = others.flatMap(([first, last]) =>
    Array.from({ length: last - first + 1 }, (_, i) => `"${letter(first + i)}"`),
  );
  const all = ascii === '' ? letters : [`[${ascii}]`, ...letters];
  return all.length === 1 ? `${all[0]}` : `(${all.join(' | ')})`;
}

function codeOf(letter: string): number {
  return letter.codePointAt(0) ?? 0;
}
// Each letter by its number: no letter then means anything else.
function letter(code: number): string {
  const hex = code.toString(16);
  return code > 0xffff ? `\\U${hex.padStart(8, '0')}` : `\\u${hex.padStart(4, '0')}`;
}
function range(first: number, last: number): string {
  return first === last ? letter(first) : `${letter(first)}-${letter(last)}`;
}

const anyLetter = `([^${letter(10)}] | "${letter(10)}")`;
const digits: Range = [0x30, 0x39];
const shorthands: Readonly<Record<string, readonly Range[]>> = {
  d: [digits],
  w: [digits, [0x41, 0x5a], [0x61, 0x7a], [0x5f, 0x5f]],
  s: [
    [9, 13],
    [0x20, 0x20],
  ],
};
const controls: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, v: 11, f: 12, 0: 0 };
