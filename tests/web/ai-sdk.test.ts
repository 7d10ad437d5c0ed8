// The AI SDK itself on the storyteller.
import {
  callCompletionApi,
  cosineSimilarity,
  DefaultChatTransport,
  embedMany,
  generateObject,
  generateText,
  jsonSchema,
  Output,
  readUIMessageStream,
  streamText,
  TextStreamChatTransport,
  type UIMessage,
  type UIMessageChunk,
} from 'ai';
import { rwkv, rwkvEmbedding, rwkvFetch, rwkvTransport } from 'rwkv-wasm/ai-sdk';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { grammar } from '../../dist/grammar-node.js';
import { type CompletionResult, type GenerateOptions, type Model, RWKV } from '../../dist/node.js';
import { renderChat } from '../../dist/page/chat/transcript.js';
import { type FakePackage, fakeModel, fakePackage } from './fake/package.js';
import { collect, failure } from './streams.js';

let model: Model;
beforeAll(async () => {
  model = await RWKV.load(undefined, { grammar });
});
afterAll(() => model.dispose());

const start = 'Once upon a time there was a fox who';

/** What a session of the package itself says. */
async function completed(prompt: string, options: GenerateOptions): Promise<CompletionResult> {
  const session = await model.createSession();
  const result = await session.complete(prompt, options).result;
  await session.dispose();
  return result;
}

test('embedMany gives vectors of length 1, like ones for like texts', async () => {
  const values = [
    'The king had a daughter.',
    'The king had a son.',
    'Boil the milk, then stir in the flour.',
  ];
  const { embeddings, usage } = await embedMany({ model: rwkvEmbedding(model), values });
  const [king = [], son = [], milk = []] = embeddings;
  expect(king).toHaveLength(model.info.channels);
  expect(Math.hypot(...king)).toBeCloseTo(1, 5);
  expect(cosineSimilarity(king, son)).toBeGreaterThan(cosineSimilarity(king, milk));
  expect(usage.tokens).toBe((await model.tokenize(values.join(''))).length);
  const empty = embedMany({ model: rwkvEmbedding(model), values: [''], maxRetries: 0 });
  expect(await failure(empty)).toMatchObject({ code: 'invalid-argument' });
});

describe('streamText', () => {
  test('streams what the session says with that seed, and counts', async () => {
    const result = streamText({ model: rwkv(model), prompt: start, seed: 5, maxOutputTokens: 40 });
    const pieces = await collect(result.textStream);
    const expected = await completed(start, { seed: 5, maxTokens: 40 });
    expect(pieces.length).toBeGreaterThan(5);
    expect(pieces.join('')).toBe(expected.text);
    expect(await result.usage).toMatchObject({
      inputTokens: expected.usage.promptTokens,
      outputTokens: expected.usage.completionTokens,
      totalTokens: expected.usage.totalTokens,
    });
    expect(await result.finishReason).toBe('length');
    expect(await result.warnings).toEqual([]);
    expect(await result.response).toMatchObject({ modelId: model.info.name });
    expect(await result.providerMetadata).toHaveProperty('rwkv.decodeTokensPerSecond');
  });

  test('stops when it is aborted', async () => {
    const controller = new AbortController();
    const result = streamText({
      model: rwkv(model),
      prompt: start,
      maxOutputTokens: 100_000,
      providerOptions: { rwkv: { ban: [0] } }, // the text never ends by itself
      abortSignal: controller.signal,
    });
    const kinds: string[] = [];
    for await (const part of result.stream) {
      kinds.push(part.type);
      if (part.type === 'text-delta') controller.abort();
    }
    expect(kinds.at(-1)).toBe('abort');
    expect(kinds.filter((kind) => kind === 'text-delta').length).toBeLessThan(5);
  });

  test('stops when its stream is left, and the model goes on', async () => {
    const { stream } = await rwkv(model).doStream({
      prompt: [{ role: 'user', content: [{ type: 'text', text: start }] }],
      maxOutputTokens: 100_000,
      providerOptions: { rwkv: { ban: [0] } },
    });
    for await (const part of stream) if (part.type === 'text-delta') break;
    const { text } = await generateText({ model: rwkv(model), prompt: start, seed: 5, maxOutputTokens: 40 });
    expect(text).toBe((await completed(start, { seed: 5, maxTokens: 40 })).text);
  });

  test('tells what went wrong while it streams', async () => {
    const lonely = await RWKV.load();
    const errors: unknown[] = [];
    const result = streamText({
      model: rwkv(lonely),
      prompt: start,
      maxOutputTokens: 100_000,
      providerOptions: { rwkv: { ban: [0] } },
      onError: ({ error }) => {
        errors.push(error);
      },
    });
    for await (const _ of result.textStream) {
      await lonely.dispose();
    }
    expect(errors).toMatchObject([{ code: 'disposed' }]);
  });
});

