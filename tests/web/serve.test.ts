// The server as its clients meet it: the real command, asked by OpenAI's own client and by plain HTTP.
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openai } from '../../dist/adapters/openai-node.js';
import { type Model, RWKV } from '../../dist/node.js';
import { clientOf, killAll, run, type Server, start, stop } from './server.js';
import { collect, failure } from './streams.js';

let shared: Server | undefined;
let model: Model;
beforeAll(async () => {
  [shared, model] = await Promise.all([start(), RWKV.load()]);
});
afterAll(async () => {
  await model.dispose();
  if (shared) await stop(shared);
  killAll();
});

function there(): Server {
  if (!shared) throw new Error('no server');
  return shared;
}

const prompt = 'Once upon a time';
const messages = [{ role: 'user', content: 'Tell me of a wolf.' }] as const;
const params = { model: 'any', prompt, seed: 7, max_tokens: 30 };
const endless = { model: 'any', prompt, max_tokens: 1e9, logit_bias: { 0: -100 } };

const post = (url: string, body: string, headers: Record<string, string> = {}) =>
  fetch(`${url}/v1/completions`, {
    method: 'POST',
    body,
    headers: { 'Content-Type': 'application/json', ...headers },
  });

describe('answers', () => {
  test('are the texts of sessions and of the client in the process', async () => {
    const { client } = there();
    const session = await model.createSession({ seed: 7 });
    const { text } = await session.complete(prompt, { ...model.info.sampling, maxTokens: 30 }).result;
    const local = await openai(model, { usesRecommended: true }).completions.create(params);
    const remote = await client.completions.create(params);
    expect(remote.choices[0]?.text).toBe(text);
    expect({ ...remote, id: 0, created: 0 }).toEqual({ ...local, id: 0, created: 0 });
    expect(remote).toMatchObject({ model: 'rwkv7-tales-8.0M-q4', usage: { completion_tokens: 30 } });
  });

  test('to chats are those of the client in the process, whole and as a stream', async () => {
    const { client } = there();
    const chat = { model: 'gpt-4o', messages: [...messages], seed: 4, max_completion_tokens: 30, n: 2 };
    const local = await openai(model, { usesRecommended: true }).chat.completions.create(chat);
    const remote = await client.chat.completions.create(chat);
    expect(remote.choices).toEqual(local.choices);
    const texts = ['', ''];
    const reasons: unknown[] = [];
    const stream = await client.chat.completions.create({
      ...chat,
      stream: true,
      stream_options: { include_usage: true },
    });
    let usage: unknown;
    for await (const chunk of stream) {
      usage = chunk.usage;
      for (const { index, delta, finish_reason } of chunk.choices) {
        texts[index] += delta.content ?? '';
        if (finish_reason) reasons[index] = finish_reason;
      }
    }
    expect(texts).toEqual(remote.choices.map(({ message }) => message.content));
    expect(reasons).toEqual(remote.choices.map(({ finish_reason }) => finish_reason));
    const tokens = remote.usage?.prompt_tokens;
    expect(usage).toEqual({ ...remote.usage, prompt_tokens_details: { cached_tokens: tokens } });
  });

  test("are read by the helpers of OpenAI's client", async () => {
    const { client } = there();
    const runner = client.chat.completions.stream({
      model: 'any',
      messages: [...messages],
      seed: 4,
      max_tokens: 12,
    });
    const final = await runner.finalChatCompletion();
    const whole = await client.chat.completions.create({
      ...{ model: 'any', messages: [...messages], seed: 4, max_tokens: 12 },
    });
    expect(final.choices[0]?.message.content).toBe(whole.choices[0]?.message.content);
  });

  test('as streams are server-sent events that end with [DONE]', async () => {
    const response = await post(there().url, JSON.stringify({ ...params, stream: true }));
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    const events = (await response.text()).split('\n\n');
    expect(events.slice(-2)).toEqual(['data: [DONE]', '']);
    const texts = events
      .slice(0, -2)
      .map((event) => JSON.parse(event.slice('data: '.length)).choices[0].text);
    expect(texts.length).toBeGreaterThan(20);
    expect(texts.join('')).toBe((await there().client.completions.create(params)).choices[0]?.text);
  });

  test('tell the model, and whether the server is well', async () => {
    const { client, url } = there();
    const models = await collect(client.models.list());
    expect(models).toEqual([expect.objectContaining({ id: 'rwkv7-tales-8.0M-q4', object: 'model' })]);
    expect(await client.models.retrieve('rwkv7-tales-8.0M-q4')).toMatchObject({ object: 'model' });
    for (const name of ['gpt-4o', 'owner/name', 'owner/a b.gguf'])
      expect(await client.models.retrieve(name)).toMatchObject({ id: 'rwkv7-tales-8.0M-q4' });
    expect(await (await fetch(`${url}/health`)).json()).toEqual({ status: 'ok' });
  });

  test('of embeddings are vectors of length 1, as lists and in base64', async () => {
    const { client } = there();
    const input = ['The king had a daughter.', 'The king had a son.', 'Boil the milk.'];
    const lists = await client.embeddings.create({ model: 'any', input, encoding_format: 'float' });
    const packed = await client.embeddings.create({ model: 'any', input }); // asks for base64
    const ids = await Promise.all(input.map((text) => model.tokenize(text)));
    const ofIds = await client.embeddings.create({ model: 'any', input: ids, encoding_format: 'float' });
    expect(ofIds).toEqual(lists);
    expect(lists.usage.prompt_tokens).toBe(ids.flat().length);
    for (const [i, text] of input.entries()) {
      const vector = await model.embed(text);
      const length = Math.hypot(...vector);
      const embedding = lists.data[i]?.embedding ?? [];
      expect(packed.data[i]).toMatchObject({ index: i, embedding });
      expect(embedding).toHaveLength(model.info.channels);
      expect(Math.hypot(...embedding)).toBeCloseTo(1, 5);
      for (const [c, x] of embedding.entries()) expect(x).toBeCloseTo((vector[c] ?? Number.NaN) / length, 5);
    }
    const one = await client.embeddings.create({
      model: 'any',
      input: input[0] ?? '',
      encoding_format: 'float',
    });
    expect(one.data[0]).toEqual(lists.data[0]);
  });

  test.each<[object, string]>([
    [{}, 'input'],
    [{ input: '' }, 'input'],
    [{ input: [] }, 'input'],
    [{ input: ['a', ''] }, 'input'],
    [{ input: [[]] }, 'input'],
    [{ input: Array(2049).fill('a') }, 'input'],
    [{ input: 'a', dimensions: 3 }, 'dimensions'],
    [{ input: 'a', encoding_format: 'int8' }, 'encoding_format'],
  ])('to embeddings of %j are refusals', async (body, param) => {
    const error = await failure(there().client.post('/embeddings', { body }));
    expect(error).toMatchObject({ status: 400, param });
  });

  test('to 32 at once, of whom 8 leave, are those that each gets alone', async () => {
    const { client } = there();
    const ask = async (i: number): Promise<string | undefined> => {
      const stream = await client.completions.create({
        ...params,
        prompt: `${prompt} ${i}`,
        seed: i,
        stream: true,
      });
      let text = '';
      let chunks = 0;
      for await (const chunk of stream) {
        text += chunk.choices[0]?.text ?? '';
        if (i % 4 !== 3 || ++chunks < 5) continue;
        stream.controller.abort();
        return undefined;
      }
      return text;
    };
    const together = await Promise.all(Array.from({ length: 32 }, (_, i) => ask(i)));
    expect(together.filter((text) => text === undefined)).toHaveLength(8);
    const alone = openai(model, { usesRecommended: true, parallel: 1 });
    for (const [i, text] of together.entries()) {
      if (text === undefined) continue;
      const { choices } = await alone.completions.create({ ...params, prompt: `${prompt} ${i}`, seed: i });
      expect(text).toBe(choices[0]?.text);
    }
    expect(there().out.stderr).toBe('');
  });
});

