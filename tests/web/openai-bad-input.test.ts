// Requests that are wrong: each is told by the name of what is wrong with it.
import { describe, expect, test } from 'vitest';
import { OpenAIError, openai } from '../../dist/adapters/openai-node.js';
import { RwkvError } from '../../dist/node.js';
import { client, messages, model, prompt } from './embedded-client.js';
import { failure } from './streams.js';

describe('what is wrong', () => {
  const chat = { messages };
  // As programs without types ask.
  const untyped = (create: (...args: never[]) => unknown, body: unknown): Promise<unknown> =>
    Reflect.apply(create, undefined, [body]);

  test.each<[body: object, param: string | null, code: string]>([
    [{}, 'messages', 'missing_required_parameter'],
    [{ messages: [] }, 'messages', 'invalid_value'],
    [{ messages: 'Hello' }, 'messages', 'invalid_value'],
    [{ messages: ['Hello'] }, 'messages', 'invalid_value'],
    [{ messages: [{ role: 'cat', content: '' }] }, 'messages[0].role', 'invalid_value'],
    [{ messages: [{ role: 'user' }] }, 'messages[0].content', 'missing_required_parameter'],
    [{ messages: [{ role: 'user', content: 7 }] }, 'messages[0].content', 'invalid_value'],
    [
      { messages: [{ role: 'user', content: [{ type: 'image_url' }] }] },
      'messages[0].content[0].type',
      'invalid_value',
    ],
    [{ messages: [{ role: 'user', content: 'a', mood: 1 }] }, 'messages[0].mood', 'unknown_parameter'],
    [{ ...chat, model: 7 }, 'model', 'invalid_value'],
    [{ ...chat, mood: 'good' }, 'mood', 'unknown_parameter'],
    [{ ...chat, functions: [{ name: 'f' }] }, 'functions', 'unsupported_parameter'],
    [{ ...chat, audio: { voice: 'alloy' } }, 'audio', 'unsupported_parameter'],
    [{ ...chat, modalities: ['text', 'audio'] }, 'modalities', 'unsupported_parameter'],
    [{ ...chat, web_search_options: { a: 1 } }, 'web_search_options', 'unsupported_parameter'],
    [{ ...chat, grammar: 'root ::= "a"' }, 'grammar', 'unsupported_parameter'],
    [{ ...chat, guided_choice: ['a', 'b'] }, 'guided_choice', 'unsupported_parameter'],
    [{ ...chat, stop_token_ids: [5] }, 'stop_token_ids', 'unsupported_parameter'],
    [{ ...chat, use_beam_search: true }, 'use_beam_search', 'unsupported_parameter'],
    [{ ...chat, prompt_logprobs: 1 }, 'prompt_logprobs', 'unsupported_parameter'],
    [{ ...chat, repeat_penalty: 1.1 }, 'repeat_penalty', 'unknown_parameter'],
    [{ ...chat, temperature: { constructor: { name: { toString: 1 } } } }, 'temperature', 'invalid_value'],
    [
      JSON.parse('{ "messages": [{ "role": "user", "content": "a" }], "__proto__": 1 }'),
      '__proto__',
      'unknown_parameter',
    ],
    [{ ...chat, temperature: 'hot' }, 'temperature', 'invalid_value'],
    [{ ...chat, temperature: 101 }, 'temperature', 'invalid_value'],
    [{ ...chat, top_p: -1 }, 'top_p', 'invalid_value'],
    [{ ...chat, presence_penalty: 101 }, 'presence_penalty', 'invalid_value'],
    [{ ...chat, frequency_penalty: [] }, 'frequency_penalty', 'invalid_value'],
    [{ ...chat, max_tokens: 1.5 }, 'max_tokens', 'invalid_value'],
    [{ ...chat, max_completion_tokens: 0 }, 'max_completion_tokens', 'invalid_value'],
    [{ ...chat, n: 0 }, 'n', 'invalid_value'],
    [{ ...chat, n: 129 }, 'n', 'invalid_value'],
    [{ ...chat, seed: 0.5 }, 'seed', 'invalid_value'],
    [{ ...chat, stop: Array(65).fill('a') }, 'stop', 'invalid_value'],
    [{ ...chat, stop: ['a', 1] }, 'stop', 'invalid_value'],
    [{ ...chat, max_tokens: -2 }, 'max_tokens', 'invalid_value'],
    [{ ...chat, top_k: -2 }, 'top_k', 'invalid_value'],
    [{ ...chat, stream: 'yes' }, 'stream', 'invalid_value'],
    [{ ...chat, stream_options: 'usage' }, 'stream_options', 'invalid_value'],
    [{ ...chat, stream: true, stream_options: { more: 1 } }, 'stream_options.more', 'unknown_parameter'],
    [{ ...chat, logit_bias: { wolf: 1 } }, 'logit_bias', 'invalid_value'],
    [{ ...chat, logit_bias: { 7: 101 } }, 'logit_bias', 'invalid_value'],
    [{ ...chat, logit_bias: { 4096: 1 } }, 'logit_bias', 'invalid_value'],
    [{ ...chat, logprobs: 1 }, 'logprobs', 'invalid_value'],
    [{ ...chat, top_logprobs: 2 }, 'top_logprobs', 'invalid_value'],
    [{ ...chat, logprobs: true, top_logprobs: 21 }, 'top_logprobs', 'invalid_value'],
    [{ ...chat, response_format: 'json' }, 'response_format', 'invalid_value'],
    [{ ...chat, response_format: { type: 'xml' } }, 'response_format.type', 'invalid_value'],
    [
      { ...chat, response_format: { type: 'json_schema' } },
      'response_format.json_schema',
      'missing_required_parameter',
    ],
  ])('with a chat of %j is told', async (body, param, code) => {
    const error = await failure(untyped(client.chat.completions.create, body));
    expect(error).toBeInstanceOf(OpenAIError);
    expect(error).toBeInstanceOf(RwkvError);
    expect(error).toMatchObject({ status: 400, error: { type: 'invalid_request_error', param, code } });
    expect(error.message).toContain(param?.split(/[.[]/)[0]);
  });

  test.each<[body: object, param: string]>([
    [{}, 'prompt'],
    [{ prompt: null }, 'prompt'],
    [{ prompt: 7 }, 'prompt'],
    [{ prompt: ['a', 7] }, 'prompt'],
    [{ prompt: [1.5] }, 'prompt'],
    [{ prompt, suffix: 'end' }, 'suffix'],
    [{ prompt, best_of: 2 }, 'best_of'],
    [{ prompt, logprobs: 21 }, 'logprobs'],
    [{ prompt, echo: 'no' }, 'echo'],
    [{ prompt: Array(100).fill('a'), n: 2 }, 'n'],
  ])('with a completion of %j is told', async (body, param) => {
    expect(await failure(untyped(client.completions.create, body))).toMatchObject({
      status: 400,
      error: { param },
    });
  });

  test.each([null, undefined, 7, 'text', [[]]])('with a body that is %j is told', async (body) => {
    expect(await failure(untyped(client.completions.create, body))).toMatchObject({
      status: 400,
      error: { param: null },
    });
  });

  test('with token ids that the model does not have is told before a stream begins', async () => {
    const error = await failure(client.completions.create({ prompt: [4096], stream: true }));
    expect(error).toMatchObject({ status: 400, error: { message: expect.stringContaining('4096') } });
  });

  test('with options is told when the client is made', () => {
    expect(() => openai(undefined, { parallel: 0 })).toThrow(/option parallel: expected an integer from 1/);
    expect(() => openai(undefined, { name: '' })).toThrow(/option name/);
    expect(() => openai(undefined, { threads: 99 })).toThrow(/option threads/);
    expect(() => openai(undefined, { defaults: { topP: 3 } })).toThrow(/option topP/);
    const other: object = { chat: { template: 'x' } };
    expect(() => openai(undefined, other)).toThrow(/template/);
    const unknown: object = { mood: 1 };
    expect(() => openai(undefined, unknown)).toThrow(/found 'mood'/);
  });
});

test('more texts than memory has room for are refused', async () => {
  const large = new Proxy(model, {
    get: (target, key) =>
      key === 'info'
        ? { ...model.info, bytes: 3.6 * 2 ** 30, stateBytes: 16 * 2 ** 20 }
        : Reflect.get(target, key),
  });
  const crowded = openai(large);
  const ask = (n: number) => crowded.completions.create({ prompt, n, max_tokens: 1, seed: 1 });
  expect(await failure(ask(100))).toMatchObject({ status: 400, param: 'n' });
  const prompts = Array<string>(100).fill(prompt);
  const all = crowded.completions.create({ prompt: prompts, max_tokens: 1 });
  expect(await failure(all)).toMatchObject({ status: 400, param: 'prompt' });
  expect((await ask(3)).choices).toHaveLength(3);
});
