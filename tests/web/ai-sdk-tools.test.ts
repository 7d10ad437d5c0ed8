// Tools of the AI SDK: called, answered, and called again.
import {
  generateText,
  isStepCount,
  jsonSchema,
  readUIMessageStream,
  streamText,
  tool,
  type UIMessage,
} from 'ai';
import { rwkv, rwkvTransport } from 'rwkv-wasm/ai-sdk';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { turnsOf } from '../../dist/adapters/ai-sdk/prompt.js';
import type { Message } from '../../dist/adapters/ai-sdk/types.js';
import { readMessage } from '../../dist/adapters/ai-sdk/ui-messages.js';
import { grammar } from '../../dist/grammar-node.js';
import { type Model, RWKV } from '../../dist/node.js';
import { sayer } from './sayer.js';
import { collect, failure } from './streams.js';

let model: Model;
beforeAll(async () => {
  model = await RWKV.load(undefined, { grammar });
});
afterAll(() => model.dispose());

const given: unknown[] = [];
const schema = {
  type: 'object' as const,
  properties: { isOn: { type: 'boolean' as const } },
  required: ['isOn'],
};
const light = tool({
  description: 'Switches the light.',
  inputSchema: jsonSchema<{ isOn: boolean }>(schema),
  execute: (input) => {
    given.push(input);
    return { done: true };
  },
});
const prompt = 'Light!';

describe('a loop', () => {
  const defaults = { maxTokens: 60 };
  const loop = (template: 'world' | 'g1' | 'none' | 'of ai 5') => ({
    model:
      template === 'of ai 5'
        ? rwkv(model, { template: 'world', specification: 'v2', defaults })
        : rwkv(model, { template, defaults }),
    prompt,
    tools: { light },
    seed: 1,
    stopWhen: isStepCount(2),
    prepareStep: ({ stepNumber }: { stepNumber: number }) => ({
      toolChoice: stepNumber === 0 ? ('required' as const) : ('none' as const),
    }),
  });

  test.each(['world', 'g1', 'none', 'of ai 5'] as const)(
    'of generateText calls and then answers (%s)',
    async (template) => {
      given.length = 0;
      const { steps } = await generateText(loop(template));
      expect(steps.map(({ finishReason }) => finishReason === 'tool-calls')).toEqual([true, false]);
      expect(steps[0]?.toolCalls[0]).toMatchObject({
        toolName: 'light',
        input: { isOn: expect.any(Boolean) },
      });
      expect(steps[0]?.toolResults[0]).toMatchObject({ output: { done: true } });
      expect(given.length).toBe(steps[0]?.toolCalls.length);
    },
  );

  test.each(['world', 'of ai 5'] as const)(
    'of streamText tells calls as they come (%s)',
    async (template) => {
      const { stream } = streamText({ ...loop(template), toolChoice: { type: 'tool', toolName: 'light' } });
      const kinds = (await collect(stream)).map(({ type }) => type);
      expect(
        kinds.filter((kind, i) => kind.startsWith('tool-') && kind !== kinds[i - 1]).slice(0, 5),
      ).toEqual([...['tool-input-start', 'tool-input-delta', 'tool-input-end', 'tool-call', 'tool-result']]);
      expect(kinds).not.toContain('error');
    },
  );
});

describe('a model that may call', () => {
  test('thinks, says something and calls', async () => {
    const own = await sayer('k', '>Hm', '.', '</think>\n', 'Let', ' me see.', '\n**Tool Call:**', '`');
    const thinker = rwkv(own, { template: 'g1', think: true, defaults: { temperature: 0 } });
    const result = await generateText({ model: thinker, prompt, tools: { light } });
    expect([result.reasoningText, result.text, result.finishReason]).toEqual([
      'Hm.',
      'Let me see.',
      'tool-calls',
    ]);
    expect(result.toolCalls).toMatchObject([{ toolName: 'light', input: { isOn: expect.any(Boolean) } }]);
    const forced = await generateText({ model: thinker, prompt, tools: { light }, toolChoice: 'required' });
    expect([forced.reasoningText, forced.text, forced.toolCalls.length]).toEqual(['Hm.', '', 1]);
    await own.dispose();
  });

  test('answers', async () => {
    const own = await sayer(':', ' Fine', '.');
    const { text, toolCalls } = await generateText({
      model: rwkv(own, { template: 'world', defaults: { temperature: 0 } }),
      prompt,
      tools: { light },
    });
    expect([text, toolCalls]).toEqual(['Fine.', []]);
    await own.dispose();
  });
});

type ToolPart = Extract<Message, { role: 'tool' }>['content'][number];
type ToolOutput = Extract<ToolPart, { type: 'tool-result' }>['output'];