describe('bad requests', () => {
  const json = (body: unknown) => JSON.stringify(body);

  test.each<[what: string, body: string, status: number, error: object]>([
    ['no JSON', '{ "prompt": ', 400, { code: 'invalid_json' }],
    ['nothing', '', 400, { code: 'invalid_json' }],
    ['a list', '[]', 400, { param: null }],
    ['null', 'null', 400, { param: null }],
    ['no prompt', json({ model: 'any' }), 400, { param: 'prompt', code: 'missing_required_parameter' }],
    ['a mistyped field', json({ prompt, temperature: '1' }), 400, { param: 'temperature' }],
    ['a field out of range', json({ prompt, top_p: 2 }), 400, { param: 'top_p' }],
    ['a mistyped field of a stream', json({ prompt, stream: true, n: 'two' }), 400, { param: 'n' }],
    [
      'an unknown token',
      json({ prompt, logit_bias: { 4096: 1 }, stream: true }),
      400,
      { param: 'logit_bias' },
    ],
    ['too much', json({ prompt: 'a'.repeat(5_000_000) }), 413, { code: 'request_too_large' }],
  ])('%s: refused', async (_, body, status, error) => {
    const response = await post(there().url, body);
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(await response.json()).toEqual({
      error: {
        message: expect.any(String),
        type: 'invalid_request_error',
        param: null,
        code: expect.any(String),
        ...error,
      },
    });
  });

  test('that do not tell how large they are are refused where they get too large', async () => {
    const pieces = new ReadableStream({
      pull: (controller) => controller.enqueue(new TextEncoder().encode('a'.repeat(100_000))),
    });
    const request = {
      method: 'POST',
      body: pieces,
      duplex: 'half',
      headers: { 'Content-Type': 'application/json' },
    } as const;
    const answer = await fetch(`${there().url}/v1/completions`, request).then(
      ({ status }) => status,
      () => 'cut', // the client may hear of the end of the connection first
    );
    expect([413, 'cut']).toContain(answer);
    expect((await fetch(`${there().url}/health`)).status).toBe(200);
  });

  test.each([
    ['GET', '/v1/completions', 405, 'POST, OPTIONS'],
    ['PUT', '/v1/chat/completions', 405, 'POST, OPTIONS'],
    ['GET', '/embeddings', 405, 'POST, OPTIONS'],
    ['DELETE', '/v1/models/x', 405, 'GET, HEAD, OPTIONS'],
    ['POST', '/health', 405, 'GET, HEAD, OPTIONS'],
    ['GET', '/v1/nothing', 404, null],
    ['POST', '/', 404, null],
  ])('%s %s: %i', async (method, path, status, allow) => {
    const response = await fetch(there().url + path, { method });
    expect([response.status, response.headers.get('allow')]).toEqual([status, allow]);
    expect(await response.json()).toMatchObject({ error: { type: 'invalid_request_error' } });
  });

  test.each(['text/plain', 'application/x-www-form-urlencoded'])('of the type %s: 415', async (type) => {
    const response = await post(there().url, json({ prompt }), { 'Content-Type': type });
    expect(response.status).toBe(415);
    expect(await response.json()).toMatchObject({ error: { message: expect.stringContaining(type) } });
  });

  test("are errors of OpenAI's client", async () => {
    const error = await failure(there().client.completions.create({ ...params, temperature: 101 }));
    expect(error).toBeInstanceOf(OpenAI.BadRequestError);
    expect(error).toMatchObject({ status: 400, param: 'temperature', type: 'invalid_request_error' });
  });
});

