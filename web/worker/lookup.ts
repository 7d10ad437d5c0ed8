// Prompt lookup decoding: what comes next is often what came behind the same words before.

/** So many tokens that are the same as before let expect that the next one is too. */
const context = 3;
/** Of a text so much is remembered at most, then it begins anew. */
const mostKept = 16384;
/** Guesses are made where they promise to be so many times as fast: they are not as good as they were, and cost more than a pass tells. */
const leastGain = 1.25;
/** How fast old guesses are forgotten: one in so many counts. */
const memory = 12;

/** What guesses cost. */
export interface GuessCost {
  /** Most of them. */
  readonly most: number;
  /** What reading one token more adds to a pass, as a share of the pass. */
  readonly share: number;
}

/** Guesses how a text goes on, and how many of its guesses pay. */
export class Lookup {
  readonly #vocabulary: number;
  #tokens: number[] = [];
  /** Where the text went on behind the last such tokens. */
  #places = new Map<number, number>();
  /** Where what comes next may have come before. */
  #place: number | undefined;
  /** How often the token there was the next one, lately. */
  #rate = 0.5;

  constructor(vocabulary: number) {
    this.#vocabulary = vocabulary;
  }

  fork(): Lookup {
    const copy = new Lookup(this.#vocabulary);
    copy.#tokens = this.#tokens.slice();
    copy.#places = new Map(this.#places);
    copy.#place = this.#place;
    copy.#rate = this.#rate;
    return copy;
  }

  /** Hears how the text went on. */
  add(token: number): void {
    const tokens = this.#tokens;
    const isRight = this.#place !== undefined && tokens[this.#place] === token;
    if (this.#place !== undefined) this.#rate += (Number(isRight) - this.#rate) / memory;
    if (tokens.length === mostKept) {
      tokens.length = 0;
      this.#places.clear();
      this.#place = undefined;
    }
    tokens.push(token);
    let key = 0;
    for (const one of tokens.slice(-context)) key = key * this.#vocabulary + one;
    const found = tokens.length < context ? undefined : this.#places.get(key);
    this.#place = isRight && this.#place !== undefined ? this.#place + 1 : found;
    this.#places.set(key, tokens.length);
  }

  /**
   * What may come next, as much as it pays to read: with n guesses, each right with probability p, a pass gives 1 + p + ... + p^n tokens, and
   * costs 1 + n share, and what was right before a wrong one is read once more. What repeats what has just come goes round and round.
   */
  guesses({ most, share }: GuessCost): number[] {
    if (this.#place === undefined) return [];
    const next = this.#tokens.slice(this.#place, this.#place + most);
    const p = this.#rate;
    let [best, bestPace, right, again] = [0, leastGain, 1, 0];
    for (let n = 1; n <= most; n++) {
      again += p ** (n - 1) * (1 - p) * (n - 1); // tokens, where the n-th is the first that is wrong
      right += p ** n;
      const pace = right / (1 + share * (n + again));
      if (pace > bestPace) [best, bestPace] = [n, pace];
    }
    return Array.from({ length: best }, (_, i) => next[i % next.length] ?? 0);
  }
}
