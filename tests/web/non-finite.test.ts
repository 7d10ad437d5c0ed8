// A model whose numbers are not finite behind one of its tokens, through every door: an error that names the layer, and what others do
// goes on.
import { writeFileSync } from 'node:fs';
import { generateText, streamText } from 'ai';
import { rwkv, rwkvEmbedding } from 'rwkv-wasm/ai-sdk';
import { languageModel } from 'rwkv-wasm/prompt-api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createEndpoints } from '../../dist/adapters/openai/endpoints.js';
import { openai } from '../../dist/adapters/openai-node.js';
import { type Model, RWKV } from '../../dist/node.js';
import { createApp } from '../../dist/serve/app.js';
import { ended, folder, start } from './command.js';
import { reciter } from './reciter.js';
import { collect, failure } from './streams.js';

// It goes on from `:`, which templates end with, and from `a`; nothing is known behind `x`.
const recital = { vocabulary: 256, recites: [...Buffer.from(':ab')], broken: 'x'.charCodeAt(0) };
const file = reciter({ ...recital, recites: [...recital.recites, recital.broken] });
const load = () => RWKV.load(file, { tokenizer: 'bytes', quantization: 'f32' });

let model: Model;
beforeAll(async () => {
  model = await load();
});
afterAll(() => model.dispose());

const named = /the model's numbers are not finite from (the embedding|blocks\.0\.att) on/;
const told = { code: 'bad-model', message: expect.stringMatching(named) };
const greedy = { temperature: 0, max_tokens: 8 };
const messages = [{ role: 'user', content: 'h' }] as const;

describe('over HTTP', () => {
  const lines: string[] = [];
  const appOf = () =>
    createApp({
      ...{ endpoints: createEndpoints(RWKV.load, model, {}), apiKey: undefined, origins: [], bodyLimit: 1e6 },
      ...{ limits: { requests: 10, bytes: 1e6 }, host: '127.0.0.1', shutdown: new AbortController().signal },
      log: (line) => lines.push(line),
    });
  let app: ReturnType<typeof createApp>;
  beforeAll(() => {
    app = appOf();
  });
  const post = async (path: string, body: object) => {
    const text = JSON.stringify(body);
    const headers = {
      host: '127.0.0.1',
      'content-type': 'application/json',
      'content-length': `${text.length}`,
    };
    const { status, body: answer } = await app.fetch(
      new Request(`http://127.0.0.1/v1/${path}`, { method: 'POST', body: text, headers }),
    );
    return { status, text: await new Response(answer).text() };
  };
  /** Is answered while others fail. */
  const other = async () => {
    const { status, text } = await post('completions', { prompt: ':', ...greedy, max_tokens: 2 });
    return [status, JSON.parse(text).choices?.[0]?.text];
  };
  const message = expect.stringMatching(named);
  const error = { type: 'server_error', code: 'bad_model', param: null, message };
  const asked: [path: string, body: object][] = [
    ['completions', { prompt: 'ax', ...greedy }],
    ['completions', { prompt: 'a', ...greedy }],
    ['chat/completions', { messages, ...greedy }],
    ['responses', { input: 'h', temperature: 0, max_output_tokens: 16 }],
  ];

  const whole: typeof asked = [...asked, ['embeddings', { input: 'ax' }]];
  test.each(whole)('%s of %j is a status of the server, and its layer', async (path, body) => {
    lines.length = 0;
    const [{ status, text }, beside] = await Promise.all([post(path, body), other()]);
    expect([status, JSON.parse(text)]).toEqual([500, { error }]);
    expect(beside).toEqual([200, 'ab']);
    expect(lines).toEqual([expect.stringMatching(named)]);
    expect(await other()).toEqual([200, 'ab']);
  });

  test.each(asked)('%s of %j as a stream ends with an event that says so', async (path, body) => {
    const [{ status, text }, beside] = await Promise.all([post(path, { ...body, stream: true }), other()]);
    const events = text.split('\n\n').filter((event) => event !== '');
    const data = events.map((event) => event.replace(/^(event: .*\n)?data: /, ''));
    const { code } = error;
    const last =
      path === 'responses'
        ? { type: 'response.failed', response: { status: 'failed', error: { message, code } } }
        : { error };
    expect(status).toBe(200);
    expect(JSON.parse(data.at(-1) ?? '')).toMatchObject(last);
    expect(code).toBe('bad_model');
    expect(text).not.toContain('[DONE]');
    expect(beside).toEqual([200, 'ab']);
  });
});

describe('an adapter', () => {
  const options = { temperature: 0, maxRetries: 0 };

  test('of OpenAI throws the error of the package, with what HTTP answers', async () => {
    const client = openai(model);
    const failed = { ...told, status: 500, error: { code: 'bad_model', type: 'server_error' } };
    const whole = client.chat.completions.create({ messages: [...messages], ...greedy });
    expect(await failure(whole)).toMatchObject(failed);
    const stream = await client.completions.create({ prompt: 'a', ...greedy, stream: true });
    const pieces: string[] = [];
    const read = async () => {
      for await (const { choices } of stream) pieces.push(choices[0]?.text ?? '');
    };
    expect(await failure(read())).toMatchObject(failed);
    expect(pieces.join('')).toMatch(/^b/);
  });

  test('of the AI SDK rejects, and a stream has a part that says so', async () => {
    expect(await failure(generateText({ model: rwkv(model), prompt: 'h', ...options }))).toMatchObject(told);
    const errors: unknown[] = [];
    const { fullStream } = streamText({
      ...{ model: rwkv(model), prompt: 'h', ...options },
      onError: ({ error }) => void errors.push(error),
    });
    const parts = await collect(fullStream);
    expect(errors).toMatchObject([told]);
    expect(parts.map(({ type }) => type)).toContain('error');
    const embedding = rwkvEmbedding(model).doEmbed({ values: ['ax'] });
    expect(await failure(Promise.resolve(embedding))).toMatchObject(told);
  });

  test('of the Prompt API throws an OperationError, and its session goes on', async () => {
    const session = await languageModel(model, { defaults: { temperature: 0, maxTokens: 2 } }).create();
    for (const work of [() => session.prompt('ax'), () => collect(session.promptStreaming('ax'))]) {
      const error = await failure(work());
      expect(error).toMatchObject({ name: 'OperationError', message: expect.stringMatching(named) });
    }
    expect(await session.prompt(':')).toBe('ab');
    session.destroy();
  });
});

test('the command line says it and exits with 1, behind what was written', async () => {
  const place = folder();
  writeFileSync(place.path('model.gguf'), file);
  const flags = ['--model', place.path('model.gguf'), '--tokenizer', 'bytes', '--quantization', 'f32'];
  const child = start('complete', 'a', ...flags, '--temperature', '0', '--max-tokens', '8');
  const { code, stdout, stderr } = await ended(child);
  place.remove();
  expect([code, stdout]).toEqual([1, expect.stringMatching(/^ab/)]);
  expect(stderr).toMatch(/^rwkv-wasm: the model's numbers are not finite from the embedding on$/m);
});
