// Calls that are wrong or cut short, on the embedded model: a documented code, and the session and the model go on as if
// the call had not been.
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { rwkv, rwkvEmbedding } from '../../dist/adapters/ai-sdk-node.js';
import { openai } from '../../dist/adapters/openai-node.js';
import { languageModel } from '../../dist/adapters/prompt-api-node.js';
import { type Model, RWKV, renderChat, type Session, store } from '../../dist/node.js';
import { oracle } from './command.js';
import { collect, failure, textOf } from './streams.js';

let model: Model;
let session: Session;
/** What the session says next when nothing came between. */
let expected: string;
const options = { maxTokens: 12 };

beforeAll(async () => {
  model = await RWKV.load();
  const fresh = await model.createSession({ seed: 7 });
  await fresh.append('Once upon a time');
  await textOf(fresh.complete(' the wolf', options));
  expected = await textOf(fresh.complete('', options));
});
afterAll(() => model.dispose());
beforeEach(async () => {
  session = await model.createSession({ seed: 7 });
  await session.append('Once upon a time');
  await textOf(session.complete(' the wolf', options));
});

/** The session stands where it stood, and the call before can still be taken back. */
async function isUntouched() {
  expect(await textOf((await session.fork()).complete('', options))).toBe(expected);
  await session.rewind();
  await textOf(session.complete(' the wolf', options));
  expect(await textOf(session.complete('', options))).toBe(expected);
}

const unknown = { nope: 1 } as object;
const long = 'The old king had three daughters. '.repeat(400);

describe('options that are no object are refused by', () => {
  const messages = [{ role: 'user', content: 'Who?' }] as const;
  const doors: [string, (options: object) => Promise<unknown>][] = [
    ['load', (options) => RWKV.load(oracle, options)],
    ['inspect', (options) => RWKV.inspect(oracle, options)],
    ['convert', (options) => collect(RWKV.convert(oracle, options))],
    ['createSession', (options) => model.createSession(options)],
    ['chat of a model', (options) => model.chat(messages, options).result],
    ['embed', (options) => model.embed('x', options)],
    ['complete', (options) => collect(session.complete('x', options))],
    ['the result of complete', (options) => session.complete('x', options).result],
    ['chat', (options) => collect(session.chat(messages, options))],
    ['generate', (options) => collect(session.generate('x', options))],
    ['stream', (options) => textOf(session.stream('x', options))],
    ['append', (options) => session.append('x', options)],
    ['logits', (options) => session.logits(options)],
    ['score', (options) => session.score('x', options)],
    ['save', (options) => session.save(options)],
    ['renderChat', async (options) => renderChat(messages, options)],
    ['download', (options) => store.download('http://127.0.0.1:9/x', options)],
    ['openai', async (options) => openai(model, options)],
    ['a request', (options) => openai(model).completions.create({ model: 'any', prompt: 'x' }, options)],
    ['rwkv', async (options) => rwkv(model, options)],
    ['rwkvEmbedding', async (options) => rwkvEmbedding(model, options)],
    ['languageModel', async (options) => languageModel(model, options)],
  ];
  const wrong: unknown[] = [null, 7, 'text', true];
  test.each(doors)('%s', async (_, call) => {
    for (const options of wrong) {
      const error = await failure(call(options as object));
      expect([error.name, error.code]).toEqual(['RwkvError', 'invalid-argument']);
      expect(error.message).toMatch(/^options: expected an object; found /);
    }
    await isUntouched();
  });
});

describe('lists with holes are refused, as', () => {
  const holed = <T>(item: T): T[] => Object.assign(new Array<T>(1), { 1: item });
  const user = { role: 'user', content: 'Who?' } as const;
  const part = { type: 'text', text: 'Who?' } as const;
  const client = () => openai(model);
  const common = { model: 'any', max_tokens: 1 };
  const lists: [string, () => Promise<unknown>][] = [
    ['messages', () => session.chat(holed(user), options).result],
    ['parts of a message', () => session.chat([{ ...user, content: holed(part) }], options).result],
    ['messages to render', async () => renderChat(holed(user))],
    ['stop texts', () => session.complete('', { stop: holed('x') }).result],
    ['banned tokens', () => session.complete('', { ban: holed(1) }).result],
    ['a prompt', () => session.append(holed(1))],
    ['texts of a request', () => client().completions.create({ ...common, prompt: holed('x') })],
    [
      'stop texts of a request',
      () => client().completions.create({ ...common, prompt: 'x', stop: holed('x') }),
    ],
    ['messages of a request', () => client().chat.completions.create({ ...common, messages: holed(user) })],
  ];
  test.each(lists)('%s', async (_, call) => {
    expect(await failure(call())).toMatchObject({ code: 'invalid-argument' });
    await isUntouched();
  });
});

