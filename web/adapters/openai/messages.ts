// The messages of a chat as clients send them back: with the calls of earlier replies and what they gave, in today's form and the older one.
import { oneOf } from '../../page/rules.js';
import type { ToolCall, Turn } from '../shared/tools.js';
import { invalidRequest, type OpenAIError } from './errors.js';
import { anyObject, anyText, either, type Fields, listOf, someText } from './fields.js';

const roles = oneOf('system', 'developer', 'user', 'assistant', 'tool', 'function');
const contents = either(anyText, listOf(anyObject, 0, Infinity, 'a list of parts'));
const callLists = listOf(anyObject, 0, Infinity, 'a list of tool calls');

/** @throws OpenAIError */
export function readMessages(body: Fields, messages: readonly object[]): Turn[] {
  const turns = messages.map((message, i) => {
    const path = `messages[${i}]`;
    return readMessage(body.within(path, message), message, path);
  });
  const last = turns.at(-1);
  if (last?.role === 'assistant' && last.calls?.length)
    throw unanswered(`messages[${turns.length - 1}].tool_calls`, 'tool');
  return turns;
}

/** The error for calls that end a conversation. */
export function unanswered(at: string, expected: string): OpenAIError {
  const message = `'${at}': expected what it gave behind it, as '${expected}'`;
  return invalidRequest(message, at, 'invalid_value');
}

function readMessage(fields: Fields, message: object, path: string): Turn {
  const role = fields.require('role', roles);
  fields.ignore('name', 'annotations');
  if (role === 'tool' || role === 'function') {
    const id = fields.take('tool_call_id', anyText);
    const content = readSaid(fields, message, path);
    fields.end();
    return { role: 'tool', id, content };
  }
  const turn = role === 'assistant' ? readReply(fields, path) : { content: readSaid(fields, message, path) };
  fields.end();
  return { role: role === 'developer' ? 'system' : role, ...turn };
}

// A reply may only call, or only refuse. Thoughts are not read again: models are trained without earlier ones.
function readReply(fields: Fields, path: string) {
  fields.ignore('audio', 'reasoning', 'reasoning_content');
  const calls = readCalls(fields, path);
  const refusal = fields.take('refusal', anyText) ?? '';
  const said = fields.take('content', contents) === undefined ? '' : readText(fields, 'content', path);
  return { content: said || refusal, calls };
}

// A null is no text.
function readSaid(fields: Fields, message: object, path: string): string {
  return 'content' in message && message.content === null ? '' : readText(fields, 'content', path);
}

/** A text or a list of parts. @throws OpenAIError, naming the part that is no text */
export function readText(fields: Fields, name: string, path: string): string {
  const content = fields.require(name, contents);
  if (typeof content === 'string') return content;
  return content.map((part, k) => readPart(fields, part, `${path}.${name}[${k}]`)).join('');
}

function readPart(message: Fields, part: object, path: string): string {
  const fields = message.within(path, part);
  const type = fields.require('type', anyText);
  if (/^(image|input_image|audio|input_audio|video|file|input_file)/.test(type))
    throw invalidRequest(
      `'${path}' is of the type '${type.slice(0, 40)}': this model reads text only`,
      `${path}.type`,
      'invalid_value',
    );
  const kind = fields.require('type', oneOf('text', 'input_text', 'output_text', 'refusal'));
  const text = fields.require(kind === 'refusal' ? 'refusal' : 'text', anyText);
  fields.ignore('annotations', 'logprobs', 'cache_control', 'prompt_cache_breakpoint');
  fields.end();
  return text;
}

function readCalls(fields: Fields, path: string): ToolCall[] {
  const made = (fields.take('tool_calls', callLists) ?? []).map((call, k): ToolCall => {
    const at = `${path}.tool_calls[${k}]`;
    const own = fields.within(at, call);
    own.take('type', oneOf('function'));
    own.ignore('index');
    const id = own.take('id', anyText);
    const called = readCall(own.object('function') ?? fields.within(`${at}.function`, undefined), id);
    own.end();
    return called;
  });
  const old = fields.object('function_call');
  return old ? [...made, readCall(old, undefined)] : made;
}

function readCall(fields: Fields, id: string | undefined): ToolCall {
  const call = {
    id,
    name: fields.require('name', someText),
    arguments: fields.take('arguments', anyText) ?? '',
  };
  fields.end();
  return call;
}
