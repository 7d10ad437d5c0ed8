// What is said in a conversation.
import { RwkvError, unexpected } from '../../shared/errors.js';

/** One message of a conversation, as OpenAI's API has them. */
export interface ChatMessage {
  /** Who says it. */
  readonly role: 'system' | 'user' | 'assistant';
  /** Text, or parts of it, which are joined. */
  readonly content: string | readonly ChatText[];
}

/** A part of a message. */
export interface ChatText {
  /** The only kind of part. */
  readonly type: 'text';
  /** What it says. */
  readonly text: string;
}

const roles: readonly unknown[] = ['system', 'user', 'assistant'] satisfies ChatMessage['role'][];

/** All text of a message, as it is. */
export function textOf({ content }: ChatMessage): string {
  return typeof content === 'string' ? content : content.map(({ text }) => text).join('');
}

/**
 * Messages often come from JSON: what the types promise is checked.
 *
 * @throws RwkvError `invalid-argument`, naming the message
 */
export function checkMessages(
  messages: unknown,
  called = 'messages',
): asserts messages is readonly ChatMessage[] {
  if (!Array.isArray(messages)) throw unexpected(called, 'an array of messages', messages);
  if (messages.length === 0)
    throw new RwkvError('invalid-argument', `${called}: expected at least one; found none`);
  for (const [i, message] of messages.entries()) {
    const name = `${called}[${i}]`;
    if (!isObject(message)) throw unexpected(name, 'an object with role and content', message);
    const { role, content } = message;
    if (!roles.includes(role)) throw unexpected(`${name}.role`, "'system', 'user' or 'assistant'", role);
    if (typeof content === 'string') continue;
    if (!Array.isArray(content)) throw unexpected(`${name}.content`, 'a text or an array of parts', content);
    for (const [j, part] of content.entries()) {
      const isText = isObject(part) && part.type === 'text' && typeof part.text === 'string';
      if (!isText)
        throw unexpected(`${name}.content[${j}]`, "a part { type: 'text', text }", kindOf(part) ?? part);
    }
  }
}

function isObject(value: unknown): value is Record<'role' | 'content' | 'type' | 'text', unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

// Says what a part is, where it says so itself.
function kindOf(part: unknown): unknown {
  return isObject(part) && part.type !== 'text' ? part.type : undefined;
}
