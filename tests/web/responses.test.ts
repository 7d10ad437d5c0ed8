// OpenAI's Responses API: in the process, and over HTTP with the real client.
import type { Responses } from 'openai/resources/responses/responses';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openai, type ResponseEvent, type ResponseParams } from '../../dist/adapters/openai-node.js';
import { client, model } from './embedded-client.js';
import { sayer } from './sayer.js';
import { killAll, type Server, start, stop } from './server.js';
import { collect, failure } from './streams.js';

const input = 'Tell me of a wolf.';
const light = {
  type: 'function',
  name: 'set_light',
  parameters: { type: 'object', properties: { isOn: { type: 'boolean' } }, required: ['isOn'] },
  strict: true,
} as const;

/** A response whole, after its events were found to tell the same. */
async function responseOf(params: ResponseParams, { responses } = client) {
  const whole = await responses.create({ ...params, stream: false });
  const events = await collect(await responses.create({ ...params, stream: true }));
  expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, i) => i));
  const last = events.at(-1);
  if (!last || !('response' in last)) throw new Error('no response at the end');
  const { id: _, created_at: __, ...streamed } = last.response;
  expect(withoutIds(streamed)).toEqual(withoutIds(whole));
  return { whole, events, kinds: kindsOf(events) };
}

const withoutIds = (response: object) =>
  JSON.parse(JSON.stringify(response), (key, value) =>
    /^(id|call_id|created_at|input_tokens_details)$/.test(key) ? undefined : value,
  );
/** The types of events, those that repeat once. */
const kindsOf = (events: readonly ResponseEvent[]) =>
  events.map(({ type }) => type.slice('response.'.length)).filter((type, i, all) => type !== all[i - 1]);

describe('a response', () => {
  test('is what a chat says', async () => {
    const { whole, events, kinds } = await responseOf({
      input,
      seed: 1,
      max_output_tokens: 12,
      metadata: { a: 'b' },
    });
    const chat = await client.chat.completions.create({
      messages: [{ role: 'user', content: input }],
      seed: 1,
      max_tokens: 12,
    });
    expect(whole).toMatchObject({
      ...{
        id: expect.stringMatching(/^resp_\w{24}$/),
        object: 'response',
        status: 'incomplete',
        metadata: { a: 'b' },
      },
      ...{
        incomplete_details: { reason: 'max_output_tokens' },
        output_text: chat.choices[0]?.message.content,
      },
      usage: {
        input_tokens: chat.usage.prompt_tokens,
        output_tokens: 12,
        total_tokens: chat.usage.total_tokens,
      },
    });
    expect(kinds).toEqual([
      ...['created', 'in_progress', 'output_item.added', 'content_part.added', 'output_text.delta'],
      ...['output_text.done', 'content_part.done', 'output_item.done', 'incomplete'],
    ]);
    const deltas = events.map((event) => (event.type === 'response.output_text.delta' ? event.delta : ''));
    expect(deltas.join('')).toBe(whole.output_text);
    expect(events[0]).toMatchObject({ response: { status: 'in_progress', output: [], usage: null } });
  });

  test('calls tools, and goes on from what they gave', async () => {
    const params = {
      input,
      tools: [light],
      tool_choice: 'required',
      parallel_tool_calls: false,
      seed: 1,
    } as const;
    const { whole, kinds } = await responseOf(params);
    const [call] = whole.output;
    if (call?.type !== 'function_call') throw new Error('no call');
    expect([call.name, call.arguments, whole.status]).toEqual([
      'set_light',
      expect.stringMatching(/^\{"isOn": \w+\}$/),
      'completed',
    ]);
    expect(kinds).toEqual([
      ...['created', 'in_progress', 'output_item.added', 'function_call_arguments.delta'],
      ...['function_call_arguments.done', 'output_item.done', 'completed'],
    ]);
    const again = [
      { role: 'user', content: input },
      { type: 'reasoning', id: 'rs_1', summary: [] },
      call,
      { type: 'function_call_output', call_id: call.call_id, output: 'done' },
    ] as const;
    const reply = await client.responses.create({
      input: again,
      instructions: 'Be brief.',
      max_output_tokens: 4,
      seed: 1,
    });
    const chat = await client.chat.completions.create({
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: [{ type: 'input_text', text: input }] },
        {
          role: 'assistant',
          content: '',
          tool_calls: [
            { id: 'a', type: 'function', function: { name: call.name, arguments: call.arguments } },
          ],
        },
        { role: 'tool', tool_call_id: 'a', content: 'done' },
      ],
      max_tokens: 4,
      seed: 1,
    });
    expect(reply.output_text).toBe(chat.choices[0]?.message.content);
    expect(reply.usage?.input_tokens).toBe(chat.usage.prompt_tokens);
  });

  test('has thoughts, text and calls as items', async () => {
    const model = await sayer('k', '>Hm', '.', '</think>\n', 'Let', ' me see.', '\n**Tool Call:**', '`');
    const thinker = openai(model, { chat: { template: 'g1', think: true } });
    const { whole, kinds } = await responseOf({ input, tools: [light], temperature: 0 }, thinker);
    expect(whole.output).toMatchObject([
      { type: 'reasoning', content: [{ type: 'reasoning_text', text: 'Hm.' }] },
      { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Let me see.' }] },
      { type: 'function_call', name: 'set_light' },
    ]);
    expect(kinds.filter((kind) => /item|reasoning/.test(kind))).toEqual([
      ...['output_item.added', 'reasoning_text.delta', 'reasoning_text.done', 'output_item.done'],
      ...['output_item.added', 'output_item.done', 'output_item.added', 'output_item.done'],
    ]);
    await model.dispose();
  });

  test('keeps a schema, and tells log probabilities', async () => {
    const schema = { type: 'object', properties: { isTame: { type: 'boolean' } }, required: ['isTame'] };
    const text = { format: { type: 'json_schema', name: 'wolf', schema, strict: true } } as const;
    const include = ['message.output_text.logprobs'];
    const { whole } = await responseOf({ input, text, seed: 1, include, top_logprobs: 2 });
    expect(JSON.parse(whole.output_text)).toEqual({ isTame: expect.any(Boolean) });
    const [message] = whole.output;
    const tokens = message?.type === 'message' ? (message.content[0]?.logprobs ?? []) : [];
    expect(tokens.map(({ token }) => token).join('')).toBe(whole.output_text);
    expect(tokens[0]?.top_logprobs).toHaveLength(2);
  });

  test('takes what only concerns OpenAI’s service', async () => {
    const harmless = {
      ...{ store: true, truncation: 'auto', user: 'me', service_tier: 'auto', reasoning: { effort: 'low' } },
      ...{
        include: ['reasoning.encrypted_content'],
        previous_response_id: null,
        background: false,
        tools: [],
      },
    };
    const params = { input, max_output_tokens: 4, seed: 1 };
    const { output_text } = await client.responses.create(params);
    expect((await client.responses.create({ ...params, ...harmless })).output_text).toBe(output_text);
  });

  test('that fails while it streams says so', async () => {
    const { RWKV } = await import('../../dist/node.js');
    const lonely = await RWKV.load();
    const stream = await openai(lonely).responses.create({ input, max_output_tokens: 100_000, stream: true });
    let last: ResponseEvent | undefined;
    for await (const event of stream) {
      if (event.type === 'response.output_text.delta') await lonely.dispose();
      last = event;
    }
    expect(last).toMatchObject({
      type: 'response.failed',
      response: { status: 'failed', error: { code: 'disposed' } },
    });
  });
});

