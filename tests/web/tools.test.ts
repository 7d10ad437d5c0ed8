// Function calling: tools that are told, chosen and called.
import { describe, expect, test } from 'vitest';
import { openai } from '../../dist/adapters/openai-node.js';
import type { ChatFormat } from '../../dist/page/chat/template.js';
import { client } from './embedded-client.js';
import { sayer } from './sayer.js';
import { collect, failure } from './streams.js';

const weather = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'Weather of a place.',
    parameters: {
      type: 'object',
      properties: { place: { type: 'string', maxLength: 8 }, isToday: { type: 'boolean' } },
      required: ['place', 'isToday'],
      additionalProperties: false,
    },
  },
} as const;
const clock = { type: 'function', function: { name: 'get_time' } } as const;
const light = {
  type: 'function',
  function: {
    name: 'set_light',
    parameters: { type: 'object', properties: { isOn: { type: 'boolean' } }, required: ['isOn'] },
  },
} as const;
const messages = [{ role: 'user', content: 'How is the weather?' }] as const;

type Params = Parameters<typeof client.chat.completions.create>[0];

/** A reply, which is the same whole and as a stream. */
async function replyOf(params: Params, { chat } = client) {
  const whole = await chat.completions.create({ ...params, stream: false });
  const [choice] = whole.choices;
  if (!choice) throw new Error('no choice');
  const { message, finish_reason } = choice;
  const calls = (message.tool_calls ?? []).map(({ function: { name, arguments: given } }) => [name, given]);

  const chunks = await collect(await chat.completions.create({ ...params, stream: true }));
  let [content, thinking, reason]: [string | null, string, string | null] = [null, '', null];
  const streamed: [name: string, given: string][] = [];
  for (const { delta, finish_reason } of chunks.flatMap(({ choices }) => choices)) {
    if (delta.content != null) content = (content ?? '') + delta.content;
    thinking += delta.reasoning_content ?? '';
    reason = finish_reason;
    for (const {
      index,
      id,
      type,
      function: { name, arguments: given },
    } of delta.tool_calls ?? []) {
      if (name !== undefined) {
        expect([index, id, type]).toEqual([
          streamed.length,
          expect.stringMatching(/^call_\w{24}$/),
          'function',
        ]);
        streamed.push([name, '']);
      }
      const last = streamed[index];
      if (last) last[1] += given;
    }
  }
  expect([content || null, thinking, streamed, reason]).toEqual([
    message.content || null,
    message.reasoning_content ?? '',
    calls,
    finish_reason,
  ]);
  return { content: message.content, thinking, calls, reason, whole };
}

