// Halves of characters, as cut texts have them: each is U+FFFD to the core and costs nothing but itself, through every door
// that takes a text.
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openai } from '../../dist/adapters/openai-node.js';
import { grammar } from '../../dist/grammar-node.js';
import { type GenerateOptions, type Model, RWKV, renderChat } from '../../dist/node.js';
import { wellFormed } from '../../dist/shared/well-formed.js';
import { oracle } from './command.js';
import { collect, failure } from './streams.js';

/** Texts with halves at the start, in the middle, at the end, turned round and many, and as they are read. */
const texts = [
  ['\ud83dthe wolf', '\ufffdthe wolf'],
  ['\udc00the wolf', '\ufffdthe wolf'],
  ['the \ud83d wolf', 'the \ufffd wolf'],
  ['the wolf\ud83d', 'the wolf\ufffd'],
  ['the wolf\udead', 'the wolf\ufffd'],
  ['\ude00\ud83d, said the wolf', '\ufffd\ufffd, said the wolf'],
  ['\ud83d\ud83d\ude00 and a tail', '\ufffd😀 and a tail'],
  ['été \udead\udead\udead\udead: what is 2+2?', 'été \ufffd\ufffd\ufffd\ufffd: what is 2+2?'],
  ['\ud83d', '\ufffd'],
] as const;

/** What a call gives or throws. */
const outcome = (work: Promise<unknown>) => work.catch((error: unknown) => String(error));

const vocabularies = {
  bytes: 'bytes',
  'a trie': new TextEncoder().encode(
    Array.from({ length: 255 }, (_, i) => `${i + 1} b'\\x${(i + 1).toString(16).padStart(2, '0')}' 1\n`).join(
      '',
    ),
  ),
  'a tokenizer.json': new Uint8Array(
    readFileSync(new URL('../fixtures/tokenizer/byte-level.json', import.meta.url)),
  ),
} as const;

test('halves become U+FFFD, with and without the help of the engine', () => {
  const name = 'toWellFormed';
  const native = Object.getOwnPropertyDescriptor(String.prototype, name) ?? {};
  for (const [given, read] of texts) {
    expect(wellFormed(given)).toBe(read);
    Object.defineProperty(String.prototype, name, { ...native, value: undefined });
    expect(wellFormed(given)).toBe(read);
    Object.defineProperty(String.prototype, name, native);
    expect(wellFormed(read)).toBe(read);
  }
});

describe.each(Object.entries(vocabularies))('with %s', (_, tokenizer) => {
  let model: Model;
  beforeAll(async () => {
    const { reciter } = await import('./reciter.js');
    model = await RWKV.load(reciter({ vocabulary: 273, recites: [33] }), { tokenizer });
  });
  afterAll(() => model.dispose());

  test.each(texts)('%j is tokenized as %j', async (given, read) => {
    expect(await outcome(model.tokenize(given))).toEqual(await outcome(model.tokenize(read)));
    const session = await model.createSession();
    const score = async (text: string) => outcome(session.score(text));
    expect(await score(given)).toEqual(await score(read));
  });
});

describe('the storyteller', () => {
  let model: Model;
  beforeAll(async () => {
    model = await RWKV.load(undefined, { grammar });
  });
  afterAll(() => model.dispose());

  test.each(texts)('keeps all of %j', async (given, read) => {
    expect(await model.detokenize(await model.tokenize(given))).toBe(read);
  });

  /** Every place of the API that takes a text, as a call with that text there. */
  const complete = async (prompt: string, options: GenerateOptions) => {
    const session = await model.createSession({ seed: 3 });
    const { text, tokens, finishReason, stop } = await session.complete(prompt, { maxTokens: 6, ...options })
      .result;
    await session.dispose();
    return { text, tokens, finishReason, stop };
  };
  const places: Record<string, (text: string) => Promise<unknown>> = {
    tokenize: (text) => model.tokenize(text),
    embed: (text) => model.embed(text),
    score: async (text) => (await model.createSession()).score(text),
    async append(text) {
      const session = await model.createSession();
      return [(await session.append(text)).promptTokens, await session.logits()];
    },
    complete: (text) => complete(text, {}),
    'complete, echoed': (text) => complete(text, { echo: true }),
    async generate(text) {
      return collect((await model.createSession({ seed: 3 })).generate(text, { maxTokens: 4 }));
    },
    stop: (text) => complete('Once upon a time', { stop: [text, 'zzz'] }),
    grammar: (text) => complete('a', { grammar: `root ::= "${text}"`, maxTokens: 99 }),
    'a schema': (text) => complete('a', { jsonSchema: { const: text }, maxTokens: 99 }),
    'a schema, names': (text) =>
      complete('a', {
        jsonSchema: { type: 'object', properties: { [text]: { const: 1 } }, required: [text] },
        maxTokens: 99,
      }),
    async chat(text) {
      const session = await model.createSession({ seed: 3 });
      const messages = (['system', 'user', 'assistant'] as const).map((role) => ({ role, content: text }));
      const { tokens } = await session.chat(messages, { template: 'g1', maxTokens: 3, temperature: 0 })
        .result;
      return tokens;
    },
    'a rendered chat': (text) => model.tokenize(renderChat([{ role: 'user', content: text }]).prompt),
    async 'a request of OpenAI’s'(text) {
      const request = { model: 'any', seed: 3, max_tokens: 4, prompt: text, stop: text, echo: true } as const;
      return (await openai(model).completions.create(request)).choices;
    },
  };
  test.each(Object.keys(places))('%s: a half is U+FFFD', async (place) => {
    for (const [given, read] of texts) {
      expect([given, await places[place]?.(given)]).toEqual([given, await places[place]?.(read)]);
    }
  });
});

test.each([
  ['a path', (text: string) => RWKV.load(join(tmpdir(), `${text}.pth`))],
  ['the name of a file', (text: string) => RWKV.load(new File(['no model'], text))],
  ['kernels', (text: string) => RWKV.load(oracle, { kernels: text, tokenizer: false })],
] as const)('%s: a half is U+FFFD in what its error says', async (_, load) => {
  const { message } = await failure(load('the\ud83d wolf'));
  expect(message).toContain('the\ufffd wolf');
});
