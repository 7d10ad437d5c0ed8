// The server as a function of requests: paths, who may ask, what streams say while they wait, and what is left of requests.
import { getEventListeners } from 'node:events';
import { describe, expect, test } from 'vitest';
import { createEndpoints, type Endpoints } from '../../dist/adapters/openai/endpoints.js';
import { OpenAIStream } from '../../dist/adapters/openai/stream.js';
import { RWKV } from '../../dist/node.js';
import type { Limits } from '../../dist/serve/admission.js';
import { createApp } from '../../dist/serve/app.js';
import { type Origins, originsOf } from '../../dist/serve/origins.js';
import { type LoggedRequest, logLine } from '../../dist/serve/request-log.js';
import { eventStream } from '../../dist/serve/stream.js';
import { messages, model, prompt } from './embedded-client.js';

interface Place {
  readonly origins?: Origins;
  readonly host?: string;
  readonly apiKey?: string;
  readonly shutdown?: AbortController;
  readonly limits?: Limits;
  readonly onEnd?: (request: LoggedRequest) => void;
}

const plenty = { requests: 1000, bytes: 1e9 };

function appOf({
  origins = [],
  host = '127.0.0.1',
  apiKey,
  shutdown = new AbortController(),
  limits = plenty,
  onEnd = () => {},
}: Place = {}) {
  const endpoints: Endpoints = createEndpoints(RWKV.load, model, {});
  const log = (line: string) => {
    throw new Error(line);
  };
  return createApp({
    ...{ endpoints, apiKey, origins, host, limits, log, onEnd },
    bodyLimit: 1e6,
    shutdown: shutdown.signal,
  });
}

const origin = 'http://127.0.0.1:8080';
const completion = { prompt, max_tokens: 1, seed: 1 };

function requestOf(
  path: string,
  method: string,
  body?: object,
  headers: Record<string, string> = {},
): Request {
  const text = body && JSON.stringify(body);
  const length = { 'Content-Length': `${Buffer.byteLength(text ?? '')}` };
  return new Request(origin + path, {
    method,
    headers: {
      Host: '127.0.0.1:8080',
      ...(text && { 'Content-Type': 'application/json', ...length }),
      ...headers,
    },
    ...(text && { body: text }),
  });
}

describe('a path', () => {
  const app = appOf();
  const bodies = {
    completions: completion,
    'chat/completions': { messages, max_tokens: 1 },
    embeddings: { input: prompt },
  };
  const spelled = (path: string) => [
    `/v1/${path}`,
    `/${path}`,
    `/v1/${path}/`,
    `//v1//${path}//`,
    `/v1/v1/${path}`,
  ];
  test.each(
    Object.entries(bodies).flatMap(([path, body]) =>
      spelled(path).map((spelling) => [spelling, body] as const),
    ),
  )('of %s is understood', async (path, body) => {
    expect((await app.fetch(requestOf(path, 'POST', body))).status).toBe(200);
  });

  test.each([
    ...[
      ...spelled('models'),
      ...spelled('models/any'),
      '/v1/models/owner/name',
      '/v1/models/a%20b%2Fc',
      '/v1/models/%',
    ],
    ...['/health', '/v1/health', '/health/'],
  ])('of %s is understood, and asked for by HEAD and OPTIONS', async (path) => {
    expect((await app.fetch(requestOf(path, 'GET'))).status).toBe(200);
    const head = await app.fetch(requestOf(path, 'HEAD'));
    expect([head.status, await head.text()]).toEqual([200, '']);
    const options = await app.fetch(requestOf(path, 'OPTIONS'));
    expect([options.status, options.headers.get('allow')]).toEqual([204, 'GET, HEAD, OPTIONS']);
  });

  test.each([
    '/',
    '/v1',
    '/v1/',
    '/v2/models',
    '/v1/nothing',
    '/v1/completions/x',
    '/healthy',
    '/v1/__proto__',
  ])('of %s is none', async (path) => {
    expect((await app.fetch(requestOf(path, 'GET'))).status).toBe(404);
  });

  test('however it is spelled does not lead around the key', async () => {
    const locked = appOf({ apiKey: 'secret' });
    for (const path of [...spelled('models'), '/v1/nothing', '/V1/models', '/%761/models', '/v1/../models'])
      expect((await locked.fetch(requestOf(path, 'GET'))).status).toBe(401);
    expect((await locked.fetch(requestOf('/health', 'GET'))).status).toBe(200);
  });
});

