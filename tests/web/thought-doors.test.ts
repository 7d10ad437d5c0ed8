// A thought that was asked for comes before what a schema rules, and apart from it, through whatever door.
import { generateText, jsonSchema, Output } from 'ai';
import { rwkv } from 'rwkv-wasm/ai-sdk';
import { languageModel } from 'rwkv-wasm/prompt-api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openai } from '../../dist/adapters/openai-node.js';
import { type Model, splitThinking } from '../../dist/node.js';
import { sayer } from './sayer.js';

let model: Model;
beforeAll(async () => {
  model = await sayer('k', '>\nHm', '.', '</think>\n');
});
afterAll(() => model.dispose());

const schema = { type: 'object', properties: { is: { const: true } }, required: ['is'] } as const;
const content = 'Is it?';
const defaults = { temperature: 0 };
type Door = (format: {
  template: 'g1';
  think: boolean;
}) => Promise<[thinking: string | undefined, answer: string]>;

const doors: Readonly<Record<string, Door>> = {
  async 'session.chat'(format) {
    const session = await model.createSession();
    const options = { ...format, ...defaults, jsonSchema: schema };
    const { text } = await session.chat([{ role: 'user', content }], options).result;
    const { thinking, answer } = splitThinking(text);
    return [thinking, answer];
  },
  async openai(chat) {
    const { choices } = await openai(model, { chat, defaults }).chat.completions.create({
      messages: [{ role: 'user', content }],
      response_format: { type: 'json_schema', json_schema: { name: 'is', schema } },
    });
    const { reasoning_content, content: answer } = choices[0]?.message ?? {};
    return [reasoning_content, answer ?? ''];
  },
  async 'ai-sdk'(format) {
    const { reasoningText, text } = await generateText({
      model: rwkv(model, { ...format, defaults }),
      output: Output.object({ schema: jsonSchema<{ is: boolean }>({ ...schema, required: ['is'] }) }),
      prompt: content,
    });
    return [reasoningText, text];
  },
  async 'prompt-api'(format) {
    const session = await languageModel(model, { ...format, defaults }).create();
    return [undefined, await session.prompt(content, { responseConstraint: schema })];
  },
};

test.each(Object.entries(doors))('%s', async (name, door) => {
  const [thinking, answer] = await door({ template: 'g1', think: true });
  if (name !== 'prompt-api') expect(thinking?.trim()).toBe('Hm.'); // which leaves thoughts out
  expect(answer).toBe('{"is": true}');
  const [none, atOnce] = await door({ template: 'g1', think: false });
  expect([none || undefined, atOnce]).toEqual([undefined, '{"is": true}']);
});
