// Options and token ids that no call takes: a clear error with its code, and the next call works.
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type LoadOptions, type Model, RWKV, RwkvError, type Session } from '../../dist/node.js';
import { collect, failure } from './streams.js';

const path = fileURLToPath(new URL('../fixtures/oracle/v7-bf16.pth', import.meta.url));
const load = (options: object = {}) => RWKV.load(path, { tokenizer: false, ...options } as LoadOptions);

test.each<[object, RegExp]>([
  [{ quantization: 'q3' }, /quantization.*found 'q3'/],
  [{ threads: 0 }, /threads.*1 to 16; found 0/],
  [{ threads: 17 }, /threads.*1 to 16; found 17/],
  [{ build: 'fast' }, /build.*'relaxed'; found 'fast'/],
  [{ device: 'tpu' }, /device.*'gpu'; found 'tpu'/],
  [{ quantisation: 'q8' }, /only quantization.*found 'quantisation'/],
])('a load refuses the options %j, and the next one works', async (options, message) => {
  const error = await failure(load(options));
  expect(error).toBeInstanceOf(RwkvError);
  expect([error.code, error.message]).toEqual(['invalid-argument', expect.stringMatching(message)]);
  await (await load()).dispose();
});

describe('a session stays usable after', () => {
  let model: Model;
  let session: Session;
  beforeAll(async () => {
    model = await load();
  });
  afterAll(() => model.dispose());
  beforeEach(async () => {
    session = await model.createSession();
  });
  afterEach(async () => {
    await session.append([1, 2, 3]);
    const fresh = await model.createSession();
    await fresh.append([1, 2, 3]);
    expect(await session.logits()).toEqual(await fresh.logits());
  });

  test.each([-1, 256, 1.5, Number.NaN])('the token id %d', async (id) => {
    for (const work of [session.append([5, id]), collect(session.generate([5, id]))]) {
      const error = await failure(work);
      expect(error).toBeInstanceOf(RwkvError);
      expect(error.code).toBe('invalid-argument');
      expect(error.message).toBe(`prompt[1]: expected a token id, an integer from 0 to 255; found ${id}`);
    }
  });

  test.each<[object, RegExp]>([
    [{ topP: 2 }, /topP.*0 to 1; found 2/],
    [{ temperature: -1 }, /temperature.*0 to 100; found -1/],
    [{ maxTokens: 1.5 }, /maxTokens.*integer.*found 1\.5/],
    [{ seed: -1 }, /seed.*integer.*found -1/],
    [{ topq: 1 }, /only maxTokens.*found 'topq'/],
  ])('the options %j', async (options, message) => {
    const error = await failure(collect(session.generate([1], options)));
    expect(error).toBeInstanceOf(RwkvError);
    expect([error.code, error.message]).toEqual(['invalid-argument', expect.stringMatching(message)]);
  });

  test('text where there is no tokenizer', async () => {
    for (const work of [
      session.append('text'),
      collect(session.complete('text')),
      collect(session.generate('text')),
      model.tokenize('text'),
      model.detokenize([1]),
    ]) {
      const error = await failure(work);
      expect(error).toBeInstanceOf(RwkvError);
      expect([error.code, error.message]).toEqual([
        'no-tokenizer',
        expect.stringMatching(/v7-bf16\.pth.*tokenizer/),
      ]);
    }
  });
});
