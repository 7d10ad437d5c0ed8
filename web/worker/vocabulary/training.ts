// A vocabulary made of texts, for the tokenizer of RWKV World, which takes the longest token that fits: all bytes, and the pieces of words
// that spare most tokens. Grown from pairs of tokens that come often, and pruned of what is used least; as the tokenizer itself would read.
import { RwkvError } from '../../shared/errors.js';
import { Trie } from './trie.js';
import { worldFile } from './world-file.js';

// Words with the blank before them, their endings behind an apostrophe, digits, marks, and white space: no token reaches over the border of two.
const pieces =
  /\n{1,8}|(?<=\p{L})['’]\p{L}{1,3}(?!\p{L})| ?[\p{L}\p{M}]{1,24}| ?\p{N}| ?[^\s\p{L}\p{M}\p{N}\0]{1,8}|\s/gu;
const manyKinds = 2 ** 21; // of pieces
const bytes = 256;
const surplus = 1.5; // tokens grown for each that stays
const rounds = 24; // of growing; the fewer, the more of what grows is of no use

/** Counts what texts are made of. */
export class VocabularyTraining {
  readonly #counts = new Map<string, number>();
  #most = manyKinds;

  add(text: string): void {
    for (const [piece] of text.matchAll(pieces)) {
      this.#counts.set(piece, (this.#counts.get(piece) ?? 0) + 1);
      if (this.#counts.size > this.#most) this.#forgetRare();
    }
  }

  #forgetRare(): void {
    for (const [piece, count] of this.#counts) if (count === 1) this.#counts.delete(piece);
    this.#most = Math.max(manyKinds, 2 * this.#counts.size);
  }

  /**
   * A vocabulary file of so many ids, 0 among them, which has no text. The same texts in the same order give the same file.
   *
   * @throws RwkvError `invalid-argument` where nothing more comes twice
   */
  finish(size: number): string {
    const words = [...this.#counts].map(([piece, count]) => ({ word: spell(piece), count }));
    const tokens = new Trie();
    for (let byte = 0; byte < bytes; byte++) tokens.add(String.fromCharCode(byte));
    const wanted = size - 1 - bytes;
    grow(tokens, words, wanted);
    const found = tokens.size - bytes;
    if (found < wanted) {
      const most = `at most ${found + 1 + bytes}, as these texts have no more pieces that come twice`;
      throw new RwkvError('invalid-argument', `option size: expected ${most}; found ${size}`);
    }
    prune(tokens, words, wanted);
    return worldFile([...tokens].sort((a, b) => a.length - b.length || (a < b ? -1 : 1)));
  }
}

interface Counted {
  /** A character a byte. */
  readonly word: string;
  readonly count: number;
}

/** UTF-8, a character a byte. */
const spell = (text: string) => String.fromCharCode(...new TextEncoder().encode(text));

// The pairs that come most often become tokens, some in each round.
function grow(tokens: Trie, words: readonly Counted[], wanted: number): void {
  const goal = bytes + Math.ceil(surplus * wanted);
  const most = Math.ceil((goal - bytes) / rounds);
  while (tokens.size < goal) {
    const pairs = new Map<string, number>();
    for (const { word, count } of words) {
      let last = '';
      for (const token of tokens.read(word)) {
        if (last !== '') pairs.set(last + token, (pairs.get(last + token) ?? 0) + count);
        last = token;
      }
    }
    const often = [...pairs].filter(([pair, count]) => count > 1 && !tokens.has(pair)).sort(byCount);
    if (often.length === 0) return;
    for (const [pair] of often.slice(-Math.min(most, goal - tokens.size))) tokens.add(pair);
  }
}

// What spares the fewest tokens goes, a quarter of what is too many in each round.
function prune(tokens: Trie, words: readonly Counted[], wanted: number): void {
  while (tokens.size > bytes + wanted) {
    const uses = new Map<string, number>();
    for (const { word, count } of words)
      for (const token of tokens.read(word)) uses.set(token, (uses.get(token) ?? 0) + count);
    const spared = [...tokens]
      .filter((token) => token.length > 1)
      .map((token): [string, number] => {
        tokens.delete(token);
        const parts = [...tokens.read(token)].length;
        tokens.add(token);
        return [token, (uses.get(token) ?? 0) * (parts - 1)];
      })
      .sort(byCount);
    const tooMany = tokens.size - bytes - wanted;
    for (const [token] of spared.slice(0, Math.max(Math.ceil(tooMany / 4), Math.min(tooMany, 16))))
      tokens.delete(token);
  }
}

const byCount = ([a, x]: readonly [string, number], [b, y]: readonly [string, number]) =>
  x - y || (a < b ? -1 : a > b ? 1 : 0);
