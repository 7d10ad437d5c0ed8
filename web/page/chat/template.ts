// Conversations as the text that RWKV chat models were trained on, and the text of their replies.
import { RwkvError, unexpected } from '../../shared/errors.js';
import type { GenerateOptions } from '../options.js';
import { ReplyView } from './reply-view.js';

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

/**
 * How conversations are written:
 *
 * - `'world'`: RWKV World models, as the authors' ChatRWKV (API_DEMO_CHAT.py) writes them; a blank line ends a reply
 * - `'g1'`: RWKV7-G1 models, as the authors' RWKV7-G1x-templates.txt (RWKV-LM) describes: they can think before they answer,
 *   and replies may hold blank lines
 */
export type ChatTemplate = 'world' | 'g1';

/**
 * Whether a G1 model thinks before it answers:
 *
 * - `false`: no; the reply begins behind an empty thought
 * - `'fast'`: no; the same with a line break for a thought, the authors' other form
 * - `true`, `'short'`, `'long'`: yes; of its own length, "(think a bit)", "(think a lot)"
 * - `'auto'`: as it likes
 */
export type ThinkMode = boolean | 'auto' | 'fast' | 'short' | 'long';

/** How a conversation is written. */
export interface ChatFormat {
  /** Default `'world'`. */
  template?: ChatTemplate | undefined;
  /** For the template `'g1'`. Default false. */
  think?: ThinkMode | undefined;
}

/** Options of `session.chat`. */
export interface ChatOptions extends GenerateOptions, ChatFormat {}

/** A conversation as text. */
export interface RenderedChat {
  /** Ends where the reply begins: without a blank behind it, which belongs to the reply's first token. */
  readonly prompt: string;
  /** Texts that end the reply and are not part of it. */
  readonly stop: string[];
}

const templates: readonly string[] = ['world', 'g1'] satisfies ChatTemplate[];
const thinkModes: readonly unknown[] = [true, false, 'auto', 'fast', 'short', 'long'] satisfies ThinkMode[];

/** What ends a reply by template. */
const stops: Readonly<Record<ChatTemplate, string>> = { world: '\n\n', g1: '\n\nUser:' };

/** The modes in which the model is told to think. */
const requestsThought: ReadonlySet<ThinkMode> = new Set([true, 'short', 'long']);

/** What follows the last user's text, by think mode. */
const requests = new Map<ThinkMode, string>([
  ['short', ' (think a bit)'],
  ['long', ' (think a lot)'],
]);

/** What follows `Assistant:` by think mode. The last `>` is the model's to write: its token may hold more. */
const openings = new Map<ThinkMode, string>([
  [false, ' <think></think'],
  ['fast', ' <think>\n</think'],
  [true, ' <think'],
  ['short', ' <think'],
  ['long', ' <think'],
]);

/** What divides turns. */
export const turnBorder = '\n\n';

const speakers: Readonly<Record<ChatMessage['role'], string>> = {
  system: 'System:',
  user: 'User:',
  assistant: 'Assistant:',
};

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
  const { template = 'world', think = false } = options;
  if (!templates.includes(template)) throw unexpected('option template', "'world' or 'g1'", template);
  if (!thinkModes.includes(think))
    throw unexpected('option think', "true, false, 'auto', 'fast', 'short' or 'long'", think);
  if (think !== false && template !== 'g1')
    throw unexpected('option think', "to come with the template 'g1'", template);
  checkMessages(messages);
  const lastUser = messages.findLastIndex(({ role }) => role === 'user');
  const turns = messages.map(({ role, content }, i) => {
    const text = role === 'assistant' && template === 'g1' ? trimmed(content) : cleaned(content);
    const request = i === lastUser && template === 'g1' ? (requests.get(think) ?? '') : '';
    return text + request === '' ? speakers[role] : `${speakers[role]} ${text}${request}`;
  });
  if (messages.at(-1)?.role !== 'assistant') {
    const opening = template === 'g1' ? (openings.get(think) ?? '') : '';
    turns.push(speakers.assistant + opening);
  }
  return { prompt: turns.join(turnBorder), stop: [stops[template]] };
}

/**
 * A conversation as text, and how the reply to it is shown.
 *
 * @param isStructured - whether a grammar rules the reply: it begins at once then
 * @throws RwkvError `invalid-argument`
 */
export function askForReply(
  messages: readonly ChatMessage[],
  format: ChatFormat,
  isStructured: boolean,
): RenderedChat & { readonly reply: ReplyView } {
  const { template = 'world', think = false } = format;
  if (isStructured && requestsThought.has(think))
    throw unexpected('option think', 'not to come with grammar or jsonSchema', think);
  const mode = isStructured && (think === false || think === 'fast') && template === 'g1' ? 'auto' : think;
  const chat = renderChat(messages, { template, think: mode });
  if (messages.at(-1)?.role === 'assistant') return { ...chat, reply: new ReplyView('', /^/) };
  if (requestsThought.has(mode)) return { ...chat, reply: new ReplyView('<think', /^/) };
  const isBehindThought = template === 'g1' && mode !== 'auto';
  return { ...chat, reply: new ReplyView('', isBehindThought ? /^>?\s*/ : /^\s*/) };
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
  const open = /^\s*(<think>|>)/.exec(reply);
  const end = reply.indexOf('</think>');
  if (!open && end < 0) return { thinking: '', answer: reply.trim() };
  const begin = open?.[0].length ?? 0;
  if (end < 0) return { thinking: reply.slice(begin).trim(), answer: '' };
  return {
    thinking: reply.slice(begin, end).trim(),
    answer: reply.slice(end + '</think>'.length).trim(),
  };
}

/** The text of a message's content. */
function textOf(content: ChatMessage['content']): string {
  return typeof content === 'string' ? content : content.map(({ text }) => text).join('');
}
function trimmed(content: ChatMessage['content']): string {
  return textOf(content).replaceAll('\r\n', '\n').trim();
}
function cleaned(content: ChatMessage['content']): string {
  return trimmed(content).replace(/\n{2,}/g, '\n');
}

// Messages often come from JSON: what the types promise is checked.
function checkMessages(messages: unknown): void {
  if (!Array.isArray(messages)) throw unexpected('messages', 'an array of messages', messages);
  if (messages.length === 0)
    throw new RwkvError('invalid-argument', 'messages: expected at least one; found none');
  messages.forEach((message: unknown, i) => {
    const name = `messages[${i}]`;
    if (!isObject(message)) throw unexpected(name, 'an object with role and content', message);
    const { role, content } = message;
    if (typeof role !== 'string' || !Object.hasOwn(speakers, role))
      throw unexpected(`${name}.role`, "'system', 'user' or 'assistant'", role);
    if (typeof content === 'string') return;
    if (!Array.isArray(content)) throw unexpected(`${name}.content`, 'a text or an array of parts', content);
    content.forEach((part: unknown, j) => {
      const isText = isObject(part) && part.type === 'text' && typeof part.text === 'string';
      if (!isText)
        throw unexpected(`${name}.content[${j}]`, "a part { type: 'text', text }", kindOf(part) ?? part);
    });
  });
}

function isObject(value: unknown): value is Record<'role' | 'content' | 'type' | 'text', unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

// Says what a part is, where it says so itself.
function kindOf(part: unknown): unknown {
  return isObject(part) && part.type !== 'text' ? part.type : undefined;
}
