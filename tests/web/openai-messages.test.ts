// Messages in every form in which clients send them, and what the model reads of them.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { OpenAIClient } from '../../dist/adapters/openai-node.js';
import { asMessages } from '../../dist/adapters/shared/tools.js';
import { folder } from './command.js';
import { type FakePackage, fakePackage } from './fake/package.js';
import { failure } from './streams.js';

const { path, remove } = folder();
let fake: FakePackage;
let client: OpenAIClient;
beforeAll(async () => {
  fake = await fakePackage();
  const file = path('echo.pth');
  mkdirSync(path('.'), { recursive: true });
  writeFileSync(file, 'fake echoes');
  const door: typeof import('../../dist/adapters/openai-node.js') = await import(
    join(fake.folder, 'dist', 'adapters', 'openai-node.js')
  );
  client = door.openai(file, { tokenizer: 'bytes', prefixCache: false, defaults: { maxTokens: 4000 } });
});
afterAll(async () => {
  await client.dispose();
  fake.remove();
  remove();
});

/** What the model read: it says its prompt, with signs for line breaks. */
async function read(messages: unknown, more: object = {}): Promise<string> {
  const body = { messages, ...more };
  const { choices } = await Reflect.apply(client.chat.completions.create, undefined, [body]);
  return choices[0].message.content.replaceAll('|', '\n').replaceAll('(', '<');
}

const user = { role: 'user', content: 'Hi' };
const text = (type: string, text: string) => ({ type, text });

test.each<[what: string, message: object, turn: string]>([
  ['a text', user, 'User: Hi'],
  ['nothing', { role: 'user', content: '' }, 'User:'],
  ['a null', { role: 'user', content: null }, 'User:'],
  ['no parts', { role: 'user', content: [] }, 'User:'],
  ['parts', { role: 'user', content: [text('text', 'H'), text('input_text', 'i')] }, 'User: Hi'],
  ['what a reply said', { role: 'assistant', content: [text('output_text', 'Yes')] }, 'Assistant: Yes'],
  ['a refusal', { role: 'assistant', content: [{ type: 'refusal', refusal: 'No' }] }, 'Assistant: No'],
  ['a refusal beside a null', { role: 'assistant', content: null, refusal: 'No' }, 'Assistant: No'],
  ['a reply without content', { role: 'assistant' }, 'Assistant:'],
  ['a developer', { role: 'developer', content: 'Be brief.' }, 'System: Be brief.'],
  ['a name', { role: 'user', name: 'me', content: 'Hi' }, 'User: Hi'],
  [
    'a part with a cache mark',
    { role: 'user', content: [{ ...text('text', 'Hi'), cache_control: {} }] },
    'User: Hi',
  ],
  [
    'a reply with its thought',
    { role: 'assistant', content: 'Yes', reasoning_content: 'Hm' },
    'Assistant: Yes',
  ],
])('%s is read', async (_, message, turn) => {
  expect(await read([message, user])).toBe(`${turn}\n\nUser: Hi\n\nAssistant:`);
});

test('the same role may speak twice, and a last reply goes on', async () => {
  expect(await read([user, user])).toBe('User: Hi\n\nUser: Hi\n\nAssistant:');
  expect(await read([user, { role: 'assistant', content: 'Well' }])).toBe('User: Hi\n\nAssistant: Well');
});

const call = (id: string, place: string) => ({
  id,
  type: 'function',
  function: { name: 'weather', arguments: `{"place": "${place}"}` },
});
const written = (given: string) =>
  `**Tool Call:**\n\`\`\`json\n{"name": "weather", "arguments": ${given}}\n\`\`\``;
const output = (text: string, kind = '') => `### Tool Output\n\`\`\`${kind}\n${text}\n\`\`\``;

test('calls and what they gave are read in the order of the calls', async () => {
  const messages = [
    user,
    { role: 'assistant', content: null, tool_calls: [call('a', 'Oslo'), call('b', 'Rome')] },
    { role: 'tool', tool_call_id: 'b', content: '{"sun": true}' },
    { role: 'tool', tool_call_id: 'a', content: [text('text', 'rain')] },
  ];
  const turns = [
    'User: Hi',
    `Assistant: ${written('{"place": "Oslo"}')}\n${written('{"place": "Rome"}')}`,
    `User: ${output('rain')}\n${output('{"sun": true}', 'json')}`,
    'Assistant:',
  ];
  expect(await read(messages)).toBe(turns.join('\n\n'));
});

