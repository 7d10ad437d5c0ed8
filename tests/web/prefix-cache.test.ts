// Prompts that begin like others read before: the same results, less to read. With the embedded model.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Model, presets, RWKV } from '../../dist/node.js';
import { failure } from './streams.js';

const instruction =
  'Once upon a time there was a little dog who lived with a kind old man near the big dark forest. '.repeat(
    3,
  );
const options = { ...presets.creative, seed: 5, maxTokens: 24 };

let model: Model, plain: Model;
beforeAll(async () => {
  [model, plain] = await Promise.all([RWKV.load(), RWKV.load(undefined, { prefixCache: false })]);
});
afterAll(() => Promise.all([model.dispose(), plain.dispose()]));

async function run(on: Model, prompt: string | readonly number[]) {
  const session = await on.createSession({ seed: 1 });
  const result = await session.complete(prompt, options).result;
  await session.dispose();
  return result;
}

describe('a prompt that was read before', () => {
  test('is not read again, whole or in part, and the text is the same', async () => {
    const prompts = ['The dog', 'The dog', 'A cat came', 'The man', 'The dog and'].map(
      (end) => instruction + end,
    );
    const cached: number[] = [];
    for (const prompt of prompts) {
      const result = await run(model, prompt);
      const expected = await run(plain, prompt);
      expect(result.text).toBe(expected.text);
      expect(result.tokens).toEqual(expected.tokens);
      expect(expected.usage.cachedTokens).toBe(0);
      expect(result.usage.promptTokens).toBe(expected.usage.promptTokens);
      cached.push(result.usage.cachedTokens);
    }
    const [tokens, whole] = await Promise.all(
      [instruction, prompts[0] ?? ''].map(async (text) => (await model.tokenize(text)).length),
    );
    expect(cached.slice(0, 3)).toEqual([0, whole, 0]); // the border lies where the third prompt left the first
    expect(cached[3]).toBeGreaterThan(Number(tokens) - 8);
    expect(cached[3]).toBeLessThanOrEqual(Number(tokens));
    expect(cached[4]).toBeGreaterThanOrEqual(Number(whole));
  });

  test('goes on in what was generated', async () => {
    const ids = [...(await model.tokenize(`${instruction}One day`))];
    const first = await run(model, ids);
    const prompt = [...ids, ...first.tokens, ...ids.slice(0, 5)];
    const second = await run(model, prompt);
    expect(second.usage.cachedTokens).toBe(ids.length + first.tokens.length);
    expect(second.tokens).toEqual((await run(plain, prompt)).tokens);
  });

  test('is read by sessions that stand elsewhere, and not by one that was reset', async () => {
    const session = await model.createSession({ seed: 1 });
    await session.append(instruction);
    const saved = await session.save();
    const fork = await session.fork();
    const ends = await Promise.all(
      [session, fork, await model.createSession({ state: saved, seed: 1 })].map(async (one) => {
        const { text, usage } = await one.complete(instruction, options).result;
        expect(usage.cachedTokens).toBe(0);
        return text;
      }),
    );
    expect(new Set(ends).size).toBe(1);
    await session.reset();
    const again = await session.complete(instruction, options).result;
    expect(again.usage.cachedTokens).toBeGreaterThan(again.usage.promptTokens - 16); // the rest is read as fast
    expect(again.text).toBe((await run(plain, instruction)).text);
  });
});

test('the size of the cache is checked', async () => {
  expect(await failure(RWKV.load(undefined, { prefixCache: -1 }))).toMatchObject({
    code: 'invalid-argument',
    message: expect.stringContaining('prefixCache'),
  });
});