describe('a call that must be made', () => {
  const forced = {
    messages,
    seed: 1,
    max_tokens: 300,
    tools: [weather, clock],
    tool_choice: 'required',
  } as const;

  test('is of one of the tools and keeps its schema', async () => {
    const names = new Set<string | undefined>();
    for (const seed of [1, 2, 3]) {
      const { content, calls, reason } = await replyOf({ ...forced, seed });
      expect([content, reason]).toEqual([null, 'tool_calls']);
      for (const [name, given = ''] of calls) {
        names.add(name);
        const read = JSON.parse(given);
        if (name === 'get_time') expect(read).toEqual({});
        else expect(read).toEqual({ place: expect.any(String), isToday: expect.any(Boolean) });
      }
    }
    for (const name of names) expect(['get_weather', 'get_time']).toContain(name);
  });

  test('is of the tool that is named, or of those that are allowed', async () => {
    for (const { name } of [weather.function, clock.function]) {
      const named = { type: 'function', function: { name } } as const;
      const allowed = { type: 'allowed_tools', allowed_tools: { mode: 'required', tools: [named] } } as const;
      for (const tool_choice of [named, allowed])
        expect((await replyOf({ ...forced, tool_choice })).calls[0]?.[0]).toBe(name);
    }
  });

  test('that is cut short is told so', async () => {
    const tool_choice = { type: 'function', function: { name: 'get_weather' } } as const;
    const { reason, calls, whole } = await replyOf({ ...forced, tool_choice, max_tokens: 3 });
    expect([reason, calls.length, whole.usage.completion_tokens]).toEqual(['length', 1, 3]);
  });

  test('takes names of which one begins another, and schemas that refer to their own parts', async () => {
    const of = (name: string) => ({
      type: 'function' as const,
      function: {
        name,
        parameters: {
          $defs: { n: { enum: [7] } },
          type: 'object',
          properties: { n: { $ref: '#/$defs/n' } },
          required: ['n'],
        },
      },
    });
    for (const seed of [1, 2, 3]) {
      const { calls } = await replyOf({ ...forced, seed, tools: [of('add'), of('add_all')] });
      for (const [name, given] of calls)
        expect([['add', 'add_all'].includes(String(name)), given]).toEqual([true, '{"n": 7}']);
    }
  });

  test.each<[what: string, format: ChatFormat]>([
    ['World', { template: 'world' }],
    ['G1', { template: 'g1' }],
  ])('is made by %s models', async (_, chat) => {
    const model = await sayer('`');
    const { calls } = await replyOf(
      { messages, tools: [light], tool_choice: 'required', temperature: 0 },
      openai(model, { chat }),
    );
    expect(calls).toEqual([['set_light', expect.stringMatching(/^\{"isOn": (true|false)\}$/)]]);
    await model.dispose();
  });
});

describe('a model that may call', () => {
  const free = { messages, tools: [light, clock], temperature: 0, max_tokens: 400 } as const;
  const called = [expect.stringMatching(/^(set_light|get_time)$/), expect.stringMatching(/^\{.*\}$/)];

  test.each<[what: string, says: string[], content: string | null, calls: number]>([
    ['answers', [':', ' Fine', '.'], 'Fine.', 0],
    ['calls', [':', ' **Tool', ' Call:**', '\n'], null, 1],
    ['says something and calls', [':', ' Let me see.', '\n**To', 'ol Call', ':**\n'], 'Let me see.', 1],
    [
      'begins a mark that is none',
      [':', ' **Tool', ' box', '**', '\n**Tool Call'],
      '**Tool box**\n**Tool Call',
      0,
    ],
  ])('%s', async (_, says, content, count) => {
    const model = await sayer(...says, ...(count > 0 ? ['`'] : []));
    const reply = await replyOf(free, openai(model));
    expect(reply).toMatchObject({
      content,
      calls: Array(count).fill(called),
      reason: count > 0 ? 'tool_calls' : 'stop',
    });
    await model.dispose();
  });

  test('calls several times where it may, and not without end', async () => {
    const model = await sayer(':', ' **Tool Call:**', '`', '\n**Tool', ' Call:**\n');
    const { calls } = await replyOf({ ...free, max_tokens: 4000 }, openai(model));
    expect(calls.length).toBe(32);
    const one = await replyOf({ ...free, parallel_tool_calls: false }, openai(model));
    expect(one.calls.length).toBe(1);
    await model.dispose();
  });

  test('thinks before it calls or answers', async () => {
    const format = { template: 'g1', think: true } as const;
    const json = { type: 'json_schema', json_schema: { name: 'a', schema: { const: 1 } } } as const;
    const model = await sayer('k', '>\nHm', '.', '</think>\n', '**Tool Call:**', '`');
    const chat = openai(model, { chat: format });
    expect(await replyOf(free, chat)).toMatchObject({ content: null, thinking: 'Hm.', calls: [called] });
    expect(await replyOf({ ...free, tool_choice: 'required' }, chat)).toMatchObject({
      ...{ content: null, thinking: 'Hm.', calls: [called] },
    });
    const { tools: _, ...plain } = free;
    expect(await replyOf({ ...plain, response_format: json }, chat)).toMatchObject({
      ...{ content: '1', thinking: 'Hm.', calls: [], reason: 'stop' },
    });
    await model.dispose();
  });

  test('calls whatever becomes of texts that are cut short', async () => {
    const model = await sayer(':', ' **Tool Call:**', '`');
    const { calls } = await replyOf(free, openai(model, { defaults: { keepPartial: false } }));
    expect(calls).toEqual([called]);
    await model.dispose();
  });

  test('may think of calls without making them', async () => {
    const model = await sayer('k', '>\nA **Tool Call:**', '?', '</think>\n', 'No.');
    const chat = openai(model, { chat: { template: 'g1', think: true } });
    expect(await replyOf(free, chat)).toMatchObject({
      content: 'No.',
      thinking: 'A **Tool Call:**?',
      calls: [],
    });
    await model.dispose();
  });

  test('calls or answers in the form that is asked for', async () => {
    const response_format = {
      type: 'json_schema',
      json_schema: { name: 'a', schema: { const: 1 } },
    } as const;
    for (const [says, content, count] of [
      [' **Tool Call:**', null, 1],
      [' Well', '1', 0],
    ] as const) {
      const model = await sayer(':', says, '`');
      const reply = await replyOf({ ...free, response_format }, openai(model));
      expect(reply).toMatchObject({ content, calls: Array(count).fill(called) });
      await model.dispose();
    }
  });
});

