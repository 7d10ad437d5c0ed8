// Undo and redo of a text that is written by two: typing that follows closely is one step, a continuation is one.

export interface Moment {
  readonly text: string;
  readonly caret: number;
}

/** Typing within so many ms is one step. */
const oneBurst = 700;
const longest = 200;

export class History<Kept extends Moment = Moment> {
  readonly #past: Kept[] = [];
  readonly #future: Kept[] = [];
  #lastTyped = -Infinity;

  /** Takes note of what was there before a change. */
  before(moment: Kept): void {
    this.#lastTyped = -Infinity;
    this.#push(moment);
  }

  /** Takes note of what was there before a letter was typed at `at` (ms). */
  beforeTyping(moment: Kept, at: number): void {
    const isBurst = at - this.#lastTyped < oneBurst;
    if (!isBurst) this.#push(moment);
    this.#lastTyped = at;
    this.#future.length = 0;
  }

  undo(now: Kept): Kept | undefined {
    return this.#move(this.#past, this.#future, now);
  }

  redo(now: Kept): Kept | undefined {
    return this.#move(this.#future, this.#past, now);
  }

  #push(moment: Kept): void {
    this.#future.length = 0;
    if (this.#past.at(-1)?.text === moment.text) return;
    this.#past.push(moment);
    if (this.#past.length > longest) this.#past.shift();
  }

  #move(from: Kept[], to: Kept[], now: Kept): Kept | undefined {
    this.#lastTyped = -Infinity;
    let moment = from.pop();
    if (moment?.text === now.text) moment = from.pop();
    if (moment) to.push(now);
    return moment;
  }
}