describe('generateText', () => {
  test('reads the whole conversation as the template has it, and ends where the reply does', async () => {
    const messages = [
      { role: 'user', content: 'Tell me of a fox.' },
      { role: 'assistant', content: 'There was one.' },
      { role: 'user', content: 'And then?' },
    ] as const;
    const chat = rwkv(model, { template: 'world', defaults: { maxTokens: 60 } });
    const result = await generateText({
      model: chat,
      instructions: 'You tell tales.',
      messages: [...messages],
      seed: 5,
      stopSequences: ['.'],
    });
    const { prompt, stop } = renderChat([{ role: 'system', content: 'You tell tales.' }, ...messages]);
    const expected = await completed(prompt, { seed: 5, maxTokens: 60, stop: [...stop, '.'] });
    expect(result.text).toBe(expected.text.trimStart());
    expect(result.finishReason).toBe(expected.finishReason === 'length' ? 'length' : 'stop');
    expect(result.usage.inputTokens).toBe(expected.usage.promptTokens);
  });

  test('takes all settings, and options of its own', async () => {
    const options = {
      temperature: 1.5,
      topP: 0.9,
      topK: 40,
      presencePenalty: 1,
      frequencyPenalty: 0.5,
      seed: 9,
    };
    const result = await generateText({
      model: rwkv(model, { defaults: { temperature: 0, maxTokens: 30 } }),
      prompt: start,
      ...options,
      providerOptions: { rwkv: { minP: 0.02, penaltyDecay: 0.9 } },
    });
    const own = { minP: 0.02, penaltyDecay: 0.9, maxTokens: 30 };
    expect(result.text).toBe((await completed(start, { ...options, ...own })).text);
    const plain = (await completed(start, { seed: 9, maxTokens: 30 })).text;
    expect(result.text).not.toBe(plain);
  });

  test('refuses settings that are out of range, and unknown options', async () => {
    const ask = (settings: object) =>
      failure(generateText({ model: rwkv(model), prompt: start, maxRetries: 0, ...settings }));
    expect(await ask({ temperature: -1 })).toMatchObject({ code: 'invalid-argument' });
    expect(await ask({ providerOptions: { rwkv: { colour: 'red' } } })).toMatchObject({
      code: 'invalid-argument',
      message: expect.stringContaining('colour'),
    });
    expect(() => rwkv(model, { defaults: { topP: 2 } })).toThrow(/option topP/);
    // @ts-expect-error there is no such option
    expect(() => rwkv(model, { colour: 'red' })).toThrow(/colour/);
  });

  test('hears an abort before it starts and while it runs', async () => {
    const ask = (abortSignal: AbortSignal) =>
      failure(
        generateText({
          model: rwkv(model),
          prompt: start,
          maxOutputTokens: 100_000,
          providerOptions: { rwkv: { ban: [0] } },
          abortSignal,
          maxRetries: 0,
        }),
      );
    expect(await ask(AbortSignal.abort())).toMatchObject({ name: 'AbortError' });
    expect(await ask(AbortSignal.timeout(50))).toMatchObject({ name: 'TimeoutError' });
  });

  test('warns of tools of providers and of files, and leaves them out', async () => {
    const result = await rwkv(model).doGenerate({
      prompt: [
        {
          role: 'user',
          content: [
            { type: 'text', text: start },
            { type: 'file', mediaType: 'image/png', data: { type: 'data', data: new Uint8Array(4) } },
          ],
        },
      ],
      tools: [{ type: 'provider', id: 'them.search', name: 'search', args: {} }],
      reasoning: 'high',
      seed: 5,
      maxOutputTokens: 40,
    });
    const features = result.warnings.map((warning) => ('feature' in warning ? warning.feature : ''));
    expect(features).toEqual(['the tool search', 'reasoning', 'file parts']);
    expect(result.content).toEqual([
      { type: 'text', text: (await completed(start, { seed: 5, maxTokens: 40 })).text },
    ]);
  });

  test('loads its own model once, tells its name beforehand, and gives it back', async () => {
    const own = rwkv(undefined, { defaults: { maxTokens: 10 } });
    expect(own.modelId).toBe(model.info.name);
    const texts = await Promise.all([1, 1].map((seed) => generateText({ model: own, prompt: start, seed })));
    expect(texts[0]?.text).toBe(texts[1]?.text);
    await own.dispose();
    expect(await failure(generateText({ model: own, prompt: start, maxRetries: 0 }))).toMatchObject({
      code: 'disposed',
    });
    expect(rwkv('https://example.org/models/tale.safetensors?x=1').modelId).toBe('tale.safetensors');
  });
});

