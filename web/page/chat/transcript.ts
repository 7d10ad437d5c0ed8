// Conversations written in a template: whole, or in the pieces that they grow by.
import { optionsOf } from '../rules.js';
import { type ChatMessage, checkMessages, textOf } from './messages.js';
import { beginsThought } from './reply.js';
import {
  type ChatFormat,
  chatTemplates,
  checkFormat,
  type Form,
  formOf,
  type Template,
  type TranscriptFormat,
  templateFor,
} from './template.js';

/** A conversation as text. */
export interface RenderedChat {
  /** Ends where the reply begins: without a blank behind it, which belongs to the reply's first token. */
  readonly prompt: string;
  /** Texts that end the reply and are not part of it. */
  readonly stop: string[];
}

/** A conversation as text, and how the reply to it is read. */
export interface Written {
  readonly prompt: string;
  /** Texts that end the reply. None where a grammar rules it: it ends by its rules. */
  readonly stops: readonly string[];
  /** What the template wrote behind `Assistant:`; `undefined`: the caller has begun the reply. */
  readonly opening: string | undefined;
  /** Whether the reply begins with a thought; it comes before what a grammar rules. */
  readonly isThinking: boolean;
}

/** What divides turns. */
export const turnBorder = '\n\n';

const speakers: Readonly<Record<ChatMessage['role'], string>> = {
  system: 'System:',
  user: 'User:',
  assistant: 'Assistant:',
};

export class Transcript {
  readonly template: Template;
  readonly #form: Form;
  /** Whether replies begin with a thought. */
  readonly #isThinking: boolean;

  /**
   * @param model - the model's name, which tells the template where none is given
   * @throws RwkvError `invalid-argument`
   */
  constructor({ template, think }: TranscriptFormat, model = '') {
    this.template = template ?? templateFor({ name: model });
    this.#form = formOf(this.template, think);
    this.#isThinking = beginsThought(this.#form.opening);
  }

  /** Texts that end a reply. */
  get stops(): readonly string[] {
    return this.#form.stops;
  }

  /** Whether texts just follow each other. */
  get isPlain(): boolean {
    return this.template === 'none';
  }

  /** A whole conversation. A last message of the assistant is the beginning of its reply. */
  written(messages: readonly ChatMessage[], isStructured = false): Written {
    const last = messages.at(-1);
    const prefix = last?.role === 'assistant' ? last : undefined;
    const closed = this.closed(prefix ? messages.slice(0, -1) : messages, isStructured);
    const opening = prefix || this.isPlain ? undefined : this.#opening(isStructured);
    return {
      prompt: closed + this.begun(prefix && textOf(prefix), isStructured),
      stops: isStructured ? [] : this.stops,
      opening,
      isThinking: opening !== undefined && beginsThought(opening),
    };
  }

  /** Turns that are over. What follows them begins a turn. */
  closed(turns: readonly ChatMessage[], isStructured = false): string {
    const lastUser = turns.findLastIndex(({ role }) => role === 'user');
    const request = this.#asks(isStructured) ? this.#form.request : '';
    return turns
      .map((turn, i) => {
        if (!this.isPlain) return this.#turn(turn, i === lastUser ? request : '') + turnBorder;
        return textOf(turn) + (turn.role === 'system' ? turnBorder : '');
      })
      .join('');
  }

  /**
   * The beginning of a reply.
   *
   * @param prefix - what the reply goes on from; `undefined`: it begins anew
   * @param isStructured - whether a grammar rules the reply: then only a thought that was asked for comes before it
   */
  begun(prefix: string | undefined, isStructured = false): string {
    if (this.isPlain) return prefix ?? '';
    if (prefix === undefined) return speakers.assistant + this.#opening(isStructured);
    return this.#turn({ role: 'assistant', content: prefix }, '');
  }

  /** A reply that is over, behind its opening: `prefix` and what was generated behind it, without thoughts. */
  replied(prefix: string, reply: string): string {
    return this.isPlain ? prefix + reply : this.closed([{ role: 'assistant', content: prefix + reply }]);
  }

  #opening(isStructured: boolean): string {
    return this.#asks(isStructured) ? this.#form.opening : '';
  }

  // An empty thought is for texts alone: what a grammar rules begins at once.
  #asks(isStructured: boolean): boolean {
    return !isStructured || this.#isThinking;
  }

  // A blank line within a turn would look like its end.
  #turn(message: ChatMessage, request: string): string {
    const text = textOf(message).replaceAll('\r\n', '\n').trim();
    const isKept = message.role === 'assistant' && this.#form.keepsBlankLines;
    const said = (isKept ? text : text.replace(/\n{2,}/g, '\n')) + request;
    return said === '' ? speakers[message.role] : `${speakers[message.role]} ${said}`;
  }
}

/** A conversation turn by turn, checked. @throws RwkvError `invalid-argument`, naming the message or the option */
export function render(messages: readonly ChatMessage[], format: ChatFormat, isStructured = false): Written {
  checkFormat(format, chatTemplates);
  const transcript = new Transcript(format);
  checkMessages(messages);
  return transcript.written(messages, isStructured);
}

/**
 * The text of a conversation: turns such as `User: Hello`, divided by blank lines, and `Assistant:` to be answered. A last
 * message of the assistant is the beginning of its reply, which goes on there.
 *
 * Line ends become `\n`, texts are trimmed, and blank lines within a turn become line breaks: a blank line would look like the
 * turn's end. Only replies of G1 models keep theirs.
 *
 * The forms are those of the authors' own files: RWKV7-G1x-templates.txt in BlinkDL's RWKV-LM and API_DEMO_CHAT.py in ChatRWKV.
 *
 * @throws RwkvError `invalid-argument`, naming the message or the option
 */
export function renderChat(messages: readonly ChatMessage[], options: ChatFormat = {}): RenderedChat {
  const { prompt, stops } = render(messages, optionsOf(options));
  return { prompt, stop: [...stops] };
}
