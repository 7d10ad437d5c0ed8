// Messages of a page's hooks as those of a call. They may come from JSON: what the types promise is checked.
import { unexpected } from '../../shared/errors.js';
import type { Message } from './types.js';

type Reply = Extract<Message, { role: 'assistant' }>['content'];
type Outputs = Extract<Message, { role: 'tool' }>['content'];

/** A message of the assistant may hold several steps, each with calls and what they gave. @throws RwkvError `invalid-argument` */
export function readMessage(message: unknown, i: number): Message[] {
  const at = `messages[${i}]`;
  if (!isRecord(message) || !Array.isArray(message.parts))
    throw unexpected(at, 'a message with role and parts', message);
  const parts = message.parts.map((part: unknown, k) => readPart(part, `${at}.parts[${k}]`));
  const text = parts.map((part) => ('text' in part ? part.text : '')).join('');
  switch (message.role) {
    case 'system':
      return [{ role: 'system', content: text }];
    case 'user':
      return [{ role: 'user', content: [{ type: 'text', text }] }];
    case 'assistant':
      return stepsOf(parts);
    default:
      throw unexpected(`${at}.role`, "'system', 'user' or 'assistant'", message.role);
  }
}

type Part = { readonly text: string } | { readonly call: Reply[number]; readonly output: Outputs[number] };

function stepsOf(parts: readonly Part[]): Message[] {
  const messages: Message[] = [];
  let [content, outputs]: [Reply, Outputs] = [[], []];
  const end = () => {
    messages.push({ role: 'assistant', content });
    if (outputs.length > 0) messages.push({ role: 'tool', content: outputs });
    [content, outputs] = [[], []];
  };
  for (const part of parts) {
    if ('text' in part) {
      if (outputs.length > 0 && part.text !== '') end();
      content.push({ type: 'text', text: part.text });
    } else {
      content.push(part.call);
      outputs.push(part.output);
    }
  }
  end();
  return messages;
}

// A file would be missed; thoughts, borders of steps, data of the page and calls that nobody answered are not for the model.
function readPart(part: unknown, at: string): Part {
  if (!isRecord(part)) throw unexpected(at, 'a part', part);
  if (part.type === 'file') throw unexpected(at, 'a text', 'a file');
  const { type, toolCallId: id } = part;
  const [, name = part.toolName] = /^tool-(.+)$/.exec(String(type)) ?? [];
  if (typeof name !== 'string' || typeof id !== 'string')
    return { text: type === 'text' && typeof part.text === 'string' ? part.text : '' };
  const output = outputOf(part);
  if (!output) return { text: '' };
  const of = { toolCallId: id, toolName: name };
  return {
    call: { type: 'tool-call', ...of, input: part.input },
    output: { type: 'tool-result', ...of, output },
  };
}

function outputOf({ state, output, errorText }: Record<Field, unknown>) {
  if (state === 'output-error') return { type: 'error-text', value: String(errorText) } as const;
  if (state === 'output-denied') return { type: 'execution-denied' } as const;
  if (state !== 'output-available') return undefined;
  return {
    type: 'text',
    value: typeof output === 'string' ? output : (JSON.stringify(output) ?? ''),
  } as const;
}

type Field =
  | ('role' | 'parts' | 'type' | 'text')
  | ('toolCallId' | 'toolName' | 'input' | 'state' | 'output' | 'errorText');

function isRecord(value: unknown): value is Record<Field, unknown> {
  return typeof value === 'object' && value !== null;
}
