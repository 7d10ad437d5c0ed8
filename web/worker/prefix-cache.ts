// The prefix cache (prompt cache): states of prompts that were read before, for prompts that begin alike.

import { type Result, unwrap } from './module.js';

/** Shorter texts are read as fast as they are kept. */
export const leastKept = 16;
/** Longer ones would be looked through for too long. */
export const mostKept = 16384;

interface Kept<S> {
  readonly tokens: Int32Array;
  /** Has read `tokens`, from a fresh state, and nothing else. */
  readonly session: S;
  /** Whether it knows what comes after them: not where it had more to read. */
  readonly isReady: boolean;
}

interface Session {
  pending(): number;
  delete(): void;
}

/** So many bytes of sessions with what they have read; those that were not used for longest leave first. */
export class PrefixCache<S extends Session> {
  readonly #limit: number;
  readonly #sessionBytes: number;
  #bytes = 0;
  /** The least recently used first. */
  readonly #kept: Kept<S>[] = [];

  constructor(limit: number, sessionBytes: number) {
    this.#limit = limit;
    this.#sessionBytes = sessionBytes;
  }

  /** The longest text that `tokens` begin with, and after which either they or the session go on. */
  find(tokens: ArrayLike<number>): Kept<S> | undefined {
    let longest: Kept<S> | undefined;
    const goesOn = (kept: Kept<S>) => kept.isReady || kept.tokens.length < tokens.length;
    for (const kept of this.#kept) {
      const { length } = kept.tokens;
      const isLonger = length > (longest?.tokens.length ?? 0);
      if (isLonger && goesOn(kept) && common(kept.tokens, tokens) === length) longest = kept;
    }
    if (longest) this.#kept.push(...this.#kept.splice(this.#kept.indexOf(longest), 1));
    return longest;
  }

  /** How many tokens `tokens` have in common with a text that is kept, at most. */
  shared(tokens: ArrayLike<number>): number {
    return this.#kept.reduce((most, kept) => Math.max(most, common(kept.tokens, tokens)), 0);
  }

  /** Whether texts of so many tokens are kept: not where they are too short, too long or too large. */
  keeps(length: number): boolean {
    return length >= leastKept && length <= mostKept && this.#bytesOf(length) <= this.#limit;
  }

  /**
   * What `attempt` gives. Where there is no memory for it, what is kept gives way.
   *
   * @throws RwkvError as the core says it
   */
  makeRoom<T>(attempt: () => Result<T>): T {
    let result = attempt();
    while ('error' in result && result.error.code === 'out-of-memory' && this.#drop()) result = attempt();
    return unwrap(result);
  }

  /** Keeps what `make` gives, unless there is one already, such texts are not kept or there is no memory. */
  add(text: ArrayLike<number>, make: () => Result<S>): boolean {
    if (!this.keeps(text.length)) return false;
    const bytes = this.#bytesOf(text.length);
    if (this.find(text)?.tokens.length === text.length) return false;
    while (this.#bytes + bytes > this.#limit) this.#drop();
    const made = make();
    if ('error' in made) return false;
    const session = made.value;
    this.#kept.push({ tokens: Int32Array.from(text), session, isReady: session.pending() === 0 });
    this.#bytes += bytes;
    return true;
  }

  /** Keeps nothing any more. */
  clear(): void {
    while (this.#drop());
  }

  #drop(): boolean {
    const kept = this.#kept.shift();
    if (!kept) return false;
    this.#bytes -= this.#bytesOf(kept.tokens.length);
    kept.session.delete();
    return true;
  }

  #bytesOf(tokens: number): number {
    return this.#sessionBytes + 4 * tokens;
  }
}

function common(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const most = Math.min(a.length, b.length);
  let i = 0;
  while (i < most && a[i] === b[i]) i++;
  return i;
}
