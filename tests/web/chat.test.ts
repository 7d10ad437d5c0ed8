// Conversations as text, and sessions that hold them.
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type ChatMessage,
  type ChatOptions,
  type GenerateOptions,
  type Model,
  RWKV,
  type RwkvError,
  renderChat,
  type Session,
  splitThinking,
} from '../../dist/node.js';
import { ReplyView } from '../../dist/page/chat/reply.js';
import { reciter } from './reciter.js';
import { sayer } from './sayer.js';
import { failure } from './streams.js';

const system: ChatMessage = { role: 'system', content: 'Be kind.' };
const hello: ChatMessage = { role: 'user', content: 'Hello' };
const hi: ChatMessage = { role: 'assistant', content: 'Hi!' };

describe('conversations as text', () => {
  test('turns are divided by blank lines and end where the reply begins', () => {
    expect(renderChat([hello])).toEqual({ prompt: 'User: Hello\n\nAssistant:', stop: ['\n\n'] });
    expect(
      renderChat([system, hello, hi, { role: 'user', content: 'Bye' }], { template: 'world' }).prompt,
    ).toBe('System: Be kind.\n\nUser: Hello\n\nAssistant: Hi!\n\nUser: Bye\n\nAssistant:');
    expect(renderChat([system, hello], { template: 'g1', think: 'auto' })).toEqual({
      prompt: 'System: Be kind.\n\nUser: Hello\n\nAssistant:',
      stop: ['\n\nUser:'],
    });
    expect(renderChat([{ role: 'user', content: '' }]).prompt).toBe('User:\n\nAssistant:');
  });

  test.each([
    [false, 'User: Hello\n\nAssistant: <think></think'],
    ['fast', 'User: Hello\n\nAssistant: <think>\n</think'],
    [true, 'User: Hello\n\nAssistant: <think'],
    ['short', 'User: Hello (think a bit)\n\nAssistant: <think'],
    ['long', 'User: Hello (think a lot)\n\nAssistant: <think'],
    ['auto', 'User: Hello\n\nAssistant:'],
  ] as const)('G1 models are asked to think: %s', (think, prompt) => {
    expect(renderChat([hello], { template: 'g1', think }).prompt).toBe(prompt);
  });

  test('only the last user is told how to think', () => {
    expect(renderChat([hello, hi, hello], { template: 'g1', think: 'short' }).prompt).toBe(
      'User: Hello\n\nAssistant: Hi!\n\nUser: Hello (think a bit)\n\nAssistant: <think',
    );
  });

  test('texts cannot look like the end of their turn', () => {
    const content = ' \r\n\r\nHello\r\n\r\n\n\nUser: x\r\ny\n ';
    expect(renderChat([{ role: 'user', content }]).prompt).toBe('User: Hello\nUser: x\ny\n\nAssistant:');
    const reply: ChatMessage = { role: 'assistant', content: '\r\none\r\n\r\ntwo\n' };
    expect(renderChat([reply, hello]).prompt).toBe('Assistant: one\ntwo\n\nUser: Hello\n\nAssistant:');
    expect(renderChat([reply, hello], { template: 'g1', think: 'auto' }).prompt).toBe(
      'Assistant: one\n\ntwo\n\nUser: Hello\n\nAssistant:',
    );
  });

  test('parts are joined, and a reply that has begun goes on', () => {
    const parts = ['Hel', 'lo'].map((text) => ({ type: 'text' as const, text }));
    expect(renderChat([{ role: 'user', content: parts }]).prompt).toBe('User: Hello\n\nAssistant:');
    expect(renderChat([hello, hi], { template: 'g1', think: true }).prompt).toBe(
      'User: Hello\n\nAssistant: Hi!',
    );
  });

  test.each<[unknown, unknown, string]>([
    ['Hello', {}, "messages: expected an array of messages; found 'Hello'"],
    [[], {}, 'messages: expected at least one; found none'],
    [[hello, null], {}, 'messages[1]: expected an object with role and content; found null'],
    [
      [{ role: 'bot', content: '' }],
      {},
      "messages[0].role: expected 'system', 'user' or 'assistant'; found 'bot'",
    ],
    [
      [{ role: 'toString', content: '' }],
      {},
      "messages[0].role: expected 'system', 'user' or 'assistant'; found 'toString'",
    ],
    [[{ role: 'user' }], {}, 'messages[0].content: expected a text or an array of parts; found undefined'],
    [
      [{ role: 'user', content: [{ type: 'image_url', image_url: '' }] }],
      {},
      "messages[0].content[0]: expected a part { type: 'text', text }; found 'image_url'",
    ],
    [
      [{ role: 'user', content: ['Hello'] }],
      {},
      "messages[0].content[0]: expected a part { type: 'text', text }; found 'Hello'",
    ],
    [[hello], { template: 'chatml' }, "option template: expected 'world' or 'g1'; found 'chatml'"],
    [
      [hello],
      { template: 'g1', think: 'hard' },
      "option think: expected true, false, 'auto', 'fast', 'short' or 'long'; found 'hard'",
    ],
    [[hello], { think: true }, "option think: expected to come with the template 'g1'; found 'world'"],
  ])('what is no conversation is refused: %j %j', (messages, options, message) => {
    expect(() => Reflect.apply(renderChat, undefined, [messages, options])).toThrow(
      expect.objectContaining({ code: 'invalid-argument', message }),
    );
  });
});

