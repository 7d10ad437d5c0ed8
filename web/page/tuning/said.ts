// What is said to be a text to learn from, before anything is asked of what it holds.
import { RwkvError, unexpected } from '../../shared/errors.js';
import { wellFormed } from '../../shared/well-formed.js';
import { checkMessages, textOf } from '../chat/messages.js';
import { isArrayLike } from '../rules.js';
import type { TuneTexts } from './options.js';

/** What a text says itself to be; what it holds is not checked. */
export type Said =
  | { readonly kind: 'text'; readonly text: unknown; readonly name: string }
  | { readonly kind: 'ids'; readonly ids: unknown; readonly name: string }
  | { readonly kind: 'pair'; readonly prompt: unknown; readonly completion: unknown; readonly name: string }
  | { readonly kind: 'chat'; readonly messages: unknown; readonly name: string };

/** Each text with what messages call it. A string is one, not its letters. @throws RwkvError `invalid-argument` */
export async function* saidIn(texts: TuneTexts, called: string): AsyncGenerator<Said, void, undefined> {
  if (typeof texts === 'string') {
    yield said(texts, called);
    return;
  }
  let count = 0;
  for await (const text of texts) yield said(text, `${called}[${count++}]`);
  if (count === 0) throw new RwkvError('invalid-argument', `${called}: expected at least one; found none`);
}

// Data often has other fields too, which say nothing here.
function said(text: unknown, name: string): Said {
  if (typeof text === 'string') return { kind: 'text', text, name };
  if (isArrayLike(text)) return { kind: 'ids', ids: text, name };
  const fields: Fields = typeof text === 'object' && text !== null ? text : {};
  const { prompt, completion, messages } = fields;
  const kinds: Said[] = [];
  if (fields.text !== undefined) kinds.push({ kind: 'text', text: fields.text, name: `${name}.text` });
  if (prompt !== undefined || completion !== undefined)
    kinds.push({ kind: 'pair', prompt, completion, name });
  if (messages !== undefined) kinds.push({ kind: 'chat', messages, name });
  const [only, ...more] = kinds;
  const expected = 'a text, token ids, or an object with either text, prompt and completion, or messages';
  if (!only) throw unexpected(name, expected, text);
  if (more.length > 0) throw unexpected(name, expected, kinds.map(({ kind }) => kind).join(', '));
  return only;
}

interface Fields {
  readonly text?: unknown;
  readonly prompt?: unknown;
  readonly completion?: unknown;
  readonly messages?: unknown;
}

/** All that is written in texts, for a vocabulary. @throws RwkvError `invalid-argument` naming the text */
export async function* writtenIn(texts: TuneTexts): AsyncGenerator<string, void, undefined> {
  for await (const text of saidIn(texts, 'texts')) yield* written(text);
}

function written(said: Said): readonly string[] {
  const { name } = said;
  switch (said.kind) {
    case 'text':
      return [checkText(said.text, name)];
    case 'ids':
      throw unexpected(name, 'a text', 'token ids');
    case 'pair':
      return [
        checkText(said.prompt, `${name}.prompt`, true) + checkText(said.completion, `${name}.completion`),
      ];
    case 'chat':
      checkMessages(said.messages, `${name}.messages`);
      return said.messages.map((message) => wellFormed(textOf(message)));
  }
}

/** A text in whole characters. @throws RwkvError `invalid-argument` */
export function checkText(text: unknown, name: string, mayBeEmpty = false): string {
  if (typeof text !== 'string') throw unexpected(name, 'a text', text);
  if (text === '' && !mayBeEmpty)
    throw new RwkvError('invalid-argument', `${name}: expected a text; it is empty`);
  return wellFormed(text);
}
