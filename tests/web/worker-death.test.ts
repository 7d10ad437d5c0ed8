// A worker that dies at any message, on its way there or back: whatever was asked settles, and says so.
import { Worker } from 'node:worker_threads';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Model, RWKV, type Session } from '../../dist/node.js';
import { oracle } from './command.js';
import { type FakePackage, fakeModel, fakePackage } from './fake/package.js';
import { collect } from './streams.js';

let fake: FakePackage;
beforeAll(async () => {
  fake = await fakePackage();
});
afterAll(() => fake.remove());

const { postMessage, emit } = Worker.prototype;
afterEach(() => {
  Object.assign(Worker.prototype, { postMessage, emit });
});

/** Ends the worker of the n-th message; gives how many there were. */
function dieAt(n: number): () => number {
  let count = 0;
  Worker.prototype.postMessage = function (this: Worker, ...all) {
    postMessage.apply(this, all);
    if (++count === n) void this.terminate();
  };
  Worker.prototype.emit = function (this: Worker, name: string | symbol, ...all: unknown[]) {
    if (name === 'message' && ++count === n) {
      void this.terminate(); // what it has said is lost
      return true;
    }
    return Reflect.apply(emit, this, [name, ...all]);
  };
  return () => count;
}

const loadFake = () => fake.RWKV.load(fakeModel(), { tokenizer: 'bytes' });
const loadReal = () => RWKV.load(oracle, { tokenizer: 'bytes' });
const short = { maxTokens: 2, temperature: 0 };
type Work = (session: Session, model: Model) => Promise<unknown>;
const operations: Readonly<Record<string, Work>> = {
  append: (session) => session.append('abc'),
  complete: (session) => collect(session.complete('a', short)),
  'complete by its result': (session) => session.complete('a', short).result,
  'complete without keeping it': (session) => session.complete('a', { ...short, keepPartial: false }).result,
  'leave a loop': async (session) => {
    for await (const _ of session.complete('a', short)) break;
  },
  chat: (session) => session.chat([{ role: 'user', content: 'a' }], short).result,
  'chat of a model': (_, model) => model.chat([{ role: 'user', content: 'a' }], short).result,
  'save, fork, rewind, reset': async (session) => {
    await session.append('a');
    await session.save();
    await (await session.fork()).dispose();
    await session.rewind();
    await session.reset();
  },
  logits: async (session) => {
    await session.append('a');
    await session.logits();
  },
  'a session of a state': async (_, model) => {
    await model.createSession({ state: new TextEncoder().encode('state 7') });
  },
  'dispose of both': async (session, model) => {
    await session.dispose();
    await model.dispose();
  },
  'two at once': (session, model) =>
    Promise.allSettled([session.append('abc'), model.chat([{ role: 'user', content: 'a' }], short).result]),
  load: async () => (await loadFake()).dispose(),
};
/** Of these the fake core knows nothing. */
const real: typeof operations = {
  'score and embed': async (session, model) => {
    await session.score('abc');
    await model.embed('abc');
  },
  'tokenize, detokenize, vocabulary': async (_, model) => {
    await model.detokenize(await model.tokenize('abc'));
    await model.vocabulary();
  },
  inspect: () => RWKV.inspect(oracle),
  convert: () => collect(RWKV.convert(oracle)),
};
let crashes = 0;

/** What became of the work, and of how many messages it was, where the worker dies at the n-th. */
async function dying(
  n: number,
  load: () => Promise<Model>,
  work: Work,
): Promise<{ readonly error: unknown; readonly messages: number }> {
  const model = await load();
  const session = await model.createSession();
  const count = dieAt(n);
  const error: unknown = await work(session, model).then(
    () => undefined,
    (error: unknown) => error,
  );
  const messages = count();
  Object.assign(Worker.prototype, { postMessage, emit });
  await session.dispose();
  await model.dispose();
  return { error, messages };
}

const cases = [
  ...Object.entries(operations).map(([name, work]) => [name, loadFake, work] as const),
  ...Object.entries(real).map(([name, work]) => [name, loadReal, work] as const),
];

test.each(cases)('%s', async (_, load, work) => {
  const { messages, error } = await dying(0, load, work);
  expect(error).toBeUndefined();
  // Each of the first; of those that are alike every ninth.
  for (let n = 1; n <= messages; n += n < 8 ? 1 : 9) {
    const { error } = await dying(n, load, work);
    if (error === undefined) continue; // the last messages of some calls are for nobody
    crashes++;
    const code = 'worker-crashed';
    expect(error, `message ${n} of ${messages}`).toMatchObject({ name: 'RwkvError', code });
  }
});

test('a death is noticed at most of the messages', () => {
  expect(crashes).toBeGreaterThan(60);
});
