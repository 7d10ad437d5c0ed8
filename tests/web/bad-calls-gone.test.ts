// What is gone says so, by every method, with its code: sessions and models that were disposed of, workers that died, memory
// that did not suffice. On the fake core, which can do all that.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Model, Session } from '../../dist/node.js';
import { type FakePackage, fakeModel, fakePackage } from './fake/package.js';
import { collect, failure, textOf } from './streams.js';

let fake: FakePackage;
beforeAll(async () => {
  fake = await fakePackage();
});
afterAll(() => fake.remove());

const load = (delay = 0) => fake.RWKV.load(fakeModel(delay), { tokenizer: 'bytes' });
const bytes = (text: string) => new TextEncoder().encode(text);

const ofSession: [string, (session: Session) => Promise<unknown>][] = [
  ['append', (session) => session.append('x')],
  ['logits', (session) => session.logits()],
  ['complete', (session) => textOf(session.complete('x'))],
  ['complete of nothing', (session) => textOf(session.complete(''))],
  ['the result of complete', (session) => session.complete('x').result],
  ['stream', (session) => textOf(session.stream('x'))],
  ['generate', (session) => collect(session.generate('x'))],
  ['chat', (session) => textOf(session.chat([{ role: 'user', content: 'x' }]))],
  ['score', (session) => session.score('x')],
  ['fork', (session) => session.fork()],
  ['save', (session) => session.save()],
  ['reset', (session) => session.reset()],
  ['rewind', (session) => session.rewind()],
];
const ofModel: [string, (model: Model) => Promise<unknown>][] = [
  ['createSession', (model) => model.createSession()],
  ['createSession with a state', (model) => model.createSession({ state: bytes('state 7') })],
  ['tokenize', (model) => model.tokenize('x')],
  ['detokenize', (model) => model.detokenize([1])],
  ['embed', (model) => model.embed('x')],
];

test.each(ofSession)('%s of a session that was disposed of rejects with disposed', async (_, call) => {
  await using model = await load();
  const [gone, stays] = [await model.createSession(), await model.createSession()];
  await gone.append('a');
  await gone.dispose();
  expect(await failure(call(gone))).toMatchObject({ name: 'RwkvError', code: 'disposed' });
  expect(await textOf(stays.complete('a', { maxTokens: 2 }))).toBe('bc');
});

describe('after the model was disposed of', () => {
  test.each(ofSession)('%s rejects with disposed', async (_, call) => {
    const model = await load();
    const session = await model.createSession();
    await model.dispose();
    expect(await failure(call(session))).toMatchObject({ name: 'RwkvError', code: 'disposed' });
  });
  test.each(ofModel)('%s rejects with disposed', async (_, call) => {
    const model = await load();
    await model.dispose();
    expect(await failure(call(model))).toMatchObject({ name: 'RwkvError', code: 'disposed' });
  });
});

describe('after the worker died', () => {
  async function dead() {
    const model = await load();
    const session = await model.createSession();
    await failure(session.append([200]));
    return { model, session };
  }
  test.each(ofSession)('%s rejects with worker-crashed', async (_, call) => {
    const { session } = await dead();
    expect(await failure(call(session))).toMatchObject({ name: 'RwkvError', code: 'worker-crashed' });
  });
  test.each(ofModel)('%s rejects with worker-crashed', async (_, call) => {
    const { model } = await dead();
    expect(await failure(call(model))).toMatchObject({ name: 'RwkvError', code: 'worker-crashed' });
  });
});

test('calls that wait for their turn when the session or the model goes reject with disposed', async () => {
  for (const whole of [false, true]) {
    const model = await load(5);
    const session = await model.createSession();
    const loop = session.complete('a');
    await loop.next();
    const waiting = [
      failure(session.append('x')),
      failure(textOf(session.complete('x'))),
      failure(session.fork()),
    ];
    await (whole ? model : session).dispose();
    expect(await failure(loop.next())).toMatchObject({ code: 'disposed' });
    for (const work of waiting) expect(await work).toMatchObject({ code: 'disposed' });
    await model.dispose();
  }
});

describe('memory that does not suffice', () => {
  test('for a model rejects its load, and the next one works', async () => {
    const error = await failure(fake.RWKV.load(bytes('fake: too large'), { tokenizer: 'bytes' }));
    expect([error.name, error.code]).toEqual(['RwkvError', 'out-of-memory']);
    await using model = await load();
    expect(await textOf((await model.createSession()).complete('a', { maxTokens: 1 }))).toBe('b');
  });

  test('for a session leaves the model and its sessions usable', async () => {
    await using model = await load();
    const session = await model.createSession();
    const error = await failure(model.createSession({ state: bytes('too large') }));
    expect([error.name, error.code]).toEqual(['RwkvError', 'out-of-memory']);
    expect(await textOf(session.complete('a', { maxTokens: 2 }))).toBe('bc');
    await model.createSession();
  });

  test('where nobody expected it kills the worker, and the next load works', async () => {
    const error = await failure(fake.RWKV.load(bytes('fake: dies'), { tokenizer: 'bytes' }));
    expect([error.name, error.code]).toEqual(['RwkvError', 'worker-crashed']);
    await using model = await load();
    const session = await model.createSession();
    const died = failure(model.createSession({ state: bytes('dies') }));
    expect(await died).toMatchObject({ name: 'RwkvError', code: 'worker-crashed' });
    expect(await failure(session.append('a'))).toMatchObject({ code: 'worker-crashed' });
    await (await load()).dispose();
  });
});