describe('replies as they are shown', () => {
  const shown = (view: ReplyView, ...pieces: string[]) => pieces.map((piece) => view.shown(piece));

  test('blanks before them are hidden, in whatever pieces they come', () => {
    expect(shown(new ReplyView('', /^\s*/), ' ', '\n', ' Hi', ' you')).toEqual(['', '', 'Hi', ' you']);
    expect(shown(new ReplyView('', /^>?\s*/), '>', '\n\n', '> a')).toEqual(['', '', '> a']);
    expect(shown(new ReplyView('<think', /^/), '>', 'Hm')).toEqual(['<think>', 'Hm']);
  });

  test('thinking is told from the answer', () => {
    expect(splitThinking('<think>\nHm.\n\nWell.\n</think>\nYes.')).toEqual({
      thinking: 'Hm.\n\nWell.',
      answer: 'Yes.',
    });
    expect(splitThinking('>Hm</think>Yes')).toEqual({ thinking: 'Hm', answer: 'Yes' });
    expect(splitThinking('<think>Hm')).toEqual({ thinking: 'Hm', answer: '' });
    expect(splitThinking(' Yes ')).toEqual({ thinking: '', answer: 'Yes' });
    expect(splitThinking('<think></think>Yes')).toEqual({ thinking: '', answer: 'Yes' });
  });
});