describe('a client that leaves', () => {
  // With one text at a time, another is answered only when the work for the one who left has ended.
  let one: Server;
  beforeAll(async () => {
    one = await start(['--parallel', '1']);
  });
  afterAll(() => stop(one));

  const isAnswered = async () =>
    expect((await one.client.completions.create(params)).choices[0]?.finish_reason).toBe('length');

  test('in the middle of a stream ends it', async () => {
    const stream = await one.client.completions.create({ ...endless, stream: true });
    let chunks = 0;
    for await (const _ of stream) if (++chunks === 5) stream.controller.abort();
    expect(chunks).toBeGreaterThanOrEqual(5);
    await isAnswered();
  });

  test('while its prompt is read, or while it waits, ends that', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const long = { ...endless, prompt: 'The wolf. '.repeat(100_000) };
    const reads = failure(one.client.completions.create(long, { signal }));
    const stream = await one.client.completions.create({ ...long, stream: true }, { signal });
    const streams = collect(stream); // it has begun, and just ends
    setTimeout(() => controller.abort(), 300);
    expect(await reads).toBeInstanceOf(OpenAI.APIUserAbortError);
    expect(await streams).toEqual([]);
    await isAnswered();
  });

  test('before an answer that is no stream ends it', async () => {
    const signal = AbortSignal.timeout(200);
    expect(await failure(one.client.completions.create(endless, { signal }))).toBeInstanceOf(
      OpenAI.APIUserAbortError,
    );
    await isAnswered();
    expect(one.out.stderr).toBe('');
  });
});

