// Conversations as the text that a session reads: what chat.ts writes for chat models, in the pieces that a conversation
// grows by; and plain text for models that only continue texts.

import { unexpected } from '../../shared/errors.js';
import { storyteller } from '../../storyteller.js';
import { fileName } from '../places.js';
import { type ChatMessage, type ChatTemplate, renderChat, type ThinkMode, turnBorder } from './template.js';

/** How adapters write conversations. */
export interface TranscriptFormat {
  /**
   * `'world'` and `'g1'`: the models' chat forms, as for `renderChat`. `'none'`: for models that only continue texts, such as
   * the storyteller. Texts then follow each other as they are, and a blank line follows a system text. Default `'world'`;
   * `'none'` for the embedded model.
   */
  template?: ChatTemplate | 'none' | undefined;
  /** Whether a G1 model thinks before it answers. Default false. */
  think?: ThinkMode | undefined;
}

/** One message, its text in one piece. */
export interface Turn {
  readonly role: ChatMessage['role'];
  readonly content: string;
}

export class Transcript {
  readonly #format: TranscriptFormat & { readonly template: ChatTemplate | 'none' };
  /** Texts that end a reply. */
  readonly stops: readonly string[];

  /**
   * @param model - the model's name; none where it is not loaded yet and only the format is to be checked
   * @throws RwkvError `invalid-argument`
   */
  constructor(given: TranscriptFormat, model?: string) {
    const template = given.template ?? (model === fileName(storyteller.model.href) ? 'none' : 'world');
    const format = { ...given, template };
    const { think } = format;
    if (template === 'none' && think !== undefined)
      throw unexpected('option think', "only the template 'g1'", 'none');
    this.#format = format;
    this.stops = this.isPlain ? [] : renderChat([empty], this.#chatFormat).stop;
  }

  /** Whether texts just follow each other. */
  get isPlain(): boolean {
    return this.#format.template === 'none';
  }

  /** What replies are, for `ReplyReader`. */
  get kind(): 'plain' | 'talker' | 'thinker' {
    if (this.isPlain) return 'plain';
    return this.#format.template === 'g1' ? 'thinker' : 'talker';
  }

  /** Turns that are over. What follows them begins a turn. */
  closed(turns: readonly Turn[]): string {
    if (this.isPlain)
      return turns.map(({ role, content }) => (role === 'system' ? content + turnBorder : content)).join('');
    if (turns.length === 0) return '';
    const { prompt } = renderChat([...turns, { role: 'assistant', content: '' }], this.#chatFormat);
    return prompt.slice(0, prompt.length - speaker.length);
  }

  /**
   * The beginning of a reply.
   *
   * @param prefix - what the reply goes on from; `undefined`: it begins anew
   * @param isStructured - whether a grammar rules the reply, which then begins at once: no thought comes before it
   */
  begun(prefix: string | undefined, isStructured = false): string {
    if (this.isPlain) return prefix ?? '';
    if (prefix !== undefined || isStructured)
      return renderChat([{ role: 'assistant', content: prefix ?? '' }], this.#chatFormat).prompt;
    const { prompt } = renderChat([empty], this.#chatFormat);
    return prompt.slice(prompt.indexOf(speaker));
  }

  /** A reply that is over, behind its opening: `prefix` and what was generated behind it, without thoughts. */
  replied(prefix: string, reply: string): string {
    return this.isPlain ? prefix + reply : this.closed([{ role: 'assistant', content: prefix + reply }]);
  }

  get #chatFormat() {
    const { template, think } = this.#format;
    return { template: template === 'none' ? undefined : template, think };
  }
}

const speaker = 'Assistant:';
const empty: Turn = { role: 'system', content: '' };