describe('who asks', () => {
  const status = async (
    place: Place,
    headers: Record<string, string>,
    body: object | undefined = completion,
  ) => (await appOf(place).fetch(requestOf('/v1/completions', 'POST', body, headers))).status;

  test.each<[string, number, string?]>([
    ...(
      [
        'localhost',
        'localhost:8080',
        '127.0.0.1',
        '127.8.9.1:80',
        '[::1]:8080',
        'LOCALHOST.',
        'a.localhost',
      ] as const
    ).map((host): [string, number] => [host, 200]),
    ...(
      [
        'evil.example',
        'evil.example:8080',
        '127.0.0.1.evil.example',
        '127.evil.example',
        '',
        'localhost.evil',
      ] as const
    ).map((host): [string, number] => [host, 403]),
    ['rwkv.test:8080', 403],
    ['evil.example', 200, '0.0.0.0'],
    ['evil.example', 200, '192.168.0.7'],
    ['evil.example', 403, 'localhost'],
    ['evil.example', 403, '::1'],
  ])('for the host %s is answered by %i', async (host, expected, address = '127.0.0.1') => {
    expect(await status({ host: address }, { Host: host })).toBe(expected);
  });

  test('behind a name that --cors has is answered', async () => {
    expect(await status({ origins: ['https://rwkv.test'] }, { Host: 'rwkv.test' })).toBe(200);
    expect(await status({ origins: '*' }, { Host: 'rwkv.test' })).toBe(200);
  });

  test.each<[string, number, Origins?]>([
    [origin, 200],
    ['https://evil.example', 403],
    ['http://localhost:3000', 403],
    ['null', 403],
    ['https://app.example', 200, ['https://app.example', 'http://localhost:3000']],
    ['HTTP://LOCALHOST:3000', 200, ['https://app.example', 'http://localhost:3000']],
    ['https://app.example.evil', 403, ['https://app.example']],
    ['null', 200, ['null']],
    ['https://evil.example', 200, '*'],
  ])('from %s is answered by %i', async (from, expected, origins = []) => {
    for (const host of ['127.0.0.1', '0.0.0.0'])
      expect(await status({ origins, host }, { Origin: from })).toBe(expected);
  });

  test('from elsewhere runs nothing, whatever the type of what it sends', async () => {
    const headers = { 'Content-Type': 'text/plain', Origin: 'https://evil.example' };
    const response = await appOf().fetch(requestOf('/v1/completions', 'POST', completion, headers));
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({ error: { message: expect.stringContaining('--cors') } });
  });

  const preflight = (origins: Origins, from: string) =>
    appOf({ origins }).fetch(
      requestOf('/v1/completions', 'OPTIONS', undefined, {
        Origin: from,
        'Access-Control-Request-Method': 'POST',
        'Access-Control-Request-Private-Network': 'true',
      }),
    );

  test('from a page of the network is told of the private network, where its origin is named', async () => {
    const allows = 'access-control-allow-private-network';
    for (const from of ['https://a.example', 'https://b.example']) {
      const { status, headers } = await preflight(['https://a.example', 'https://b.example'], from);
      expect([status, headers.get(allows), headers.get('access-control-allow-origin')]).toEqual([
        204,
        'true',
        from,
      ]);
    }
    const other = await preflight(['https://a.example'], 'https://evil.example');
    expect([other.status, other.headers.get(allows)]).toEqual([403, null]);
    expect((await preflight('*', 'https://a.example')).headers.get(allows)).toBeNull();
  });

  test('is named by flags, once or more often, or behind commas', () => {
    expect(originsOf(['https://a.example/', 'http://B.example:80, null'])).toEqual([
      'https://a.example',
      'http://b.example:80',
      'null',
    ]);
    expect([originsOf([]), originsOf([true]), originsOf(['https://a.example', '*'])]).toEqual([[], '*', '*']);
    for (const wrong of ['a.example', 'https://', 'https://a.example/path', 'https://*.example', ''])
      expect(() => originsOf([wrong])).toThrow(/^--cors: expected origins/);
  });
});

