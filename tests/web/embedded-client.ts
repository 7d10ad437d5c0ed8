// The embedded model and an OpenAI-shaped client on it, for a file of tests.
import { afterAll, beforeAll } from 'vitest';
import { type OpenAIClient, openai } from '../../dist/adapters/openai-node.js';
import { grammar } from '../../dist/grammar-node.js';
import { type Model, RWKV } from '../../dist/node.js';

export let model: Model;
export let client: OpenAIClient;

beforeAll(async () => {
  model = await RWKV.load(undefined, { grammar });
  client = openai(model);
});
afterAll(() => model.dispose());

export const prompt = 'Once upon a time';
export const messages = [{ role: 'user', content: 'Tell me of a wolf.' }] as const;
