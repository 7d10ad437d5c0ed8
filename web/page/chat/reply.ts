// A reply as it comes, divided into what a G1 model thinks and what it answers, without the blanks that come before either.

/** What a piece of a reply adds. */
export interface ReplyPart {
  readonly thinking: string;
  readonly answer: string;
}

const thoughtBegins = '<think>';
const thoughtEnds = '</think>';

type Where =
  /** Before anything that counts: the reply may begin with a thought. */
  | 'beginning'
  /** Within a mark that the prompt has begun: its `>` is still to come. */
  | 'thought mark'
  | 'answer mark'
  | 'thought'
  | 'answer';

export class ReplyReader {
  #where: Where;
  readonly #isPlain: boolean;
  /** Text that may become a mark, or blanks before the first letter. */
  #held = '';
  #hasText = false;

  /**
   * @param prompt - what the reply follows
   * @param kind - `'plain'` text is delivered as it is; a `'thinker'` may begin with a thought
   */
  constructor(prompt: string, kind: 'plain' | 'talker' | 'thinker') {
    this.#isPlain = kind === 'plain';
    this.#where = whereBehind(prompt, kind === 'thinker');
  }

  /** Whether the model still thinks. */
  get isThinking(): boolean {
    return this.#where === 'thought' || this.#where === 'thought mark';
  }

  push(text: string): ReplyPart {
    if (this.#isPlain) return { thinking: '', answer: text };
    this.#held += text;
    if (this.#where === 'beginning' && !this.#begin()) return nothing;
    if (this.#where === 'thought mark' || this.#where === 'answer mark') {
      if (this.#held === '') return nothing;
      this.#held = this.#held.replace(/^>/, '');
      this.#enter(this.#where === 'thought mark' ? 'thought' : 'answer');
    }
    if (this.#where === 'answer') return { thinking: '', answer: this.#take(this.#held.length) };
    const end = this.#held.indexOf(thoughtEnds);
    if (end < 0) return { thinking: this.#take(this.#held.length - partOf(this.#held)), answer: '' };
    const thinking = this.#take(end);
    this.#held = this.#held.trimStart().slice(thoughtEnds.length);
    this.#enter('answer');
    return { thinking, answer: this.#take(this.#held.length) };
  }

  /** What is held back, when nothing more comes. */
  rest(): ReplyPart {
    const held = this.#held.trimStart();
    this.#held = '';
    return this.isThinking ? { thinking: held, answer: '' } : { thinking: '', answer: held };
  }

  // False while it may still be the mark of a thought.
  #begin(): boolean {
    const text = this.#held.trimStart();
    if (text === '' || (text.length < thoughtBegins.length && thoughtBegins.startsWith(text))) return false;
    const isThought = text.startsWith(thoughtBegins);
    if (isThought) this.#held = text.slice(thoughtBegins.length);
    this.#enter(isThought ? 'thought' : 'answer');
    return true;
  }

  #enter(where: Where): void {
    this.#where = where;
    this.#hasText = false;
  }

  // The first `length` letters of what is held, less blanks that come before any text.
  #take(length: number): string {
    const taken = this.#held.slice(0, length);
    const text = this.#hasText ? taken : taken.trimStart();
    this.#held = this.#hasText || text !== '' ? this.#held.slice(length) : this.#held;
    this.#hasText ||= text !== '';
    return text;
  }
}

const nothing: ReplyPart = { thinking: '', answer: '' };

function whereBehind(prompt: string, mayThink: boolean): Where {
  if (prompt.endsWith('</think')) return 'answer mark';
  if (prompt.endsWith('<think')) return 'thought mark';
  return mayThink ? 'beginning' : 'answer';
}

// The length of the longest end of `text` that may become the end of a thought.
function partOf(text: string): number {
  let length = Math.min(text.length, thoughtEnds.length - 1);
  while (length > 0 && !thoughtEnds.startsWith(text.slice(text.length - length))) length--;
  return length;
}
