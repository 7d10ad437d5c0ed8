// The text of a choice as its reader gets it: a chat's reply without what only the template needs.
import { StopTexts } from '../../page/stop-texts.js';

/** How a text begins and ends. Nothing of it: it is told as it comes. */
export interface ReplyForm {
  /** White space before the first visible character is left out, and no end counts there. */
  readonly isTrimmed: boolean;
  /** Left out where the text begins with it. */
  readonly omitted: string;
  /** Comes before the text. */
  readonly opening: string;
  /** Texts that end it and are not part of it. */
  readonly ends: readonly string[];
}

export const plainForm: ReplyForm = { isTrimmed: false, omitted: '', opening: '', ends: [] };

/**
 * The form of a reply to a prompt that the template ended. The last `>` of an opened or empty thought is the model's to write;
 * what it thinks is told as it writes it, between `<think>` and `</think>`. A reply that the caller began just goes on.
 */
export function replyForm(prompt: string, ends: readonly string[], isBegun: boolean): ReplyForm {
  if (isBegun) return { ...plainForm, ends };
  const isEmptyThought = prompt.endsWith('</think');
  const isThought = !isEmptyThought && prompt.endsWith('<think');
  return {
    isTrimmed: true,
    omitted: isEmptyThought ? '>' : '',
    opening: isThought ? '<think' : '',
    ends,
  };
}

export class ReplyText {
  readonly #form: ReplyForm;
  readonly #ends: StopTexts;
  #head = '';
  #hasBegun: boolean;

  constructor(form: ReplyForm) {
    this.#form = form;
    this.#ends = new StopTexts(form.ends);
    this.#hasBegun = !form.isTrimmed;
  }

  /** Takes some text; gives what is to be told of it, and whether the text has ended. */
  push(text: string): { text: string; hasEnded: boolean } {
    const told = this.#hasBegun ? text : this.#begin(text);
    const { text: certain, stop } = this.#ends.push(told);
    return { text: certain, hasEnded: stop !== undefined };
  }

  /** What is held back, when nothing more comes. */
  rest(): string {
    return this.#ends.rest();
  }

  #begin(text: string): string {
    const { omitted, opening } = this.#form;
    this.#head += text;
    const head = this.#head.startsWith(omitted) ? this.#head.slice(omitted.length) : this.#head;
    const visible = head.trimStart();
    if (visible === '') return '';
    this.#hasBegun = true;
    return opening + visible;
  }
}