test('what tools gave is read in every form', () => {
  const outputs: ToolOutput[] = [
    { type: 'text', value: 'a' },
    { type: 'json', value: { b: 1 } },
    { type: 'error-text', value: 'c' },
    { type: 'execution-denied', reason: 'd' },
    { type: 'content', value: [{ type: 'text', text: 'e' }] },
  ];
  const of = { toolCallId: 'x', toolName: 'light' };
  const warned: string[] = [];
  const turns = turnsOf(
    [
      { role: 'assistant', content: [{ type: 'tool-call', ...of, input: { isOn: true } }] },
      {
        role: 'tool',
        content: outputs.map((output): ToolPart => ({ type: 'tool-result', ...of, output })),
      },
    ],
    (feature) => warned.push(feature),
  );
  expect(turns).toEqual([
    { role: 'assistant', content: '', calls: [{ id: 'x', name: 'light', arguments: '{"isOn":true}' }] },
    ...['a', '{"b":1}', 'c', 'd', 'e'].map((content) => ({ role: 'tool', id: 'x', content })),
  ]);
  expect(warned).toEqual([]);
});

test('what tools gave in several pieces is read by the older specification too, and what is no text is told', async () => {
  const of = { toolCallId: 'x', toolName: 'light' };
  const value = [
    { type: 'text' as const, text: 'on' },
    { type: 'media' as const, data: 'AAAA', mediaType: 'image/png' },
  ];
  const { warnings } = await rwkv(model, { specification: 'v2' }).doGenerate({
    prompt: [
      { role: 'user', content: [{ type: 'text', text: prompt }] },
      { role: 'assistant', content: [{ type: 'tool-call', ...of, input: { isOn: true } }] },
      { role: 'tool', content: [{ type: 'tool-result', ...of, output: { type: 'content', value } }] },
    ],
    maxOutputTokens: 2,
  });
  expect(warnings).toEqual([{ type: 'other', message: expect.stringMatching(/^files of tools: /) }]);
});

test('a tool whose name or schema cannot be is told', async () => {
  const ask = (tools: Record<string, typeof light>, more: object = {}) =>
    failure(generateText({ model: rwkv(model), prompt, maxRetries: 0, tools, ...more }));
  expect(await ask({ 'a b': light })).toMatchObject({
    message: expect.stringMatching(/^tools\[0\]: the name/),
  });
  const wolf = {
    ...light,
    inputSchema: jsonSchema<{ isOn: boolean }>({
      type: 'object',
      properties: { a: { type: 'wolf' as never } },
    }),
  };
  expect(await ask({ light, wolf }, { toolChoice: { type: 'tool', toolName: 'wolf' } })).toMatchObject({
    code: 'invalid-argument',
    message: expect.stringMatching(/^tools\[1\]\.inputSchema of 'wolf'/),
  });
});

test('useChat hears calls, and sends back what they gave', async () => {
  const tools = [{ type: 'function' as const, name: 'light', inputSchema: schema }];
  const send = async (messages: UIMessage[], toolChoice: 'required' | 'none') => {
    const settings = { tools, seed: 1, maxOutputTokens: 60, toolChoice: { type: toolChoice } };
    const transport = rwkvTransport(rwkv(model, { template: 'world' }), settings);
    const of = {
      trigger: 'submit-message',
      chatId: 'chat',
      messageId: undefined,
      abortSignal: undefined,
    } as const;
    return (
      await collect(readUIMessageStream({ stream: await transport.sendMessages({ ...of, messages }) }))
    ).at(-1);
  };
  const user: UIMessage = { id: '1', role: 'user', parts: [{ type: 'text', text: prompt }] };
  const called = await send([user], 'required');
  const part = called?.parts.find(({ type }) => type === 'tool-light');
  expect(part).toMatchObject({ state: 'input-available', input: { isOn: expect.any(Boolean) } });
  const answered = (state: object) => ({
    ...{ id: '2', role: 'assistant' as const },
    parts: [Object.assign({ type: 'tool-light' as const, toolCallId: 'a', input: { isOn: true } }, state)],
  });
  expect(readMessage(answered({ state: 'output-available', output: { done: true } }), 0)).toMatchObject([
    { role: 'assistant', content: [{ type: 'tool-call', toolName: 'light', input: { isOn: true } }] },
    { role: 'tool', content: [{ type: 'tool-result', output: { type: 'text', value: '{"done":true}' } }] },
  ]);
  expect(readMessage(answered({ state: 'output-error', errorText: 'no' }), 0)).toMatchObject([
    {},
    { content: [{ output: { type: 'error-text', value: 'no' } }] },
  ]);
  expect(readMessage(answered({ state: 'input-available' }), 0)).toEqual([
    { role: 'assistant', content: [{ type: 'text', text: '' }] },
  ]);
  const last = await send([user, called ?? user, user], 'none');
  expect(last?.parts.map(({ type }) => type)).toContain('text');
});