test.each<object>([
  { tools: [] },
  { tools: null },
  { tools: [weather], tool_choice: 'none' },
  { tool_choice: 'none' },
  { tool_choice: 'auto', tools: [], parallel_tool_calls: false },
  { functions: [], function_call: 'none' },
])('%j asks for nothing', async (tools) => {
  const params = { messages, seed: 1, max_tokens: 8 };
  const { choices } = await client.chat.completions.create(params);
  expect((await client.chat.completions.create({ ...params, ...tools })).choices).toEqual(choices);
});

describe('what is wrong', () => {
  const named = (name: unknown) => ({ ...clock, function: { name } });
  const taking = (parameters: unknown) => ({ ...clock, function: { name: 'f', parameters } });
  test.each<[given: object, param: string]>([
    [{ tools: 'all' }, 'tools'],
    [{ tools: [7] }, 'tools'],
    [{ tools: [{ type: 'web_search' }] }, 'tools[0].type'],
    [{ tools: [{ type: 'function' }] }, 'tools[0].function'],
    [{ tools: [clock, named('a b')] }, 'tools[1]'],
    [{ tools: [named('')] }, 'tools[0].function.name'],
    [{ tools: [named('x'.repeat(65))] }, 'tools[0]'],
    [{ tools: [clock, clock] }, 'tools[1]'],
    [{ tools: [clock, taking('none')] }, 'tools[1].function.parameters'],
    [{ tools: [taking({ type: 'string' })] }, 'tools[0].function.parameters'],
    [
      { tools: [clock, taking({ properties: { a: { type: 'wolf' } } })], tool_choice: named('f') },
      'tools[1].function.parameters',
    ],
    [{ tools: Array.from({ length: 129 }, (_, i) => named(`f${i}`)) }, 'tools'],
    [{ tools: [{ ...clock, function: { name: 'f', description: 'a'.repeat(300_000) } }] }, 'tools'],
    [{ tools: [clock], tool_choice: 'maybe' }, 'tool_choice'],
    [{ tools: [clock], tool_choice: named('other') }, 'tool_choice'],
    [{ tools: [clock], tool_choice: { type: 'function' } }, 'tool_choice.function'],
    [{ tool_choice: 'required' }, 'tool_choice'],
  ])('with %j is told', async (given, param) => {
    const params = { messages, stream: true as const, ...given };
    expect(await failure(client.chat.completions.create(params))).toMatchObject({
      status: 400,
      error: { param },
    });
  });
});
