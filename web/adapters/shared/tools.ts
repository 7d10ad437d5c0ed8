// Tools (function calling) as text. The form is one that RWKV7-G1 models were trained on, from the authors' RWKV7-G1x-templates.txt: a
// tool is a heading with a JSON schema, a call is JSON behind a mark, and what it gave is somebody else's turn.
import type { ChatMessage } from '../../page/chat/messages.js';
import { RwkvError, unexpected } from '../../shared/errors.js';

/** A function that a model may call. */
export interface Tool {
  readonly name: string;
  readonly description: string | undefined;
  /** JSON schema of its arguments, an object; `undefined`: it takes none. */
  readonly parameters: object | undefined;
  /** What errors call its schema, as `tools[0].function.parameters`. */
  readonly path: string;
}

/** What a reply may call. */
export interface ToolUse {
  /** At least one. */
  readonly tools: readonly Tool[];
  /** Whether it must call one; else it may also answer. */
  readonly isForced: boolean;
  /** Whether it may call several, one after another. */
  readonly isParallel: boolean;
}

/** A call that was made. */
export interface ToolCall {
  /** What its output names it by. */
  readonly id: string | undefined;
  readonly name: string;
  /** JSON, as the model wrote it. */
  readonly arguments: string;
}

/** What is said in a conversation with tools. */
export type Turn =
  | (ChatMessage & { readonly calls?: readonly ToolCall[] })
  | { readonly role: 'tool'; readonly id: string | undefined; readonly content: string };

const mostTools = 128;
const mostCharacters = 256 * 1024; // of all schemas and descriptions: every request reads them

/** What begins a call. */
export const callMark = '**Tool Call:**';
/** What comes between it and the name, behind the name, and behind the arguments. */
export const callParts = ['\n```json\n{"name": "', '", "arguments": ', '}\n```'] as const;

/** @throws RwkvError `invalid-argument`, naming the tool */
export function checkTools(tools: readonly Tool[]): void {
  if (tools.length > mostTools) throw unexpected('tools', `at most ${mostTools}`, tools.length);
  const names = new Set<string>();
  tools.forEach(({ name, parameters, path }, i) => {
    const at = `tools[${i}]`;
    if (!/^[\w-]{1,64}$/.test(name))
      throw unexpected(`${at}: the name`, '1 to 64 letters, digits, _ and -', name);
    if (names.has(name)) throw unexpected(`${at}: the name`, 'one that no tool before it has', name);
    names.add(name);
    const type: unknown = parameters && Reflect.get(parameters, 'type');
    if (type !== undefined && type !== 'object')
      throw unexpected(path, "a schema of the type 'object'", type);
  });
  const size = JSON.stringify(tools).length;
  if (size > mostCharacters)
    throw new RwkvError(
      'invalid-argument',
      `tools: expected at most ${mostCharacters} characters; found ${size}`,
    );
}

/** The schema that the arguments of a call keep. */
export function argumentsSchema({ parameters }: Tool): object {
  return { ...(parameters ?? { properties: {}, additionalProperties: false }), type: 'object' };
}

/**
 * A conversation with tools as messages: the tools stand in front, calls are a part of replies, and what they gave is told by the user,
 * in the order of the calls.
 */
export function asMessages(turns: readonly Turn[], tools: readonly Tool[]): ChatMessage[] {
  const messages: ChatMessage[] = [];
  let places = new Map<string | undefined, number>();
  let outputs: { place: number; text: string }[] = [];
  const tell = () => {
    if (outputs.length === 0) return;
    outputs.sort((a, b) => a.place - b.place);
    messages.push({ role: 'user', content: outputs.map(({ text }) => text).join('\n') });
    outputs = [];
  };
  for (const turn of turns) {
    if (turn.role === 'tool') {
      outputs.push({ place: places.get(turn.id) ?? 0, text: `### Tool Output\n${fenced(turn.content)}` });
      continue;
    }
    tell();
    const { role, content, calls = [] } = turn;
    places = new Map(calls.map(({ id }, i) => [id, i]));
    messages.push(
      calls.length === 0
        ? { role, content }
        : { role, content: joined(textOf(content), ...calls.map(callText)) },
    );
  }
  tell();
  return withTools(messages, tools);
}

function withTools(messages: readonly ChatMessage[], tools: readonly Tool[]): ChatMessage[] {
  if (tools.length === 0) return [...messages];
  const [first, ...rest] = messages;
  const told = toolsText(tools);
  if (first?.role !== 'system') return [{ role: 'system', content: told }, ...messages];
  return [{ role: 'system', content: joined(textOf(first.content), told) }, ...rest];
}

function toolsText(tools: readonly Tool[]): string {
  const form = callText({ name: 'NAME', arguments: '{}' });
  return joined(
    `You can call these tools by writing\n${form}`,
    ...tools.map(({ name, description, parameters }) =>
      joined(
        `### \`${name}\``,
        description ? `**Description:** ${description}` : '',
        parameters ? `**Parameters:**\n${fenced(JSON.stringify(parameters))}` : '',
      ),
    ),
  );
}

function callText(call: Pick<ToolCall, 'name' | 'arguments'>): string {
  const [beforeName, beforeArguments, end] = callParts;
  return callMark + beforeName + call.name + beforeArguments + (call.arguments.trim() || '{}') + end;
}

// Most outputs are JSON; where one is not, the mark says nothing.
function fenced(text: string): string {
  return `\`\`\`${/^\s*[[{]/.test(text) ? 'json' : ''}\n${text}\n\`\`\``;
}

function joined(...texts: readonly string[]): string {
  return texts.filter((text) => text !== '').join('\n');
}

function textOf(content: ChatMessage['content']): string {
  return typeof content === 'string' ? content : content.map(({ text }) => text).join('');
}