test('parameters that were left out stand in a header, whole or as a stream', async () => {
  for (const stream of [false, true]) {
    const body = {
      ...completion,
      stream,
      mood: 1,
      'f\u00fcr\n': {},
      ['x'.repeat(1e5)]: null,
      ['y'.repeat(1e5)]: 1,
    };
    const response = await appOf().fetch(requestOf('/v1/completions', 'POST', body));
    expect(response.status).toBe(200);
    expect(response.headers.get('x-rwkv-wasm-ignored')).toBe(`mood, f?r?, ${'y'.repeat(60)}`);
    expect(await response.text()).toContain(stream ? 'data: [DONE]' : 'text_completion');
  }
  const plain = await appOf().fetch(requestOf('/v1/completions', 'POST', completion));
  expect(plain.headers.get('x-rwkv-wasm-ignored')).toBeNull();
});

describe('a stream', () => {
  // Chunks that come when they are let go.
  function slow() {
    const gates: ((error?: Error) => void)[] = [];
    const gate = () =>
      new Promise<void>((resolve, reject) => gates.push((error) => (error ? reject(error) : resolve())));
    async function* chunks() {
      for (;;) {
        await gate();
        yield { text: 'a' };
      }
    }
    const stream = new OpenAIStream(chunks(), new AbortController(), async () => {});
    const events = eventStream(stream, {
      ...{ shutdown: new AbortController().signal, heartbeat: 1, ended: () => {}, left: () => {} },
      failure: (error) => ({ error: { message: String(error) } }),
    });
    const reader = events.pipeThrough(new TextDecoderStream()).getReader();
    const read = async () => (await reader.read()).value;
    return { read, cancel: () => reader.cancel(), next: (error?: Error) => gates.shift()?.(error) };
  }

  test('says that it is alive while nothing comes, and tells errors as events', async () => {
    const { read, next } = slow();
    const isComment = expect.stringMatching(/^: [^\n]*\n\n$/);
    for (let i = 0; i < 3; i++) expect(await read()).toEqual(isComment);
    const until = async (pattern: RegExp) => {
      for (;;) {
        const piece = await read();
        if (!piece?.startsWith(':')) return expect(piece).toMatch(pattern);
      }
    };
    next();
    await until(/^data: \{"text":"a"\}\n\n$/);
    expect(await read()).toEqual(isComment);
    next(new Error('too much'));
    await until(/^data: \{"error":\{"message":"Error: too much"\}\}\n\n$/);
    expect(await read()).toBeUndefined();
  });

  test('that is left says nothing more', async () => {
    const { read, cancel } = slow();
    await read();
    await cancel();
    await new Promise((resolve) => setTimeout(resolve, 20)); // a comment would be an uncaught error
  });

  test('has its headers before its prompt is read, and those that proxies heed', async () => {
    const body = { ...completion, prompt: 'The wolf. '.repeat(3000), stream: true };
    const response = await appOf().fetch(requestOf('/v1/completions', 'POST', body));
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    expect([response.headers.get('cache-control'), response.headers.get('x-accel-buffering')]).toEqual([
      'no-cache',
      'no',
    ]);
    await response.body?.cancel(); // nothing was computed yet
  });
});

