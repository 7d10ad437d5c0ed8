// A reply as it comes: what of it is shown, and what of it is thought and what answer.
import { StopTexts } from '../stop-texts.js';
import type { Template } from './template.js';

const thoughtBegins = '<think>';
const thoughtEnds = '</think>';
/** Openings that leave the last `>` of a mark to the model: of the first, and of either. */
const endsInThought = /<think$/;
const endsInMark = /<\/?think$/;

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

/** The view of a reply behind what the template wrote of it; `undefined`: nothing, it is shown as it comes. */
export function viewBehind(opening: string | undefined): ReplyView {
  if (opening === undefined) return new ReplyView('', /^/);
  return endsInThought.test(opening) ? new ReplyView('<think', /^/) : new ReplyView('', blanks(opening));
}

/** What divides a text from what the template wrote before it; `undefined`: the caller has begun the reply. */
export function blankBehind(opening: string | undefined): string {
  if (opening === undefined) return '\n';
  return endsInMark.test(opening) ? '>\n' : ' ';
}

/** Whether a reply behind this opening begins with a thought. */
export function beginsThought(opening: string): boolean {
  return endsInThought.test(opening);
}

// What comes before a text behind an opening.
function blanks(opening: string): RegExp {
  return endsInMark.test(opening) ? /^>?\s*/ : /^\s*/;
}

/** What a piece of a reply adds. */
export interface ReplyPart {
  readonly thinking: string;
  readonly answer: string;
}

/** Divides a reply into what a G1 model thinks and what it answers, without the blanks that come before either. */
export class ReplyReader {
  readonly #thought = new StopTexts([thoughtEnds]);
  #isThinking: boolean;
  #view: ReplyView;
  /** The beginning, as long as it may become a thought's; `undefined`: it has become clear. */
  #beginning: string | undefined;

  /**
   * @param opening - what the reply follows, or all of the prompt
   * @param template - replies of `'none'` are delivered as they are; those of `'g1'` may begin with a thought
   */
  constructor(opening: string, template: Template) {
    const mayThink = template === 'g1';
    this.#isThinking = mayThink && endsInThought.test(opening);
    this.#beginning = mayThink && !endsInMark.test(opening) ? '' : undefined;
    this.#view = new ReplyView('', template === 'none' ? /^/ : blanks(opening));
  }

  push(text: string): ReplyPart {
    const known = this.#begun(text);
    if (!this.#isThinking) return this.#part(known);
    const { text: thought, behind } = this.#thought.push(known);
    const { thinking } = this.#part(thought);
    if (behind === undefined) return { thinking, answer: '' };
    this.#isThinking = false;
    this.#view = new ReplyView('', /^\s*/);
    return { thinking, answer: this.#view.shown(behind) };
  }

  /** What is held back, when nothing more comes. */
  rest(): ReplyPart {
    const held = this.#beginning ?? this.#thought.rest();
    if (this.#beginning !== undefined) this.#beginning = '';
    return this.#part(held);
  }

  #part(text: string): ReplyPart {
    const shown = this.#view.shown(text);
    return this.#isThinking ? { thinking: shown, answer: '' } : { thinking: '', answer: shown };
  }

  // Takes the mark of a thought of the model's own from the beginning.
  #begun(text: string): string {
    if (this.#beginning === undefined) return text;
    const all = (this.#beginning + text).trimStart();
    this.#beginning = thoughtBegins.startsWith(all) && all !== thoughtBegins ? all : undefined;
    if (this.#beginning !== undefined) return '';
    this.#isThinking = all.startsWith(thoughtBegins);
    return this.#isThinking ? all.slice(thoughtBegins.length) : all;
  }
}

/** A reply in two. */
export interface SplitReply {
  /** What the model thought; empty where it did not. */
  readonly thinking: string;
  /** What it answers; empty while it still thinks. */
  readonly answer: string;
}

/**
 * A reply of a G1 model, divided into what it thought and what it answers. Takes the text that `session.chat` delivers, or that
 * of a completion which began behind `<think`.
 */
export function splitThinking(reply: string): SplitReply {
  const text = reply.trimStart();
  const isWhole = text.startsWith(thoughtBegins) || !(text.startsWith('>') || text.includes(thoughtEnds));
  const reader = new ReplyReader(isWhole ? '' : '<think', 'g1');
  const parts = [reader.push(text), reader.rest()];
  const joined = (name: keyof ReplyPart) =>
    parts
      .map((part) => part[name])
      .join('')
      .trim();
  return { thinking: joined('thinking'), answer: joined('answer') };
}
