// The routes of the server: what of a request is checked before the model is asked, and how every answer looks.
import { createHash, timingSafeEqual } from 'node:crypto';
import { type Context, type Handler, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { cors } from 'hono/cors';
import type { Endpoints } from '../adapters/openai/endpoints.js';
import { invalidRequest, OpenAIError, toOpenAIError } from '../adapters/openai/errors.js';
import { OpenAIStream } from '../adapters/openai/stream.js';
import { sentence } from '../shared/errors.js';
import { decodeText } from '../shared/text-file.js';
import { eventStream } from './stream.js';

export interface AppOptions {
  readonly endpoints: Endpoints;
  /** What requests must carry as `Authorization: Bearer KEY`. */
  readonly apiKey: string | undefined;
  /** Bytes that a body may have. */
  readonly bodyLimit: number;
  /** The origin whose pages may ask, or `'*'`. */
  readonly cors: string | undefined;
  /** Ends all replies that still run. */
  readonly shutdown: AbortSignal;
  /** Hears of failures that are the server's own. */
  log(line: string): void;
}

/** The paths and the method of each. */
const routes = {
  '/health': 'GET',
  '/v1/models': 'GET',
  '/v1/models/:name': 'GET',
  '/v1/chat/completions': 'POST',
  '/v1/completions': 'POST',
  '/v1/responses': 'POST',
} as const;

/** The server as a function of requests. */
export interface App {
  readonly fetch: (request: Request) => Response | Promise<Response>;
}

export function createApp(options: AppOptions): App {
  const { endpoints, apiKey, shutdown } = options;
  const app = new Hono();
  if (options.cors !== undefined)
    app.use(cors({ origin: options.cors, allowMethods: ['GET', 'POST'], maxAge: 600 }));
  if (apiKey !== undefined) {
    const isRight = secretCheck(apiKey);
    app.use('/v1/*', async (c, next) => {
      const [, given] = /^Bearer +(.+)$/i.exec(c.req.header('authorization') ?? '') ?? [];
      if (given !== undefined && isRight(given)) return next();
      c.header('WWW-Authenticate', 'Bearer');
      const message =
        given === undefined ? 'an API key is needed: Authorization: Bearer KEY' : 'wrong API key';
      return failed(c, invalidRequest(message, null, 'invalid_api_key', 401));
    });
  }

  /** What ends each request under way. */
  const underWay = new Set<AbortController>();
  shutdown.addEventListener('abort', () => {
    for (const controller of underWay) controller.abort(shutdown.reason);
  });
  app.get('/health', (c) => c.json({ status: 'ok' }));
  app.get('/v1/models', async (c) => c.json(await endpoints.list({ signal: c.req.raw.signal })));
  app.get('/v1/models/:name', async (c) =>
    c.json(await endpoints.retrieve(c.req.param('name'), { signal: c.req.raw.signal })),
  );

  const isJson: Handler = async (c, next) => {
    const type = c.req.header('content-type') ?? '';
    if (/^application\/json\s*(;|$)/i.test(type)) return next();
    const found = type === '' ? 'none' : `'${type.slice(0, 100)}'`;
    const message = `content type: expected application/json; found ${found}`;
    return failed(c, invalidRequest(message, null, 'unsupported_media_type', 415));
  };
  const isShort = bodyLimit({
    maxSize: options.bodyLimit,
    onError: (c) => {
      const message = `the body is too large: at most ${options.bodyLimit} bytes`;
      return failed(c, invalidRequest(message, null, 'request_too_large', 413));
    },
  });
  const answer =
    (ask: Ask): Handler =>
    async (c) => {
      const controller = new AbortController();
      c.req.raw.signal.addEventListener('abort', () => controller.abort(c.req.raw.signal.reason));
      underWay.add(controller);
      const ended = () => underWay.delete(controller);
      const reply = await replyTo(ask, c, controller.signal).catch((error: unknown) => {
        ended();
        throw error;
      });
      if (!(reply instanceof OpenAIStream)) {
        ended();
        return c.json(reply);
      }
      const failure = (error: unknown) => toBody(options, error);
      return new Response(eventStream(reply, { shutdown, failure, ended }), {
        headers: { 'Content-Type': 'text/event-stream; charset=utf-8', 'Cache-Control': 'no-cache' },
      });
    };
  app.post('/v1/chat/completions', isJson, isShort, answer(endpoints.chat));
  app.post('/v1/completions', isJson, isShort, answer(endpoints.completions));
  app.post('/v1/responses', isJson, isShort, answer(endpoints.responses));

  for (const [path, method] of Object.entries(routes)) {
    app.all(path, (c) => {
      c.header('Allow', method);
      return failed(
        c,
        invalidRequest(`expected ${method}; found ${c.req.method}`, null, 'wrong_method', 405),
      );
    });
  }
  app.notFound((c) => {
    const message = `there is nothing at ${c.req.path}: expected ${Object.keys(routes).join(', ')}`;
    return failed(c, invalidRequest(message, null, 'unknown_url', 404));
  });
  app.onError((error, c) => {
    if (c.req.raw.signal.aborted) return new Response(null, { status: 499 }); // nobody reads it
    return failed(c, shutdown.aborted ? shuttingDown() : logged(options, error));
  });
  return app;
}

type Ask = Endpoints['chat' | 'completions' | 'responses'];

async function replyTo(ask: Ask, c: Context, signal: AbortSignal) {
  return ask(await bodyOf(c), { signal });
}

async function bodyOf(c: Context): Promise<unknown> {
  const bytes = new Uint8Array(await c.req.arrayBuffer());
  try {
    return JSON.parse(decodeText('its text', bytes));
  } catch (cause) {
    throw invalidRequest(`the body is no JSON: ${sentence(cause)}`, null, 'invalid_json');
  }
}

function failed(c: Context, { status, error }: OpenAIError): Response {
  const { headers } = c.body(null); // those that were set before
  headers.set('Content-Type', 'application/json');
  return new Response(JSON.stringify({ error }), { status, headers });
}

function logged({ log }: AppOptions, thrown: unknown): OpenAIError {
  const error = toOpenAIError(thrown);
  if (error.status >= 500) log(error.message);
  return error;
}

/** What a stream tells of its end before its time. */
function toBody(options: AppOptions, thrown: unknown): object {
  return { error: (options.shutdown.aborted ? shuttingDown() : logged(options, thrown)).error };
}

function shuttingDown(): OpenAIError {
  const message = 'the server is shutting down';
  const error = { message, type: 'server_error', param: null, code: 'shutting_down' } as const;
  return new OpenAIError(503, error, 'disposed');
}

// In a time that does not tell how much of a key is right.
function secretCheck(secret: string): (given: string) => boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  const right = digest(secret);
  return (given) => timingSafeEqual(digest(given), right);
}
