// Chance that a seed repeats, for long runs and fuzzing: mulberry32.
export class Random {
  #state;

  constructor(seed) {
    this.#state = seed >>> 0;
  }

  /** At least 0, below 1. */
  fraction() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let bits = this.#state;
    bits = Math.imul(bits ^ (bits >>> 15), bits | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  }

  /** An integer, at least 0 and below `end`. */
  below(end) {
    return Math.floor(this.fraction() * end);
  }

  /** One of a list. */
  of(list) {
    return list[this.below(list.length)];
  }
}
