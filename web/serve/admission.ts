// How many requests may be here at once: each waits for its turn with its body in memory, and memory has an end.

/** What may be here at once. */
export interface Limits {
  readonly requests: number;
  /** Of bodies. */
  readonly bytes: number;
}

/** Admits requests as long as there is room. */
export class Admission {
  readonly #most: Limits;
  #requests = 0;
  #bytes = 0;

  constructor(most: Limits) {
    this.#most = most;
  }

  /**
   * @param bytes - of its body, at most
   * @returns what to call when it has ended, once; `undefined`: there is no room
   */
  enter(bytes: number): (() => void) | undefined {
    const isFirst = this.#requests === 0; // whatever its size
    const fits = this.#requests < this.#most.requests && this.#bytes + bytes <= this.#most.bytes;
    if (!fits && !isFirst) return undefined;
    this.#requests++;
    this.#bytes += bytes;
    return () => {
      this.#requests--;
      this.#bytes -= bytes;
    };
  }
}