test.each<[given: object, param: string]>([
  [{}, 'input'],
  [{ input: 7 }, 'input'],
  [{ input: [] }, 'input'],
  [{ input, previous_response_id: 'resp_1' }, 'previous_response_id'],
  [{ input, background: true }, 'background'],
  [{ input, conversation: 'conv_1' }, 'conversation'],
  [{ input, tools: [{ type: 'web_search' }] }, 'tools[0].type'],
  [{ input, tools: [light], tool_choice: { type: 'function', name: 'x' } }, 'tool_choice'],
  [{ input, text: { format: { type: 'xml' } } }, 'text.format.type'],
  [{ input, mood: 1 }, 'mood'],
  [{ input: [{ type: 'item_reference', id: 'x' }] }, 'input[0]'],
  [{ input: [{ type: 'computer_call' }] }, 'input[0].type'],
  [{ input: [{ role: 'user', content: [{ type: 'input_image' }] }] }, 'input[0].content[0].type'],
  [{ input: [{ type: 'function_call', call_id: 'a', name: 'f', arguments: '' }] }, 'input[0]'],
])('%j is refused', async (given, param) => {
  const asked = Reflect.apply(client.responses.create, undefined, [given]);
  expect(await failure(asked)).toMatchObject({ status: 400, error: { param } });
});

describe('over HTTP', () => {
  let server: Server;
  beforeAll(async () => {
    server = await start();
  });
  afterAll(async () => {
    await stop(server);
    killAll();
  });

  test('the real client reads responses, whole and as a stream', async () => {
    const params = { model: 'any', input, max_output_tokens: 12, temperature: 0 } as const;
    const whole: Responses.Response = await server.client.responses.create(params);
    const here = await client.responses.create(params);
    expect(whole.output_text).toBe(here.output_text);
    const final = await server.client.responses.stream(params).finalResponse();
    expect(final.output_text).toBe(here.output_text);
    expect(model.info.name).toContain(whole.model);
  });

  test('the real client reads calls from a stream', async () => {
    const params = {
      model: 'any',
      input,
      tools: [light],
      tool_choice: 'required',
      parallel_tool_calls: false,
    } as const;
    const { output } = await server.client.responses
      .stream({ ...params, tools: [...params.tools] })
      .finalResponse();
    expect(output).toMatchObject([
      { type: 'function_call', name: 'set_light', parsed_arguments: { isOn: expect.any(Boolean) } },
    ]);
  });

  test('events are named, and the last of them is the end', async () => {
    const response = await fetch(`${server.url}/v1/responses`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ input, max_output_tokens: 1, stream: true }),
    });
    const blocks = (await response.text())
      .trim()
      .split('\n\n')
      .filter((block) => !block.startsWith(':'));
    for (const block of blocks) {
      const [, name, data = ''] = /^event: (\S+)\ndata: (.*)$/.exec(block) ?? [];
      expect(JSON.parse(data).type).toBe(name);
    }
    expect(blocks.at(-1)).toMatch(/^event: response.incomplete/);
  });
});