describe('sessions that hold a conversation', () => {
  let model: Model;
  beforeAll(async () => {
    model = await RWKV.load();
  });
  afterAll(() => model.dispose());

  // A template whose stop text the storyteller never writes.
  const format = { template: 'g1', think: 'auto' } as const;
  const steady: GenerateOptions = { temperature: 0, maxTokens: 60 };
  const calm: ChatOptions = { ...steady, ...format };
  // Where a session stands, told by its logits.
  const place = async (session: Session) =>
    createHash('sha256')
      .update(new Uint8Array((await session.logits()).buffer))
      .digest('hex');

  // A session that reads a text in the pieces given.
  async function reading(...texts: string[]): Promise<Session> {
    const session = await model.createSession({ seed: 1 });
    for (const text of texts) await session.append(text);
    return session;
  }

  test('a conversation is read as its text, and later calls add to it', async () => {
    const session = await model.createSession({ seed: 1 });
    const first = await session.chat([system, hello], { ...calm, maxTokens: 5 }).result;
    expect(first.finishReason).toBe('length');
    const plain = await model.createSession({ seed: 1 });
    const { prompt } = renderChat([system, hello]);
    const same = await plain.complete(prompt, { ...steady, maxTokens: 5 }).result;
    expect(same.text.trimStart()).toBe(first.text);
    expect(await place(session)).toEqual(await place(plain));

    await session.chat([hi, hello], { ...calm, maxTokens: 0 }).result;
    await plain.append(`\n\n${renderChat([hi, hello]).prompt}`);
    expect(await place(session)).toEqual(await place(plain));
  });

  test.each([
    ['in one token', 20, 1],
    ['over several tokens', 20, 12],
    ['with more in its last token', 30, 8],
    ['at the very beginning', 0, 3],
  ])('behind a stop text %s it stands where the reply ends', async (_, at, length) => {
    const prompt = renderChat([hello]).prompt;
    const session = await model.createSession({ seed: 1 });
    const whole = await session.complete(prompt, { ...steady, maxTokens: 150 }).result;
    const shown = whole.text.trimStart();
    const stop = shown.slice(at, at + length);
    const chat = await model.createSession({ seed: 1 });
    const { text: reply, finishReason } = await chat.chat([hello], { ...calm, maxTokens: 150, stop }).result;
    expect(finishReason).toBe('stop');
    expect(reply).toBe(shown.slice(0, shown.indexOf(stop)));
    const before = whole.text.slice(0, whole.text.length - shown.length + reply.length);
    // The same tokens as far as they lie in the reply, then the rest.
    let kept = 0;
    while (before.startsWith(await model.detokenize(whole.tokens.slice(0, kept + 1)))) kept++;
    const rest = before.slice((await model.detokenize(whole.tokens.slice(0, kept))).length);
    const expected = await reading(prompt);
    if (kept > 0) await expected.append(whole.tokens.slice(0, kept));
    if (rest !== '') await expected.append(rest);
    expect(await place(chat)).toEqual(await place(expected));
  });

  test('far into a long reply too', async () => {
    const prompt = renderChat([hello]).prompt;
    const free = await model.createSession({ seed: 5 });
    const long = { maxTokens: 200, temperature: 1, topP: 0.5, presencePenalty: 0.2 };
    const { text, tokens } = await free.complete(prompt, long).result;
    expect(tokens.length).toBeGreaterThan(100);
    const stop = text.slice(-12, -6);
    const chat = await model.createSession({ seed: 5 });
    const { stop: found } = await chat.chat([hello], { ...long, ...format, stop }).result;
    expect(found).toBe(stop);
    const before = text.slice(0, text.indexOf(stop));
    let kept = 0;
    while (before.startsWith(await model.detokenize(tokens.slice(0, kept + 1)))) kept++;
    const rest = before.slice((await model.detokenize(tokens.slice(0, kept))).length);
    const expected = await reading(prompt);
    await expected.append(tokens.slice(0, kept));
    if (rest !== '') await expected.append(rest);
    expect(await place(chat)).toEqual(await place(expected));
  });

  test.each([true, false])('a reply that is left or aborted (keepPartial %s)', async (keepPartial) => {
    const session = await model.createSession({ seed: 1 });
    await session.append('Once');
    const before = await place(session);
    let raw = '';
    const stop = ['never ever'];
    for await (const text of session.chat([hello], { ...calm, stop, keepPartial })) {
      raw += text;
      if (raw.length > 20) break;
    }
    if (!keepPartial) {
      expect(await place(session)).toEqual(before);
      return;
    }
    const plain = await model.createSession({ seed: 1 });
    await plain.append('Once');
    const { text, tokens } = await plain.complete(`\n\n${renderChat([hello]).prompt}`, steady).result;
    const told = text.slice(0, text.length - text.trimStart().length + raw.length);
    let kept = 0;
    while (told.startsWith(await model.detokenize(tokens.slice(0, kept + 1)))) kept++;
    expect(await model.detokenize(tokens.slice(0, kept))).toBe(told);
    const expected = await reading('Once', `\n\n${renderChat([hello]).prompt}`);
    await expected.append(tokens.slice(0, kept));
    expect(await place(session)).toEqual(await place(expected));
    await session.rewind();
    expect(await place(session)).toEqual(before);
  });

  test('what waits for the end of a stop text when the reply is left has not been said', async () => {
    const { prompt } = renderChat([hello]);
    const free = await model.createSession({ seed: 1 });
    const { text, tokens } = await free.complete(prompt, steady).result;
    const pieces = await Promise.all(tokens.map((token) => model.detokenize([token])));
    const long = pieces.findIndex((piece, i) => i > 3 && piece.length > 4);
    const at = pieces.slice(0, long).join('').length + 2; // in the middle of a token
    const stop = `${text.slice(at, at + 10)}#`; // which does not come
    const session = await model.createSession({ seed: 1 });
    let said = '';
    for await (const piece of session.chat([hello], { ...calm, stop })) {
      said += piece;
      if (said.length >= text.slice(0, at).trimStart().length) break;
    }
    expect(said).toBe(text.slice(0, at).trimStart());
    const expected = await reading(prompt);
    await expected.append(tokens.slice(0, long));
    await expected.append(text.slice(at - 2, at));
    expect(await place(session)).toEqual(await place(expected));
  });

  test('penalties count the reply and not the stop text, and chance goes on behind it', async () => {
    const { prompt } = renderChat([hello]);
    const free = await model.createSession({ seed: 3 });
    const drawn: GenerateOptions = { temperature: 1, topP: 0.9, maxTokens: 30, presencePenalty: 1 };
    const { text, tokens } = await free.complete(prompt, drawn).result;
    const kept = 20; // the stop text begins where a token does, and takes two
    const begin = (await model.detokenize(tokens.slice(0, kept))).length;
    const stop = text.slice(begin, (await model.detokenize(tokens.slice(0, kept + 2))).length);
    expect(text.indexOf(stop)).toBe(begin);

    const stopped = await model.createSession({ seed: 3 });
    await stopped.chat([hello], { ...drawn, ...format, stop }).result;
    const short = await model.createSession({ seed: 3 });
    await short.complete(prompt, { ...drawn, maxTokens: kept }).result;
    const same = await model.createSession({ seed: 3 });
    await same.complete(prompt, { ...drawn, maxTokens: kept + 2 }).result;
    const [behind, before, drew] = [await stopped.save(), await short.save(), await same.save()];
    const chance = (saved: Uint8Array) => [...saved.slice(24, 32)]; // src/session/saved_session.md
    expect(chance(behind)).toEqual(chance(drew));
    expect(chance(behind)).not.toEqual(chance(before));
    const greedy = { ...steady, presencePenalty: 3 };
    const next = await stopped.complete('', greedy).result;
    expect(next.text).toBe((await short.complete('', greedy).result).text);
  });

  test('rewind goes back to before the call, whatever ended it', async () => {
    const session = await reading('Once');
    const before = await place(session);
    const { finishReason } = await session.chat([hello], { ...calm, stop: ['a', 'e'] }).result;
    expect(finishReason).toBe('stop');
    expect(await place(session)).not.toEqual(before);
    await session.rewind();
    expect(await place(session)).toEqual(before);
  });

  test('a restored or forked conversation goes on letter for letter', async () => {
    const lively: ChatOptions = {
      ...format,
      maxTokens: 40,
      temperature: 1.3,
      frequencyPenalty: 0.3,
      stop: [' the', '.'],
    };
    const session = await model.createSession({ seed: 9 });
    await session.chat([system, hello], lively).result;
    const state = await session.save();
    const fork = await session.fork();
    const restored = await model.createSession({ state });
    const goOn = async (one: Session) => {
      const texts: string[] = [];
      for (let turn = 0; turn < 3; turn++) texts.push((await one.chat([hello], lively).result).text);
      return texts;
    };
    const texts = await goOn(session);
    expect(await goOn(restored)).toEqual(texts);
    expect(await goOn(fork)).toEqual(texts);
    expect(new Set(texts).size).toBe(3); // chance goes on over stop texts
  });

  test('the reply is a completion: pieces, result, usage', async () => {
    const session = await model.createSession({ seed: 1 });
    const chat = session.chat([hello], calm);
    const pieces: string[] = [];
    for await (const piece of chat) pieces.push(piece);
    const { text, usage, tokens } = await chat.result;
    expect(pieces.join('')).toBe(text);
    expect(text).toBe(text.trimStart());
    expect(usage.promptTokens).toBe((await model.tokenize(renderChat([hello]).prompt)).length);
    expect(usage.completionTokens).toBe(tokens.length);
  });

  test('blank lines before a reply do not end it, those behind it do', async () => {
    const session = await model.createSession({ seed: 1 });
    const { prompt } = renderChat([hello]);
    const raw = await session.complete(prompt, { ...steady, maxTokens: 150 }).result;
    const chat = await model.createSession({ seed: 1 });
    const { text, stop } = await chat.chat([hello], { ...steady, maxTokens: 150 }).result;
    expect(raw.text.startsWith('\n\n')).toBe(true); // as the storyteller likes to begin
    expect(text).toBe(raw.text.trimStart().split('\n\n')[0]);
    expect(stop).toBe('\n\n');
  });

  test('a thinking reply begins with its mark', async () => {
    const session = await model.createSession({ seed: 1 });
    const { text } = await session.chat([hello], { ...calm, think: true }).result;
    expect(text.startsWith('<think')).toBe(true);
  });

  test('what is wrong is told before anything is read', async () => {
    const session = await model.createSession({ seed: 1 });
    const refused = (messages: readonly ChatMessage[], options: object) =>
      failure(session.chat(messages, options).result);
    expect(await refused([], {})).toMatchObject({ code: 'invalid-argument' });
    expect(await refused([hello], { template: 'x' })).toMatchObject({ message: /^option template/ });
    const error = await refused([hello], { thinking: true });
    expect(error).toMatchObject({
      code: 'invalid-argument',
      message: expect.stringMatching(/think.*'thinking'/),
    });
    const unread: RwkvError | unknown = await failure(session.logits());
    expect(unread).toMatchObject({ code: 'invalid-argument' });
  });
});