test('of hundreds of requests no listener is left, however they end', async () => {
  const shutdown = new AbortController();
  const app = appOf({ shutdown });
  const requests: Request[] = [];
  const ask = async (path: string, body?: object) => {
    const request = requestOf(path, body ? 'POST' : 'GET', body);
    requests.push(request);
    return app.fetch(request);
  };
  const before = getEventListeners(shutdown.signal, 'abort').length;
  for (let i = 0; i < 50; i++) {
    await (await ask('/v1/completions', completion)).text();
    await (await ask('/v1/completions', { ...completion, stream: true })).text();
    await (await ask('/v1/completions', { ...completion, max_tokens: 50, stream: true })).body?.cancel();
    await (await ask('/v1/completions', { prompt: [4096], stream: true })).text();
    await (await ask('/v1/embeddings', { input: 'a' })).text();
    await (await ask('/v1/models')).text();
  }
  const left = requests.map(({ signal }) => getEventListeners(signal, 'abort').length);
  expect(left).toEqual(left.map(() => 0));
  expect(getEventListeners(shutdown.signal, 'abort')).toHaveLength(before);
});

describe('what is told of a request when it has ended', () => {
  const told = (ask: (app: ReturnType<typeof appOf>) => Promise<unknown>) =>
    new Promise<string>((resolve, reject) => {
      const onEnd = (request: LoggedRequest) => resolve(logLine(request).replace(/^\S+ /, ''));
      ask(appOf({ onEnd })).catch(reject);
    });
  const post = (body: object, path = '/v1/completions') => requestOf(path, 'POST', body);
  const reading = (body: object) => async (app: ReturnType<typeof appOf>) =>
    (await app.fetch(post(body))).text();
  const ends = '4\\+4 tokens [\\d.]+ tok/s$';

  test.each([
    ['an answer', { ...completion, max_tokens: 4 }, `200 \\d+ ms ${ends}`],
    ['a stream', { ...completion, max_tokens: 4, stream: true }, `200 \\d+ ms ${ends}`],
    ['a request that is wrong', { ...completion, max_tokens: 'x' }, '400 \\d+ ms$'],
  ])('%s', async (_, body, pattern) => {
    expect(await told(reading(body))).toMatch(new RegExp(`^POST /v1/completions ${pattern}`));
  });

  test('a stream that is left', async () => {
    const line = await told(async (app) => {
      const answer = await app.fetch(post({ ...completion, max_tokens: 500, stream: true }));
      const reader = answer.body?.getReader();
      await reader?.read();
      await reader?.cancel();
    });
    expect(line).toMatch(/^POST \/v1\/completions 200 \d+ ms left$/);
  });

  test('a path, and nothing of what was asked there', async () => {
    const line = await told((app) => Promise.resolve(app.fetch(requestOf('/v1/none?key=secret', 'GET'))));
    expect(line).toMatch(/^GET \/v1\/none 404 \d+ ms$/);
  });
});

describe('where too many wait', () => {
  const waiting = { ...completion, max_tokens: 400, stream: true };
  const size = Buffer.byteLength(JSON.stringify(waiting));

  test.each([
    ['requests', { requests: 2, bytes: 1e9 }],
    ['bytes', { requests: 1000, bytes: 2 * size }],
  ])('of %s, one more is told to ask again later', async (_, limits) => {
    const app = appOf({ limits });
    const ask = async () => app.fetch(requestOf('/v1/completions', 'POST', waiting));
    const [first, second] = [await ask(), await ask()];
    const third = await ask();
    expect([first.status, second.status, third.status]).toEqual([200, 200, 503]);
    expect(third.headers.get('retry-after')).toMatch(/^\d+$/);
    expect(await third.json()).toMatchObject({ error: { type: 'server_error', code: 'overloaded' } });
    await first.body?.cancel();
    const fourth = await ask();
    expect(fourth.status).toBe(200);
    expect((await ask()).status).toBe(503);
    await Promise.all([second, fourth].map((answer) => answer.body?.cancel()));
  });

  test('a request that alone is larger than all may be is answered', async () => {
    const app = appOf({ limits: { requests: 1, bytes: 1 } });
    for (let i = 0; i < 2; i++)
      expect((await app.fetch(requestOf('/v1/completions', 'POST', completion))).status).toBe(200);
  });
});
