// Passes that fail: the call ends with what the core says, and the session stands where it stood before it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Model } from '../../dist/node.js';
import { type FakePackage, fakeModel, fakePackage } from './fake/package.js';
import { collect, failure, textOf } from './streams.js';

let fake: FakePackage;
let model: Model;
beforeAll(async () => {
  fake = await fakePackage();
  model = await fake.RWKV.load(fakeModel(), { tokenizer: 'bytes' });
});
afterAll(async () => {
  await model.dispose();
  fake.remove();
});

describe.each([
  { what: 'there is no memory for', token: 210, code: 'out-of-memory', message: /no memory for 210 bytes/ },
  {
    what: 'makes no finite numbers',
    token: 212,
    code: 'bad-model',
    message: /not finite from blocks\.0\.att on/,
  },
])('a pass that $what', ({ token, code, message }) => {
  const prompts = [[token], [...Array(40).fill(97), token]];

  test.each(prompts)('ends an append, and the session goes on as if it had not been', async (...prompt) => {
    const session = await model.createSession();
    await session.append('ab');
    const before = await session.logits();
    expect(await failure(session.append(prompt))).toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
    expect((await session.logits())[3]).toBe(before[3]);
    expect(await textOf(session.complete('c', { maxTokens: 3, temperature: 0 }))).toBe('def');
    await session.dispose();
  });

  test('ends what is being generated, and the session goes on as if it had not been asked', async () => {
    const session = await model.createSession();
    await session.append('ab');
    const work = collect(session.generate([99, token - 1], { temperature: 0, maxTokens: 5 }));
    expect(await failure(work)).toMatchObject({ code });
    if (code === 'bad-model')
      expect(await textOf(session.complete('c', { maxTokens: 3, temperature: 0 }))).toBe('def');
    await session.dispose();
  });

  test('leaves other sessions alone', async () => {
    const [failing, other] = await Promise.all([model.createSession(), model.createSession()]);
    const [error, text] = await Promise.all([
      failure(failing.append([token])),
      textOf(other.complete('a', { maxTokens: 5, temperature: 0 })),
    ]);
    expect(error).toMatchObject({ code });
    expect(text).toBe('bcdef');
    await Promise.all([failing.dispose(), other.dispose()]);
  });
});
