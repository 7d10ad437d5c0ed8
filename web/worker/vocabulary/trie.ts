// Tokens, found by the longest that fits. A token is a text of a character a byte.

export class Trie {
  readonly #tokens = new Set<string>();
  /** The node behind a node and a byte, 256 node + byte. Node 0 is the root. */
  readonly #next = new Map<number, number>();
  /** Of each node, the token that ends there. */
  readonly #ends: (string | undefined)[] = [undefined];

  get size(): number {
    return this.#tokens.size;
  }

  has(token: string): boolean {
    return this.#tokens.has(token);
  }

  /** REQUIRES: a token that is not empty. */
  add(token: string): void {
    this.#tokens.add(token);
    let node = 0;
    for (let i = 0; i < token.length; i++) {
      const edge = 256 * node + token.charCodeAt(i);
      let next = this.#next.get(edge);
      if (next === undefined) {
        next = this.#ends.push(undefined) - 1;
        this.#next.set(edge, next);
      }
      node = next;
    }
    this.#ends[node] = token;
  }

  /** Its nodes stay: another token may come by. */
  delete(token: string): void {
    if (!this.#tokens.delete(token)) return;
    let node = 0;
    for (let i = 0; i < token.length; i++) node = this.#next.get(256 * node + token.charCodeAt(i)) ?? 0;
    this.#ends[node] = undefined;
  }

  /** The tokens of a text, each the longest that fits. REQUIRES: each byte of it is a token. */
  *read(text: string): Generator<string, void, undefined> {
    for (let at = 0; at < text.length; ) {
      let longest = '';
      let node: number | undefined = 0;
      for (let i = at; i < text.length; i++) {
        node = this.#next.get(256 * node + text.charCodeAt(i));
        if (node === undefined) break;
        longest = this.#ends[node] ?? longest;
      }
      yield longest;
      at += longest.length;
    }
  }

  [Symbol.iterator](): Iterator<string> {
    return this.#tokens.values();
  }
}
