// What a session holds of a conversation.
import { type ChatMessage, textOf } from './messages.js';

/** The messages that a session was given, and its replies to them. */
export class Conversation {
  #messages: readonly ChatMessage[];
  /** Before the last call. */
  #before: readonly ChatMessage[];
  #hasWarned = false;

  constructor(messages: readonly ChatMessage[] = []) {
    this.#messages = this.#before = messages;
  }

  get messages(): readonly ChatMessage[] {
    return this.#messages;
  }

  /** A call has read its prompt: of a chat, `added`. */
  read(added: readonly ChatMessage[] = []): void {
    this.#before = this.#messages;
    this.#messages = [
      ...this.#messages,
      ...added.map(({ role, content }) => ({ role, content: textOf({ role, content }) })),
    ];
  }

  /** What was delivered of the reply. A last message of the assistant is its beginning. */
  replied(text: string): void {
    const last = this.#messages.at(-1);
    const prefix = last?.role === 'assistant' ? last : undefined;
    const content = (prefix ? textOf(prefix) : '') + text;
    this.#messages = [
      ...(prefix ? this.#messages.slice(0, -1) : this.#messages),
      { role: 'assistant', content },
    ];
  }

  rewind(): void {
    this.#messages = this.#before;
  }

  reset(): void {
    this.#messages = this.#before = [];
  }

  /** Says so, once, where `messages` hold all that was said and what is added to it: the session would read that twice. */
  warnOfRepetition(messages: readonly ChatMessage[]): void {
    const held = this.#messages;
    const isRepeated =
      held.length > 1 && held.length < messages.length && held.every((one, i) => isSame(one, messages[i]));
    if (!isRepeated || this.#hasWarned) return;
    this.#hasWarned = true;
    console.warn(
      `session.chat: the first ${held.length} of ${messages.length} messages are in this session already, which now reads them again: give ` +
        'it what is added, or whole conversations to model.chat',
    );
  }
}

function isSame(one: ChatMessage, other: ChatMessage | undefined): boolean {
  return one.role === other?.role && textOf(one).trim() === textOf(other).trim();
}
