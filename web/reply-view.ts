// What a chat model's text is shown as.

/** Shows a reply without what belongs to the template: the blank behind `Assistant:`, the end of an empty thought. */
export class ReplyView {
  readonly #before: string;
  readonly #hidden: RegExp;
  #start: string | undefined = '';

  /**
   * @param before - what the prompt holds of the reply, shown in front of it
   * @param hidden - what is not shown of its beginning; matches from the start on, also nothing
   */
  constructor(before: string, hidden: RegExp) {
    this.#before = before;
    this.#hidden = hidden;
  }

  /** What is shown of the next piece. */
  shown(text: string): string {
    if (this.#start === undefined) return text;
    this.#start += text;
    const rest = this.#start.replace(this.#hidden, '');
    if (rest === '') return '';
    this.#start = undefined;
    return this.#before + rest;
  }
}
