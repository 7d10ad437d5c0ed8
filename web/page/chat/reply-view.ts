// What a chat model's text is shown as.

/** Shows a reply without what belongs to the template: the blank behind `Assistant:`, the end of an empty thought. */
export class ReplyView {
  readonly #before: string;
  readonly #hiding: RegExp;
  #hidden = '';
  #isShown = false;

  /**
   * @param before - what the prompt holds of the reply, shown in front of it
   * @param hiding - what is not shown of its beginning; matches from the start on, also nothing
   */
  constructor(before: string, hiding: RegExp) {
    this.#before = before;
    this.#hiding = hiding;
  }

  /** What is shown of the next piece. */
  shown(text: string): string {
    if (this.#isShown) return text;
    const start = this.#hidden + text;
    const rest = start.replace(this.#hiding, '');
    this.#hidden = start.slice(0, start.length - rest.length);
    this.#isShown = rest !== '';
    return this.#isShown ? this.#before + rest : '';
  }

  /** What was generated, where so much of it was shown. */
  generated(shown: string): string {
    return this.#hidden + shown.slice(this.#before.length);
  }
}
