// Words that do not fit into the line of a terminal go to the next one.

/** Characters two columns wide, as terminals show them: most of East Asia's, and emoji. */
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;

/** A text that comes in pieces, broken between words. A word is held until it ends, for where it stands follows from its length. */
export class Wrapping {
  readonly #columns: () => number;
  #column = 0;
  #blank = '';
  #word = '';

  /** `columns`: of the terminal, which may change. */
  constructor(columns: () => number) {
    this.#columns = columns;
  }

  /** What can be written now. */
  push(piece: string): string {
    let out = '';
    for (const character of piece) {
      if (character === '\n') {
        out += `${this.rest()}\n`;
        this.#column = 0;
      } else if (/\s/.test(character)) {
        if (this.#word !== '') out += this.rest();
        this.#blank += character;
      } else {
        if (wide.test(character)) out += this.rest(); // such scripts break anywhere
        this.#word += character;
        if (wide.test(character)) out += this.rest();
      }
    }
    return out;
  }

  /** The word that is held; at the end, the rest. */
  rest(): string {
    const [blank, word] = [this.#blank, this.#word];
    this.#blank = this.#word = '';
    const width = widthOf(word);
    const needed = this.#column + widthOf(blank) + width;
    if (word !== '' && this.#column > 0 && needed > this.#columns()) {
      this.#column = width;
      return `\n${word}`;
    }
    this.#column = needed;
    return blank + word;
  }
}

function widthOf(text: string): number {
  let width = 0;
  for (const character of text) width += wide.test(character) ? 2 : 1;
  return width;
}