test.each(['</think>', '</think>\n', '<</think>', '</thin</think>\n\n'])(
  'a thought that ends in %j comes before what a schema rules',
  async (end) => {
    const model = await sayer('k', '>\nHm </t', 'h', end);
    const session = await model.createSession();
    const options = { template: 'g1', think: true, jsonSchema: { const: 'yes' }, temperature: 0 } as const;
    const { text, finishReason } = await session.chat([hello], options).result;
    expect(text).toMatch(/^<think>\nHm <\/th.*<\/think>\n{0,2}"yes"$/s);
    expect(finishReason).toBe('end-of-text');
    await model.dispose();
  },
);

test('half a character that a token holds besides the reply is taken back', async () => {
  const { prompt } = renderChat([hello]);
  const letters = [...new Set(prompt), '.', 'é'];
  const tokens = [
    '<s>',
    ...letters.map((one) => (one === '\n' ? '\\n' : one)),
    '\\xa9',
    'Hi',
    '.\\xc3',
    '\\xa9!',
  ];
  const [colon, hi, half, rest] = [
    letters.indexOf(':') + 1,
    tokens.indexOf('Hi'),
    tokens.length - 2,
    tokens.length - 1,
  ];
  const model = await RWKV.load(
    reciter({ vocabulary: tokens.length, recites: [colon, hi, half, rest], tokens }),
  );
  for (const [stop, reply, read] of [
    ['é', 'Hi.', [hi, letters.indexOf('.') + 1]],
    ['!', 'Hi.é', [hi, half, hi - 1]], // the tokens of what is left: .é
    ['nothing', 'Hi.é!', [hi, half, rest]],
  ] as const) {
    const session = await model.createSession();
    const { text } = await session.chat([hello], { stop, temperature: 0 }).result;
    expect(text).toBe(reply);
    const expected = await model.createSession();
    await expected.append(prompt);
    await expected.append(read);
    expect(await session.logits()).toEqual(await expected.logits());
  }
  await model.dispose();
});
