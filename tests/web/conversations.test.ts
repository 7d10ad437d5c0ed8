// What a session knows of its conversation, and whole conversations in one call.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type ChatMessage, type Model, RWKV, type Session } from '../../dist/node.js';
import { reciter } from './reciter.js';
import { failure } from './streams.js';

const hello: ChatMessage = { role: 'user', content: 'Hello' };
const bye: ChatMessage = { role: 'user', content: [{ type: 'text', text: 'Bye' }] };
const assistant = (content: string): ChatMessage => ({ role: 'assistant', content });
const short = { maxTokens: 6, temperature: 0 };

let model: Model;
let session: Session;
beforeAll(async () => {
  model = await RWKV.load();
});
afterAll(() => model.dispose());
beforeEach(async () => {
  session = await model.createSession({ seed: 1 });
});
afterEach(() => session.dispose());

const reply = async (messages: readonly ChatMessage[], options = {}) =>
  (await session.chat(messages, { ...short, ...options }).result).text;

describe('a session knows its conversation', () => {
  test('what it was given and what it replied, as texts of its own', async () => {
    expect(session.messages).toEqual([]);
    const mine = [{ ...hello }];
    const first = await reply(mine);
    Object.assign(mine[0] ?? {}, { content: 'changed' });
    expect(session.messages).toEqual([hello, assistant(first)]);
    const second = await reply([bye]);
    expect(session.messages).toEqual([
      hello,
      assistant(first),
      { role: 'user', content: 'Bye' },
      assistant(second),
    ]);
  });

  test('a reply that the caller has begun is one with what follows', async () => {
    const text = await reply([hello, assistant('Well, ')]);
    expect(session.messages).toEqual([hello, assistant(`Well, ${text}`)]);
  });

  test('of a reply that was left, what was delivered', async () => {
    let said = '';
    for await (const piece of session.chat([hello], short)) {
      said += piece;
      if (said !== '') break;
    }
    expect(session.messages).toEqual([hello, assistant(said)]);
  });

  test('nothing of a call that was refused or taken back', async () => {
    await reply([hello]);
    const { messages } = session;
    await failure(session.chat([], short).result);
    await failure(session.append([-1]));
    expect(session.messages).toBe(messages);
    for await (const _ of session.chat([bye], { ...short, keepPartial: false })) break;
    expect(session.messages).toEqual(messages);
    await reply([bye]);
    await session.rewind();
    expect(session.messages).toEqual(messages);
    expect(await failure(session.rewind())).toMatchObject({ code: 'invalid-argument' });
    expect(session.messages).toEqual(messages);
  });

  test('rewinding a call that said nothing leaves it as it is', async () => {
    await reply([hello]);
    const { messages } = session;
    await session.append(' and');
    await session.rewind();
    await session.complete(' so', short).result;
    await session.rewind();
    expect(session.messages).toEqual(messages);
  });

  test('an aborted prompt counts, as it does for the text', async () => {
    const long: ChatMessage = { role: 'user', content: 'so on '.repeat(2000) };
    const gone = new AbortController();
    const waits = session.chat([long], { ...short, signal: gone.signal, onProgress: () => gone.abort() });
    expect((await waits.result).finishReason).toBe('aborted');
    expect(session.messages).toMatchObject([{ role: 'user' }]);
    await session.rewind();
    expect(session.messages).toEqual([]);
  });

  test('forks take it along, resetting ends it', async () => {
    const text = await reply([hello]);
    const fork = await session.fork();
    await reply([bye]);
    expect(fork.messages).toEqual([hello, assistant(text)]);
    await session.reset();
    expect(session.messages).toEqual([]);
    expect(fork.messages).toHaveLength(2);
    await fork.dispose();
  });

  test('whoever gives it the whole conversation again is told, once', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    try {
      await reply([hello]);
      await reply([bye]);
      expect(warn).not.toHaveBeenCalled();
      await reply([...session.messages, hello]);
      await reply([...session.messages, hello]);
      expect(warn.mock.calls).toEqual([
        [expect.stringMatching(/^session\.chat: the first 4 of 5 messages .* model\.chat$/)],
      ]);
    } finally {
      warn.mockRestore();
    }
  });
});

