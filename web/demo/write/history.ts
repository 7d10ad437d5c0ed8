// Undo and redo of a text that is written by two: typing that follows closely is one step, a continuation is one.

export interface Moment {
  readonly text: string;
  readonly caret: number;
}

/** Typing within so many ms is one step. */
const oneBurst = 700;
const longest = 200;

export class History {
  readonly #past: Moment[] = [];
  readonly #future: Moment[] = [];
  #lastTyped = -Infinity;

  /** Takes note of what was there before a change. */
  before(moment: Moment): void {
    this.#lastTyped = -Infinity;
    this.#push(moment);
  }

  /** Takes note of what was there before a letter was typed at `at` (ms). */
  beforeTyping(moment: Moment, at: number): void {
    const isBurst = at - this.#lastTyped < oneBurst;
    if (!isBurst) this.#push(moment);
    this.#lastTyped = at;
    this.#future.length = 0;
  }

  undo(now: Moment): Moment | undefined {
    return this.#move(this.#past, this.#future, now);
  }

  redo(now: Moment): Moment | undefined {
    return this.#move(this.#future, this.#past, now);
  }

  #push(moment: Moment): void {
    this.#future.length = 0;
    if (this.#past.at(-1)?.text === moment.text) return;
    this.#past.push(moment);
    if (this.#past.length > longest) this.#past.shift();
  }

  #move(from: Moment[], to: Moment[], now: Moment): Moment | undefined {
    this.#lastTyped = -Infinity;
    let moment = from.pop();
    if (moment?.text === now.text) moment = from.pop();
    if (moment) to.push(now);
    return moment;
  }
}