describe('a model that thinks', () => {
  // The fake core goes on with the alphabet behind `<think`.
  let fake: FakePackage;
  let thinker: Model;
  beforeAll(async () => {
    fake = await fakePackage();
    thinker = await fake.RWKV.load(fakeModel(0), { tokenizer: 'bytes' });
  });
  afterAll(async () => {
    await thinker.dispose();
    fake.remove();
  });

  test('has its thoughts apart from the text', async () => {
    const result = await generateText({
      model: rwkv(thinker, { template: 'g1', think: true }),
      prompt: 'Hm?',
    });
    expect([result.reasoningText, result.text]).toEqual(['lmnopqrstuvwxyz', '']);
    const { fullStream } = streamText({
      model: rwkv(thinker, { template: 'g1' }),
      prompt: 'Hm?',
      reasoning: 'medium',
    });
    const kinds = (await collect(fullStream)).map(({ type }) => type);
    expect(new Set(kinds)).toEqual(
      new Set([
        'start',
        'start-step',
        'reasoning-start',
        'reasoning-delta',
        'reasoning-end',
        'finish-step',
        'finish',
      ]),
    );
  });

  test('answers at once where it is told not to think', async () => {
    const model = rwkv(thinker, { template: 'g1', think: true });
    const { text, reasoningText } = await generateText({ model, prompt: 'Hm?', reasoning: 'none' });
    expect([text, reasoningText]).toEqual(['lmnopqrstuvwxyz', undefined]);
  });
});