test('a chat whose numbers are no longer finite is taken back whole', async () => {
  const letters = [...new Set('User: Helo\n\nAssistant:')].map((one) => (one === '\n' ? '\\n' : one));
  const tokens = ['<s>', ...letters, 'Hi', 'x'];
  const [colon, hi, broken] = [tokens.indexOf(':'), tokens.indexOf('Hi'), tokens.indexOf('x')];
  const recital = { vocabulary: tokens.length, recites: [colon, hi, broken], tokens };
  const model = await RWKV.load(reciter({ ...recital, broken }), { quantization: 'f32' });
  const session = await model.createSession();
  const { text } = await session.chat([hello], { temperature: 0, maxTokens: 1 }).result;
  const { messages } = session;
  expect(messages).toEqual([hello, assistant(text)]);
  const logits = await session.logits();
  for (const keepPartial of [true, false]) {
    const chat = session.chat([hello], { temperature: 0, keepPartial });
    expect(await failure(chat.result)).toMatchObject({
      code: 'bad-model',
      message: expect.stringMatching(/not finite from/),
    });
    expect(session.messages).toEqual(messages);
    expect(await session.logits()).toEqual(logits);
  }
  await model.dispose();
});

describe('a whole conversation in one call', () => {
  test('is what a fresh session replies', async () => {
    const text = await reply([hello]);
    const pieces: string[] = [];
    const chat = model.chat([hello], short);
    for await (const piece of chat) pieces.push(piece);
    expect(pieces.join('')).toBe(text);
    expect(await chat.result).toMatchObject({ text, finishReason: 'length' });
    const whole = [hello, assistant(text), bye];
    const fresh = await model.createSession();
    const expected = await fresh.chat(whole, short).result;
    await fresh.dispose();
    expect((await model.chat(whole, short).result).text).toBe(expected.text);
  });

  test('reads what is new alone', async () => {
    const start = [
      { role: 'user', content: 'A tale that no other call has told so far, of three foxes.' } as const,
    ];
    const first = await model.chat(start, short).result;
    const { usage } = await model.chat([...start, assistant(first.text), bye], short).result;
    expect(usage.cachedTokens).toBeGreaterThanOrEqual(first.usage.promptTokens);
  });

  test('gives its session back, however it ends', async () => {
    const created = vi.spyOn(model, 'createSession');
    for await (const _ of model.chat([hello], short)) break;
    await failure(model.chat([], short).result);
    const aborted = model.chat([hello], { ...short, signal: AbortSignal.abort() });
    expect(await aborted.result).toMatchObject({ text: '', finishReason: 'aborted' });
    await model.chat([hello], short).result;
    expect(created).toHaveBeenCalledTimes(4);
    for (const { value } of created.mock.results)
      await expect((await value).append('x')).rejects.toMatchObject({ code: 'disposed' });
    created.mockRestore();
  });

  test('begins when it is asked for', async () => {
    const created = vi.spyOn(model, 'createSession');
    const chat = model.chat([hello], short);
    await chat.return();
    expect(await chat.result).toMatchObject({ text: '', tokens: [], finishReason: 'aborted' });
    expect(created).not.toHaveBeenCalled();
    created.mockRestore();
  });
});

test.each([
  ['complete', () => session.complete('x')],
  ['chat', () => session.chat([hello])],
  ['generate', () => session.generate('x')],
  ['the chat of a model', () => model.chat([hello])],
])('%s that is left before its first piece settles', async (_, start) => {
  const left = start();
  await left.return(undefined);
  expect(await left.result).toMatchObject({ text: '', finishReason: 'aborted' });
  const failed = start();
  const error = new Error('no more');
  await expect(failed.throw(error)).rejects.toBe(error);
  await expect(failed.result).rejects.toBe(error);
  expect(session.messages).toEqual([]);
});
