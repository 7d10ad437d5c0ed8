// Replies that keep a schema, asked for as OpenAI's clients do.
import { expect, test } from 'vitest';
import { openai } from '../../dist/adapters/openai-node.js';
import { client, model } from './embedded-client.js';
import { failure } from './streams.js';

const schema = {
  type: 'object',
  properties: { name: { type: 'string', maxLength: 12 }, isTame: { type: 'boolean' } },
  required: ['name', 'isTame'],
  additionalProperties: false,
};
const messages = [{ role: 'user', content: 'Describe a wolf.' }] as const;
const format = { type: 'json_schema', json_schema: { name: 'wolf', strict: true, schema } } as const;

test.each(['world', 'g1'] as const)(
  'replies of the template %s keep a schema, whole and as a stream',
  async (template) => {
    const chat = openai(model, { chat: { template } }).chat.completions;
    const params = { messages, response_format: format, seed: 3, max_tokens: 200, n: 2 };
    const { choices } = await chat.create(params);
    for (const { message, finish_reason } of choices) {
      const { name, isTame, ...others } = JSON.parse(message.content ?? '');
      expect([typeof name, typeof isTame, others, finish_reason]).toEqual(['string', 'boolean', {}, 'stop']);
    }
    const texts = ['', ''];
    for await (const chunk of await chat.create({ ...params, stream: true }))
      for (const { index, delta } of chunk.choices) texts[index] += delta.content ?? '';
    expect(texts).toEqual(choices.map(({ message }) => message.content));
  },
);

test('json_object begins an object, text asks for nothing', async () => {
  const params = { messages, seed: 3, max_tokens: 20 };
  const object = await client.chat.completions.create({
    ...params,
    response_format: { type: 'json_object' },
  });
  expect(object.choices[0]?.message.content).toMatch(/^\{/);
  const text = await client.chat.completions.create({ ...params, response_format: { type: 'text' } });
  expect(text.choices).toEqual((await client.chat.completions.create(params)).choices);
});

test('a schema that is none is a bad request, before a stream begins', async () => {
  const response_format = {
    type: 'json_schema',
    json_schema: { name: 'x', schema: { type: 'wolf' } },
  } as const;
  const error = await failure(client.chat.completions.create({ messages, response_format, stream: true }));
  expect(error).toMatchObject({ status: 400, error: { param: 'response_format' } });
});
