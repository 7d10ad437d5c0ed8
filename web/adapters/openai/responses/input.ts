// The conversation of a response: items, or what the user says.
import { oneOf } from '../../../page/rules.js';
import type { ToolCall, Turn } from '../../shared/tools.js';
import { invalidRequest } from '../errors.js';
import { anyText, type Fields, someText } from '../fields.js';
import { readText, unanswered } from '../messages.js';

const types = oneOf('message', 'function_call', 'function_call_output', 'reasoning');
const roles = oneOf('user', 'assistant', 'system', 'developer');

/** @throws OpenAIError */
export function readInput(
  body: Fields,
  input: string | readonly object[],
  instructions: string | undefined,
): Turn[] {
  const turns: Turn[] = instructions === undefined ? [] : [{ role: 'system', content: instructions }];
  if (typeof input === 'string') return [...turns, { role: 'user', content: input }];
  for (const [i, item] of input.entries()) {
    const read = readItem(body.within(`input[${i}]`, item), item, `input[${i}]`);
    if (read && 'name' in read) addCall(turns, read);
    else if (read) turns.push(read);
  }
  const last = turns.at(-1);
  if (last?.role === 'assistant' && last.calls?.length)
    throw unanswered(`input[${input.length - 1}]`, 'function_call_output');
  if (turns.length === 0)
    throw invalidRequest("'input': expected something to answer; found nothing", 'input', 'invalid_value');
  return turns;
}

// Calls are a part of the reply before them.
function addCall(turns: Turn[], call: ToolCall): void {
  const last = turns.at(-1);
  const reply = last?.role === 'assistant' ? last : undefined;
  if (reply) turns.pop();
  turns.push({ role: 'assistant', content: reply?.content ?? '', calls: [...(reply?.calls ?? []), call] });
}

function readItem(fields: Fields, item: object, path: string): Turn | ToolCall | undefined {
  if ('type' in item && item.type === 'item_reference')
    throw invalidRequest(
      `'${path}' refers to an item: nothing is stored here, send the item itself`,
      path,
      'unsupported_parameter',
    );
  const type = fields.take('type', types) ?? 'message';
  fields.ignore('id', 'status', 'phase', 'caller', 'namespace', 'created_by');
  if (type === 'reasoning') return undefined;
  const read =
    type === 'message'
      ? readMessage(fields, path)
      : type === 'function_call'
        ? readCall(fields)
        : readOutput(fields, path);
  fields.end();
  return read;
}

function readMessage(fields: Fields, path: string): Turn {
  const role = fields.require('role', roles);
  return { role: role === 'developer' ? 'system' : role, content: readText(fields, 'content', path) };
}

function readCall(fields: Fields): ToolCall {
  const id = fields.require('call_id', anyText);
  return { id, name: fields.require('name', someText), arguments: fields.take('arguments', anyText) ?? '' };
}

function readOutput(fields: Fields, path: string): Turn {
  return { role: 'tool', id: fields.require('call_id', anyText), content: readText(fields, 'output', path) };
}