test.each([
  ['--api-key', ['--api-key', 'secret'], {}],
  ['RWKV_WASM_API_KEY', [], { RWKV_WASM_API_KEY: 'secret' }],
])('with %s only those who know the key are answered', async (_, flags, env) => {
  const server = await start(flags, env);
  const right = clientOf(server.url, 'secret');
  expect((await right.completions.create(params)).choices).toHaveLength(1);
  const error = await failure(clientOf(server.url, 'secret2').completions.create(params));
  expect(error).toMatchObject({ status: 401, code: 'invalid_api_key' });
  const response = await fetch(`${server.url}/v1/models`);
  expect([response.status, response.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
  expect((await fetch(`${server.url}/health`)).status).toBe(200);
  await stop(server);
});

test('flags say the limits, the names, the defaults of requests and who may ask', async () => {
  const server = await start([
    ...['--body-limit', '200', '--name', 'tales', '--max-tokens', '3', '--temperature', '0'],
    ...[
      '--cors',
      'https://example.com',
      '--cors',
      'http://a.example,http://b.example',
      '--threads',
      '1',
      '--build',
      'baseline',
      '--chat-template',
      'g1',
    ],
  ]);
  const { usage, model: name } = await server.client.completions.create({ model: 'any', prompt });
  expect([name, usage?.completion_tokens]).toEqual(['tales', 3]);
  for (const [body, status] of [
    [{ prompt: 'a'.repeat(200) }, 413],
    [{ prompt: 'a' }, 200],
    [{ prompt: 'a', stream: true }, 200],
  ] as const) {
    const response = await post(server.url, JSON.stringify(body), { Origin: 'https://example.com' });
    expect(response.status).toBe(status);
    expect(response.headers.get('access-control-allow-origin')).toBe('https://example.com');
    await response.text();
  }
  const asked = await fetch(`${server.url}/v1/completions`, {
    method: 'OPTIONS',
    headers: {
      Origin: 'https://example.com',
      'Access-Control-Request-Method': 'POST',
      'Access-Control-Request-Headers': 'authorization,content-type',
    },
  });
  expect(asked.status).toBe(204);
  expect(asked.headers.get('access-control-allow-origin')).toBe('https://example.com');
  expect(asked.headers.get('access-control-allow-headers')).toBe('authorization,content-type');
  for (const [origin, status] of [
    ['http://b.example', 200],
    ['http://c.example', 403],
  ] as const)
    expect((await fetch(`${server.url}/health`, { headers: { Origin: origin } })).status).toBe(status);
  const chat = { messages: [...messages], seed: 1, max_tokens: 8 };
  const format = { chat: { template: 'g1' }, usesRecommended: true } as const;
  const local = openai(model, { ...format, defaults: { temperature: 0 } });
  const remote = await server.client.chat.completions.create({ model: 'any', ...chat });
  expect(remote.choices).toEqual((await local.chat.completions.create(chat)).choices);
  await stop(server);
  const silent = await fetch(`${there().url}/health`, { headers: { Origin: 'https://example.com' } });
  expect(silent.headers.get('access-control-allow-origin')).toBeNull();
});

describe('asked to end', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('by %s a running stream comes to its own end', async (signal) => {
    const server = await start();
    const stream = await server.client.completions.create({ ...params, max_tokens: 400, stream: true });
    let text = '';
    let reason: unknown;
    for await (const { choices } of stream) {
      if (text === '') server.child.kill(signal);
      text += choices[0]?.text ?? '';
      reason = choices[0]?.finish_reason;
    }
    expect(await server.ended).toBe(0);
    expect(reason).toMatch(/^(length|stop)$/);
    const local = await openai(model, { usesRecommended: true }).completions.create({
      ...params,
      max_tokens: 400,
    });
    expect(text).toBe(local.choices[0]?.text);
    await expect(fetch(`${server.url}/health`)).rejects.toThrow();
  });

  test('answers that take too long are ended, and told why', async () => {
    const server = await start(['--grace', '0']);
    const whole = failure(server.client.completions.create(endless));
    const stream = await server.client.completions.create({ ...endless, stream: true });
    let chunks = 0;
    const error = await failure(
      (async () => {
        for await (const _ of stream) if (++chunks === 3) server.child.kill('SIGTERM');
      })(),
    );
    expect(error).toBeInstanceOf(OpenAI.APIError);
    expect(error).toMatchObject({ message: expect.stringContaining('shutting down'), code: 'shutting_down' });
    expect(await whole).toMatchObject({ status: 503, code: 'shutting_down' });
    expect(await server.ended).toBe(0);
    expect(server.out.stderr).toBe('');
  });

  test('with a connection that is kept alive it does not wait for it', async () => {
    const server = await start();
    await (await fetch(`${server.url}/health`)).text();
    await stop(server);
  });
});

test('--log writes a line for each request', async () => {
  const server = await start(['--log']);
  await (await fetch(`${server.url}/health`)).text();
  await fetch(`${server.url}/v1/nothing?key=secret`);
  await server.client.completions.create({ model: 'x', prompt: 'The', max_tokens: 1 });
  await stop(server);
  const lines = server.out.stderr
    .trimEnd()
    .split('\n')
    .map((line) => line.slice(line.indexOf(' ') + 1));
  expect(lines).toEqual([
    expect.stringMatching(/^GET \/health 200 \d+ ms$/),
    expect.stringMatching(/^GET \/v1\/nothing 404 \d+ ms$/),
    expect.stringMatching(/^POST \/v1\/completions 200 \d+ ms 1\+1 tokens$/),
  ]);
});

test('a port that is in use and flags that are wrong are told', async () => {
  const { port } = new URL(there().url);
  const second = run(['--port', port]);
  expect(await second.ended).toBe(1);
  expect(second.out).toEqual({
    stdout: '',
    stderr: expect.stringContaining(`port ${port} of 127.0.0.1 is in use`),
  });
  for (const [flags, reason] of [
    [['--port', '65536'], /--port: expected an integer from 0 to 65535; found 65536/],
    [['--port', 'http'], /'http' is invalid/],
    [['--cors', 'example.com'], /--cors: expected origins/],
    [['--top-p', '7'], /--top-p/],
    [['--api-key', ''], /--api-key: expected/],
    [['--chat-template', 'x'], /Allowed choices are world, g1/],
  ] as const) {
    const { ended, out } = run(flags);
    expect([await ended, out.stdout]).toEqual([2, '']);
    expect(out.stderr).toMatch(reason);
  }
  const missing = run(['--port', '0', '--model', 'no/such/file.pth']);
  expect(await missing.ended).toBe(1);
  expect(missing.out.stderr).toMatch(/^rwkv-wasm: .*file\.pth/);
});
