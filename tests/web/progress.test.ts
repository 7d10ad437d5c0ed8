// How the reading of a long text gets on.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Model, type ReadOptions, RWKV, type Session } from '../../dist/node.js';
import { oracle } from './command.js';
import { failure } from './streams.js';

let model: Model;
beforeAll(async () => {
  model = await RWKV.load(oracle, { tokenizer: 'bytes', prefixCache: false });
});
afterAll(() => model.dispose());

const text = 'A fox met a wolf. '.repeat(20);
const generating = { maxTokens: 1, ban: [0], keepPartial: false };
const messages = [{ role: 'user', content: text }] as const;

const readings: readonly [string, (session: Session, options: ReadOptions) => Promise<unknown>][] = [
  ['append', (session, options) => session.append(text, options)],
  ['complete', (session, options) => session.complete(text, { ...generating, ...options }).result],
  ['generate', (session, options) => session.generate(text, { ...generating, ...options }).next()],
  ['chat', (session, options) => session.chat(messages, { ...generating, ...options }).result],
  ['score', (session, options) => session.score(text, options)],
  ['embed', (_, options) => model.embed(text, options)],
];

test.each(readings)('%s tells how many tokens are read, up to all of them', async (_, read) => {
  const heard: number[] = [];
  let total = 0;
  const onProgress: ReadOptions['onProgress'] = (progress) => {
    heard.push(progress.tokens);
    total = progress.total;
  };
  await read(await model.createSession({ seed: 1 }), { onProgress });
  expect(total).toBeGreaterThanOrEqual(text.length);
  expect(heard.length).toBeGreaterThan(5);
  expect(heard).toEqual([...new Set(heard)].sort((a, b) => a - b));
  expect(heard.at(-1)).toBe(total);
});

test.each(readings)(
  'what the hearer of %s throws comes out of the call, and the session goes on',
  async (name, read) => {
    const session = await model.createSession({ seed: 1 });
    const error = new Error('ours');
    const onProgress = () => {
      throw error;
    };
    expect(await failure(read(session, { onProgress }))).toBe(error);
    const fresh = await model.createSession({ seed: 1 });
    if (name === 'append') await fresh.append(text); // what was not read yet is read with what comes behind it
    await session.append('And');
    await fresh.append('And');
    expect(await session.logits()).toEqual(await fresh.logits());
  },
);

test('what was read by another session counts as read', async () => {
  const caching = await RWKV.load(oracle, { tokenizer: 'bytes' });
  await (await caching.createSession()).append(text);
  const heard: number[] = [];
  const { cachedTokens } = await (await caching.createSession()).append(`${text}${text}`, {
    onProgress: ({ tokens }) => heard.push(tokens),
  });
  await caching.dispose();
  expect(cachedTokens).toBeGreaterThan(0);
  expect(heard[0]).toBeGreaterThan(cachedTokens);
});