describe('an unknown or mistyped option leaves everything as it was, of', () => {
  const wrong: [string, () => Promise<unknown>][] = [
    ['complete', () => textOf(session.complete(long, unknown))],
    ['the result of complete', () => session.complete(long, unknown).result],
    ['stream', () => textOf(session.stream(long, { topK: -1 }))],
    ['generate', () => collect(session.generate(long, { penaltyDecay: 2 }))],
    ['append', () => session.append(long, unknown)],
    ['logits', () => session.logits({ signal: 'x' } as object)],
    ['score', () => session.score(long, unknown)],
    ['save', () => session.save({ half: 1 } as object)],
    ['createSession', () => model.createSession(unknown)],
    ['the seed of createSession', () => model.createSession({ seed: -1 })],
    ['the state of createSession', () => model.createSession({ state: 7 } as object)],
    ['embed', () => model.embed(long, unknown)],
    ['inspect', () => RWKV.inspect(oracle, { build: 'fast' } as object)],
    ['convert', () => collect(RWKV.convert(oracle, { quantization: 'q1' } as object))],
  ];
  test.each(wrong)('%s', async (_, call) => {
    const error = await failure(call());
    expect([error.name, error.code]).toEqual(['RwkvError', 'invalid-argument']);
    expect(error.message).toMatch(
      /^(options: expected only .*; found 'nope'|option \w+: expected .*; found .*)$/,
    );
    await isUntouched();
  });
});

describe('a prompt or text of the wrong type leaves everything as it was, of', () => {
  const none = undefined as unknown as string;
  const wrong: [string, () => Promise<unknown>][] = [
    ['complete', () => textOf(session.complete(none))],
    ['generate', () => collect(session.generate([4096]))],
    ['append', () => session.append({} as string)],
    ['score', () => session.score([4096])],
    ['score after nothing', () => session.score('a', { after: '' })],
    ['embed', () => model.embed([-1])],
    ['tokenize', () => model.tokenize(7 as unknown as string)],
    ['detokenize', () => model.detokenize([1.5])],
  ];
  test.each(wrong)('%s', async (_, call) => {
    expect(await failure(call())).toMatchObject({ name: 'RwkvError', code: 'invalid-argument' });
    await isUntouched();
  });
});

describe('a call that is aborted before its start leaves everything as it was:', () => {
  const signal = AbortSignal.abort(new Error('too late'));
  const late: [string, () => Promise<unknown>][] = [
    ['complete', () => textOf(session.complete(long, { signal }))],
    [
      'complete with keepPartial: false',
      () => textOf(session.complete(long, { signal, keepPartial: false })),
    ],
    ['stream', () => textOf(session.stream(long, { signal }))],
    ['generate', () => collect(session.generate(long, { signal }))],
    ['append', () => session.append(long, { signal })],
    ['logits', () => session.logits({ signal })],
    ['score', () => session.score(long, { signal })],
    ['embed', () => model.embed(long, { signal })],
    ['load', () => RWKV.load(oracle, { tokenizer: false, signal })],
    ['inspect', () => RWKV.inspect(oracle, { signal })],
    ['convert', () => collect(RWKV.convert(oracle, { signal }))],
  ];
  test.each(late)('%s', async (_, call) => {
    expect(await failure(call())).toMatchObject({ message: 'too late' });
    await isUntouched();
  });
});