test('the older form of calls is read as today’s', async () => {
  const messages = [
    user,
    { role: 'assistant', content: 'Let me see.', function_call: { name: 'weather', arguments: '' } },
    { role: 'function', name: 'weather', content: 'rain' },
  ];
  const turns = [
    'User: Hi',
    `Assistant: Let me see.\n${written('{}')}`,
    `User: ${output('rain')}`,
    'Assistant:',
  ];
  expect(await read(messages)).toBe(turns.join('\n\n'));
});

test('tools are told in front, behind a system text', () => {
  const parameters = { type: 'object', properties: {} };
  const tools = [
    { name: 'now', description: undefined, parameters: undefined, path: '' },
    { name: 'weather', description: 'Of a place.', parameters, path: '' },
  ];
  const told = [
    'You can call these tools by writing',
    written('{}').replace('weather', 'NAME'),
    '### `now`',
    '### `weather`',
    '**Description:** Of a place.',
    '**Parameters:**',
    '```json',
    JSON.stringify(parameters),
    '```',
  ].join('\n');
  const hi = { role: 'user', content: 'Hi' } as const;
  const system = (content: string) => ({ role: 'system', content }) as const;
  expect(asMessages([hi], tools)).toEqual([system(told), hi]);
  expect(asMessages([system('Be brief.'), hi], tools)).toEqual([system(`Be brief.\n${told}`), hi]);
});

test('tools that may not be called are not told', async () => {
  const tools = [{ type: 'function', function: { name: 'now' } }];
  expect(await read([user], { tools, tool_choice: 'none' })).toBe('User: Hi\n\nAssistant:');
});

test.each<[what: string, message: object, param: string, says: RegExp]>([
  [
    'an image',
    { role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] },
    'messages[0].content[0].type',
    /reads text only/,
  ],
  [
    'a sound',
    { role: 'user', content: [text('text', 'a'), { type: 'input_audio' }] },
    'messages[0].content[1].type',
    /reads text only/,
  ],
  [
    'a file',
    { role: 'user', content: [{ type: 'file', file: {} }] },
    'messages[0].content[0].type',
    /reads text only/,
  ],
  ['a part of no kind', { role: 'user', content: [{ text: 'a' }] }, 'messages[0].content[0].type', /missing/],
  [
    'a part of another kind',
    { role: 'user', content: [{ type: 'smell' }] },
    'messages[0].content[0].type',
    /'smell'/,
  ],
  [
    'a part without its text',
    { role: 'user', content: [{ type: 'text' }] },
    'messages[0].content[0].text',
    /missing/,
  ],
  ['a number', { role: 'tool', content: 7 }, 'messages[0].content', /a text or/],
  ['no content', { role: 'tool', tool_call_id: 'a' }, 'messages[0].content', /missing/],
  ['calls of a user', { ...user, tool_calls: [] }, 'messages[0].tool_calls', /not known/],
  ['calls that are none', { role: 'assistant', tool_calls: 7 }, 'messages[0].tool_calls', /a list of/],
  [
    'a call of nothing',
    { role: 'assistant', tool_calls: [{ id: 'a' }] },
    'messages[0].tool_calls[0].function',
    /an object/,
  ],
  [
    'a call without a name',
    { role: 'assistant', tool_calls: [{ function: {} }] },
    'messages[0].tool_calls[0].function.name',
    /missing/,
  ],
  [
    'calls that nobody answered',
    { role: 'assistant', tool_calls: [call('a', 'Oslo')] },
    'messages[0].tool_calls',
    /expected what it gave/,
  ],
])('%s is refused', async (_, message, param, says) => {
  expect(await failure(read([message]))).toMatchObject({
    status: 400,
    message: expect.stringMatching(says),
    error: { param },
  });
});
