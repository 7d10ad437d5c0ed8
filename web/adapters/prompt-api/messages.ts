// Prompts as callers write them, checked as the specification's "validate and canonicalize a prompt" has it.

import type { ChatMessage } from '../../page/chat/messages.js';
import { exception } from './errors.js';
import type { LanguageModelPrompt } from './types.js';

/** A checked prompt. */
export interface CheckedPrompt {
  readonly turns: readonly ChatMessage[];
  /** What a reply begins with; `undefined`: it begins anew. */
  readonly prefix: string | undefined;
}

/** @throws TypeError, DOMException `SyntaxError`, `NotSupportedError` */
export function checkPrompt(input: LanguageModelPrompt): CheckedPrompt {
  if (typeof input === 'string') return { turns: [{ role: 'user', content: input }], prefix: undefined };
  const messages: readonly unknown[] = listOf(input, 'the prompt: expected a text or a list of messages');
  if (messages.length === 0) return { turns: [{ role: 'user', content: '' }], prefix: undefined };
  const turns: ChatMessage[] = [];
  let prefix: string | undefined;
  messages.forEach((message, i) => {
    const at = `message ${i}`;
    if (!isRecord(message)) throw new TypeError(`${at}: expected an object with role and content`);
    const { role } = message;
    if (role !== 'system' && role !== 'user' && role !== 'assistant')
      throw new TypeError(
        `${at}: expected the role 'system', 'user' or 'assistant'; found '${String(role)}'`,
      );
    if (role === 'system' && i > 0)
      throw new TypeError(`${at}: a system text can only be the first of a session`);
    const content = textOf(message.content, at);
    if (message.prefix) {
      if (role !== 'assistant' || i + 1 < messages.length)
        throw exception('SyntaxError', `${at}: only a last message of the assistant can be a prefix`);
      prefix = content;
    } else {
      turns.push({ role, content });
    }
  });
  return { turns, prefix };
}

function textOf(content: unknown, at: string): string {
  if (typeof content === 'string') return content;
  return listOf(content, `${at}: expected content that is a text or a list of parts`)
    .map((part) => {
      if (!isRecord(part)) throw new TypeError(`${at}: expected parts { type, value }`);
      const { type, value } = part;
      if (typeof type === 'string' && type !== 'text')
        throw exception('NotSupportedError', `${at}: RWKV models read text; found a part of type '${type}'`);
      if (type !== 'text' || typeof value !== 'string')
        throw new TypeError(`${at}: expected a part { type: 'text', value } whose value is a text`);
      return value;
    })
    .join('');
}

function listOf(value: unknown, expected: string): readonly unknown[] {
  if (!isRecord(value) || !isIterable(value)) throw new TypeError(expected);
  return [...value];
}

function isRecord(
  value: unknown,
): value is Record<'role' | 'content' | 'prefix' | 'type' | 'value', unknown> {
  return typeof value === 'object' && value !== null;
}

function isIterable(value: object): value is Iterable<unknown> {
  return Symbol.iterator in value;
}
