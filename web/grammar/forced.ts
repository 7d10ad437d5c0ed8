// Forced tokens (jump-forward decoding): what a grammar leaves no choice of needs no model to draw it.
import type { Allowed, Rule } from '../shared/protocol.js';
import type { LibraryMatcher } from './library.js';

/** A grammar may go on for ever without a choice: so many bytes, and tokens, are looked ahead. */
const mostAhead = 256;

/** What tokens are, as far as forcing them goes. */
export class TokenBytes {
  readonly #bytes: Uint8Array;
  readonly #ends: Int32Array;
  /** Whether texts are written in the longest tokens: else what of them the tokenizer would take is not known here. */
  readonly areLongest: boolean;
  /** The token of each byte that is one. */
  readonly ofByte = new Map<number, number>();

  constructor(bytes: Uint8Array, ends: Int32Array, areLongest: boolean) {
    this.#bytes = bytes;
    this.#ends = ends;
    this.areLongest = areLongest;
    for (let token = ends.length - 1; token > 0; token--)
      if (this.lengthOf(token) === 1) this.ofByte.set(this.#firstOf(token), token);
  }

  lengthOf(token: number): number {
    return (this.#ends[token] ?? 0) - (this.#ends[token - 1] ?? 0);
  }

  /** The byte with which all allowed tokens begin, if they do and the text may not end here. */
  commonByte(allowed: Allowed): number | undefined {
    let common: number | undefined;
    for (const token of tokensIn(allowed)) {
      const first = this.#firstOf(token);
      if (token === 0 || (common !== undefined && common !== first)) return undefined;
      common = first;
    }
    return common;
  }

  /** The only allowed token; or the longest, where no allowed one is longer than `certain` bytes, which are to come. */
  only(allowed: Allowed, certain: number): number | undefined {
    let [longest, length, count] = [0, 0, 0];
    for (const token of tokensIn(allowed)) {
      const own = this.lengthOf(token);
      if (++count > 1 && (length > certain || own > certain)) return undefined;
      if (own > length) [longest, length] = [token, own];
    }
    return longest === 0 ? undefined : longest;
  }

  #firstOf(token: number): number {
    return this.#bytes[this.#ends[token - 1] ?? 0] ?? 0;
  }
}

/**
 * What may come next: tokens that must, which `matcher` has accepted then, and what may come behind them. Text that is certain is
 * written in the tokens in which the tokenizer writes it, unless one of them is banned.
 */
export async function ruleFor(
  matcher: LibraryMatcher,
  tokens: TokenBytes,
  banned: ReadonlySet<number>,
): Promise<Rule> {
  const forced: number[] = [];
  let allowed = await matcher.getNextTokenBitmask();
  let certain = tokens.areLongest ? await certainBytes(matcher, tokens, allowed) : 0;
  while (forced.length < mostAhead) {
    const token = tokens.only(allowed, certain);
    if (token === undefined || banned.has(token) || !matcher.acceptToken(token)) break;
    forced.push(token);
    certain = Math.max(0, certain - tokens.lengthOf(token));
    allowed = await matcher.getNextTokenBitmask();
  }
  return { forced, allowed };
}

// How many bytes must come next, whatever tokens they come in.
async function certainBytes(matcher: LibraryMatcher, tokens: TokenBytes, allowed: Allowed): Promise<number> {
  let count = 0;
  for (let mask = allowed; count < mostAhead; count++) {
    const byte = tokens.commonByte(mask);
    const token = byte === undefined ? undefined : tokens.ofByte.get(byte);
    if (token === undefined || !matcher.acceptToken(token)) break;
    mask = await matcher.getNextTokenBitmask();
  }
  if (count > 0) matcher.rollBack(count);
  return count;
}

function* tokensIn(allowed: Allowed): Generator<number, void, undefined> {
  for (const [i, word] of allowed.entries())
    for (let left = word; left !== 0; left &= left - 1) yield 32 * i + 31 - Math.clz32(left & -left);
}