describe('the hooks of a page', () => {
  /** What useCompletion does with a fetch. */
  async function complete(fetch: typeof globalThis.fetch, streamProtocol: 'data' | 'text', prompt = start) {
    const seen: string[] = [];
    const errors: Error[] = [];
    const text = await callCompletionApi({
      api: '/api/completion',
      prompt,
      credentials: undefined,
      headers: undefined,
      body: {},
      streamProtocol,
      setCompletion: (completion: string) => seen.push(completion),
      setLoading: () => {},
      setError: () => {},
      setAbortController: () => {},
      onFinish: undefined,
      onError: (error: Error) => errors.push(error),
      fetch,
    });
    return { text, seen, errors };
  }

  test.each(['data', 'text'] as const)('useCompletion reads the %s protocol', async (streamProtocol) => {
    const settings = { seed: 5, maxOutputTokens: 40 };
    const fetch = rwkvFetch(rwkv(model), { streamProtocol, settings });
    const { text, seen } = await complete(fetch, streamProtocol);
    expect(text).toBe((await completed(start, { seed: 5, maxTokens: 40 })).text);
    expect(seen.length).toBeGreaterThan(5);
  });

  test('a request that is wrong is told', async () => {
    const fetch = rwkvFetch(rwkv(model));
    for (const body of [
      'no JSON',
      '{}',
      '{"messages":[{"role":"user"}]}',
      '{"messages":[{"role":"x","parts":[]}]}',
    ]) {
      const response = await fetch('/api/chat', { method: 'POST', body });
      expect([response.status, await response.text()]).toEqual([
        400,
        expect.stringMatching(/body|messages\[0\]/),
      ]);
    }
    const { errors } = await complete(rwkvFetch(rwkv('/nowhere/none.safetensors')), 'data');
    expect(errors).toHaveLength(1);
    expect(errors[0]?.message).toMatch(/none.safetensors/);
  });

  test('fetch hears its signal', async () => {
    const controller = new AbortController();
    const fetch = rwkvFetch(rwkv(model), {
      settings: { providerOptions: { rwkv: { ban: [0], maxTokens: 100_000 } } },
    });
    const body = JSON.stringify({ prompt: start });
    const response = await fetch('/api', { method: 'POST', body, signal: controller.signal });
    const reader = response.body?.getReader();
    await reader?.read();
    controller.abort();
    const rest = async () => {
      while (!(await reader?.read())?.done);
    };
    expect(await failure(rest())).toMatchObject({ name: 'AbortError' });
    expect(await failure(fetch('/api', { body, signal: controller.signal }))).toMatchObject({
      name: 'AbortError',
    });
  });

  const messages: UIMessage[] = [
    { id: '1', role: 'user', parts: [{ type: 'text', text: 'Once upon a time ' }] },
    {
      id: '2',
      role: 'assistant',
      parts: [{ type: 'step-start' }, { type: 'text', text: 'there was a fox who' }],
    },
  ];
  const send = {
    trigger: 'submit-message' as const,
    chatId: 'chat',
    messageId: undefined,
    messages,
    abortSignal: undefined,
  };
  /** The text of the message that useChat makes of a transport's stream. */
  async function messageOf(stream: ReadableStream<UIMessageChunk>): Promise<string> {
    const states = await collect(readUIMessageStream({ stream }));
    return (states.at(-1)?.parts ?? []).map((part) => (part.type === 'text' ? part.text : '')).join('');
  }

  test('useChat talks through the transport, and through those of the SDK', async () => {
    const settings = { seed: 5, maxOutputTokens: 40 };
    const { text } = await completed(start, { seed: 5, maxTokens: 40 });
    const transports = [
      rwkvTransport(rwkv(model), settings),
      new DefaultChatTransport({ fetch: rwkvFetch(rwkv(model), { settings }) }),
      new TextStreamChatTransport({ fetch: rwkvFetch(rwkv(model), { streamProtocol: 'text', settings }) }),
    ];
    for (const transport of transports)
      expect(await messageOf(await transport.sendMessages(send))).toBe(text);
    expect(await rwkvTransport(rwkv(model)).reconnectToStream({ chatId: 'chat' })).toBe(null);
  });

  test('the transport refuses files', async () => {
    const file = { type: 'file' as const, mediaType: 'image/png', url: 'data:image/png;base64,AA==' };
    const withFile = { ...send, messages: [{ id: '1', role: 'user' as const, parts: [file] }] };
    expect(await failure(rwkvTransport(rwkv(model)).sendMessages(withFile))).toMatchObject({
      code: 'invalid-argument',
      message: expect.stringContaining('messages[0].parts[0]'),
    });
  });
});

test('structured output keeps to its schema', async () => {
  const schema = jsonSchema<{ animal: string; age: number }>({
    type: 'object',
    properties: { animal: { enum: ['fox', 'hen'] }, age: { type: 'integer', minimum: 0, maximum: 9 } },
    required: ['animal', 'age'],
    additionalProperties: false,
  });
  const { object } = await generateObject({ model: rwkv(model), schema, prompt: start, seed: 5 });
  const settings = { model: rwkv(model), prompt: start, seed: 5 };
  const { output } = await generateText({ ...settings, output: Output.object({ schema }) });
  const { partialOutputStream } = streamText({ ...settings, output: Output.object({ schema }) });
  const streamed = (await collect(partialOutputStream)).at(-1);
  for (const { animal, age } of [object, output, streamed ?? {}]) {
    expect(['fox', 'hen']).toContain(animal);
    expect(Number.isInteger(age)).toBe(true);
  }
});
