/**
 * Stop sequences (stopping criteria).
 * Ends a stream of text where a stop text begins, also one that comes in pieces: what may still become one is held back.
 */
export class StopTexts {
  readonly #stops: readonly string[];
  #held = '';

  constructor(stops: readonly string[]) {
    this.#stops = stops;
  }

  /** Takes some text; gives what is certain to stay, and the stop text that ends it and what is behind, if one does. */
  push(text: string): { text: string; stop?: string; behind?: string } {
    const all = this.#held + text;
    const found = this.#stops
      .map((stop) => ({ stop, at: all.indexOf(stop) }))
      .filter(({ at }) => at >= 0)
      .sort((a, b) => a.at - b.at || b.stop.length - a.stop.length)[0];
    if (found) {
      this.#held = '';
      const { stop, at } = found;
      return { text: all.slice(0, at), stop, behind: all.slice(at + stop.length) };
    }
    const keep = Math.max(0, ...this.#stops.map((stop) => beginning(all, stop)));
    this.#held = all.slice(all.length - keep);
    return { text: all.slice(0, all.length - keep) };
  }

  get isHolding(): boolean {
    return this.#held !== '';
  }

  /** What is held back, when nothing more comes. */
  rest(): string {
    const held = this.#held;
    this.#held = '';
    return held;
  }
}

// The length of the longest end of `text` with which `stop` begins.
function beginning(text: string, stop: string): number {
  let length = Math.min(text.length, stop.length - 1);
  while (length > 0 && !stop.startsWith(text.slice(text.length - length))) length--;
  return length;
}
