// Characters are whole in every piece of a stream, whatever bytes the tokens are.
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Model, RWKV } from '../../dist/node.js';
import { collect } from './streams.js';

let model: Model;

// Random weights over bytes: text that is broken in every way.
beforeAll(async () => {
  const path = fileURLToPath(new URL('../fixtures/oracle/v7-bf16.pth', import.meta.url));
  model = await RWKV.load(path, { tokenizer: 'bytes' });
});
afterAll(() => model.dispose());

/** What a decoder of a stream has made of the bytes so far. */
function decoded(bytes: readonly number[]): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(bytes), { stream: true });
}

test.each([1, 2, 3, 5])(
  'after every token the text is what a streaming decoder has (seed %i)',
  async (seed) => {
    const session = await model.createSession({ seed });
    const tokens: number[] = [];
    let text = '';
    for await (const step of session.generate('é', { maxTokens: 400, topP: 1, temperature: 1.5 })) {
      tokens.push(step.token);
      text += step.text;
      expect(text).toBe(decoded(tokens));
    }
    expect(tokens.length).toBeGreaterThan(20);
    expect(text).toContain('\ufffd');
  },
);

test('a character that one call begins is finished by the next', async () => {
  const [whole, parts] = [await model.createSession({ seed: 9 }), await model.createSession({ seed: 9 })];
  const options = { topP: 1, temperature: 1.5 };
  const expected = await collect(whole.generate('a', { ...options, maxTokens: 60 }));
  const steps = await collect(parts.generate('a', { ...options, maxTokens: 1 }));
  while (steps.length < expected.length)
    steps.push(...(await collect(parts.generate('', { ...options, maxTokens: 1 }))));
  expect(steps).toEqual(expected);
});

test('pieces of complete are never empty', async () => {
  const session = await model.createSession({ seed: 1 });
  const pieces = await collect(session.complete('a', { maxTokens: 400, topP: 1, temperature: 1.5 }));
  expect(pieces).not.toContain('');
});