describe('a call that is aborted while it runs ends at once, and the model goes on:', () => {
  const running: [string, (signal: AbortSignal) => Promise<unknown>][] = [
    ['score', (signal) => session.score(long, { signal })],
    ['embed', (signal) => model.embed(long, { signal })],
    [
      'complete with keepPartial: false, in its prompt',
      (signal) => textOf(session.complete(long, { signal, keepPartial: false })),
    ],
  ];
  test.each(running)('%s', async (_, call) => {
    const controller = new AbortController();
    const work = failure(call(controller.signal));
    setTimeout(() => controller.abort(), 5);
    expect(await work).toMatchObject({ name: 'AbortError' });
    expect(await textOf(session.complete('', options))).toBe(expected);
  });

  test('convert, between two pieces', async () => {
    const controller = new AbortController();
    const pieces = RWKV.convert(oracle, { signal: controller.signal });
    await pieces.next();
    controller.abort();
    expect(await failure(pieces.next())).toMatchObject({ name: 'AbortError' });
    expect(await textOf(session.complete('', options))).toBe(expected);
  });
});

test('with keepPartial: false a call leaves nothing behind, at whatever moment it is aborted', async () => {
  for (let ticks = 0; ticks < 40; ticks++) {
    const controller = new AbortController();
    const { signal } = controller;
    const work = textOf(session.complete(' but', { ...options, signal, keepPartial: false })).catch(
      (error) => error.name,
    );
    for (let tick = 0; tick < ticks; tick++) await null;
    controller.abort();
    expect(await work).toBe('AbortError');
    const text = await textOf((await session.fork()).complete('', options));
    expect([ticks, text]).toEqual([ticks, expected]);
  }
});

test('a prompt that the vocabulary refuses rewinds nothing, with keepPartial: false too', async () => {
  await using bytes = await RWKV.load(oracle, { tokenizer: 'bytes' });
  const reader = await bytes.createSession();
  await reader.append('ab');
  await reader.append('cd');
  const before = await reader.logits();
  for (const call of [
    () => reader.append('x\0'),
    () => textOf(reader.complete('x\0')),
    () => textOf(reader.complete('x\0', { keepPartial: false })),
    () => reader.score('x\0'),
    () => bytes.embed('x\0'),
    () => bytes.tokenize('x\0'),
  ])
    expect(await failure(call())).toMatchObject({ name: 'RwkvError', code: 'bad-vocabulary' });
  expect(await reader.logits()).toEqual(before);
  for (let ticks = 0; ticks < 40; ticks++) {
    const controller = new AbortController();
    const { signal } = controller;
    const failed = failure(textOf(reader.complete('x\0', { signal, keepPartial: false })));
    for (let tick = 0; tick < ticks; tick++) await null;
    controller.abort();
    await failed;
    expect([ticks, await reader.logits()]).toEqual([ticks, before]);
  }
  await reader.rewind(); // before 'cd', not before 'ab'
  await reader.append('cd');
  expect(await reader.logits()).toEqual(before);
});

test('calls of every kind on one session run in the order in which they start, past those that fail', async () => {
  const [first, ...rest] = await Promise.allSettled([
    textOf(session.complete('', options)),
    session.append(long, unknown),
    textOf(session.complete('x', { topP: 2 })),
    session.rewind(),
    session.fork().then((fork) => textOf(fork.complete('', options))),
    session
      .save()
      .then(async (state) => textOf((await model.createSession({ state })).complete('', options))),
    session.reset(),
    session.rewind(),
    session.logits(),
    session.append('A king'),
    session.logits(),
  ]);
  expect(first).toEqual({ status: 'fulfilled', value: expected });
  const told = rest.map((outcome) =>
    outcome.status === 'rejected' ? outcome.reason.code : typeof outcome.value,
  );
  expect(told).toEqual([
    ...['invalid-argument', 'invalid-argument', 'undefined', 'string', 'string', 'undefined'],
    ...['invalid-argument', 'invalid-argument', 'object', 'object'], // fresh: nothing to go back to, no logits
  ]);
  expect(rest[3]).toEqual({ status: 'fulfilled', value: expected });
  expect(rest[4]).toEqual({ status: 'fulfilled', value: expected });
});

test('a state that cannot be read leaves the model usable', async () => {
  const [file, folder] = ['./bad-calls.test.ts', './'].map((name) =>
    fileURLToPath(new URL(name, import.meta.url)),
  );
  for (const [state, code] of [
    [file, 'bad-file'],
    [folder, 'read-failed'],
    ['no/such.state', 'read-failed'],
    [new Uint8Array(), 'bad-file'],
    [oracle, 'bad-model'],
  ] as const)
    expect([state, (await failure(model.createSession({ state }))).code]).toEqual([state, code]);
  expect(await textOf(session.complete('', options))).toBe(expected);
});
