// The routes of the server: what of a request is checked before the model is asked, and how every answer looks.
import { createHash, timingSafeEqual } from 'node:crypto';
import { type Context, type Handler, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { cors } from 'hono/cors';
import type { Endpoints, RequestOptions } from '../adapters/openai/endpoints.js';
import { invalidRequest, OpenAIError, toOpenAIError } from '../adapters/openai/errors.js';
import type { Spent } from '../adapters/openai/spent.js';
import { OpenAIStream } from '../adapters/openai/stream.js';
import { onAbort } from '../shared/aborts.js';
import { sentence } from '../shared/errors.js';
import { decodeText } from '../shared/text-file.js';
import { Admission, type Limits } from './admission.js';
import { ignoredHeader, ignoredNames } from './ignored.js';
import { doorkeeper, type Origins } from './origins.js';
import { canonicalPath, routes } from './paths.js';
import { LogEntry, type LoggedRequest } from './request-log.js';
import { eventStream } from './stream.js';

export interface AppOptions {
  readonly endpoints: Endpoints;
  /** What requests must carry as `Authorization: Bearer KEY`. */
  readonly apiKey: string | undefined;
  /** Bytes that a body may have. */
  readonly bodyLimit: number;
  /** What may be here at once, waiting for its turn or being answered. */
  readonly limits: Limits;
  /** The origins whose pages may ask. */
  readonly origins: Origins;
  /** The address that the server listens at. */
  readonly host: string;
  /** Ends all replies that still run. */
  readonly shutdown: AbortSignal;
  /** Hears of failures that are the server's own. */
  log(line: string): void;
  /** Hears of each request when it has ended. */
  readonly onEnd?: (request: LoggedRequest) => void;
}

const retryAfter = 2; // seconds

interface Env {
  readonly Variables: { readonly entry: LogEntry };
}

/** The server as a function of requests. */
export interface App {
  readonly fetch: (request: Request) => Response | Promise<Response>;
}

export function createApp(options: AppOptions): App {
  const { endpoints, apiKey, origins, shutdown, onEnd = () => {} } = options;
  const app = new Hono<Env>({ getPath: ({ url }) => canonicalPath(new URL(url).pathname) });
  app.use(async (c, next) => {
    const entry = new LogEntry(c.req);
    c.set('entry', entry);
    await next();
    if (!entry.isStream) onEnd(entry.end(c.res.status));
  });
  const refusal = doorkeeper(options.host, origins);
  app.use(async (c, next) => {
    const message = refusal(c.req.header('host') ?? '', c.req.header('origin'));
    if (message === undefined) return next();
    return failed(c, invalidRequest(message, null, 'forbidden', 403));
  });
  if (origins.length > 0) {
    app.use(async (c, next) => {
      await next();
      const asksForPrivate = c.req.header('access-control-request-private-network') === 'true';
      if (asksForPrivate && c.req.method === 'OPTIONS' && origins !== '*')
        c.header('Access-Control-Allow-Private-Network', 'true');
    });
    const origin = origins === '*' ? origins : [...origins];
    app.use(cors({ origin, allowMethods: ['GET', 'POST'], exposeHeaders: [ignoredHeader], maxAge: 600 }));
  }
  if (apiKey !== undefined) {
    const isRight = secretCheck(apiKey);
    app.use('/v1/*', async (c, next) => {
      const [, given] = /^Bearer +(.+)$/i.exec(c.req.header('authorization') ?? '') ?? [];
      if (c.req.method === 'OPTIONS' || (given !== undefined && isRight(given))) return next();
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
  app.get('/v1/models/:name{.+}', async (c) =>
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
  const admission = new Admission(options.limits);
  const answer =
    (ask: (body: unknown, options: RequestOptions) => Promise<object>): Handler<Env> =>
    async (c) => {
      // Before the body is read: all who wait hold theirs.
      const leave = admission.enter(Number(c.req.header('content-length') ?? options.bodyLimit));
      if (!leave) {
        c.header('Retry-After', `${retryAfter}`);
        return failed(c, busy());
      }
      const entry = c.get('entry');
      const controller = new AbortController();
      const { signal } = c.req.raw;
      const unhear = onAbort(signal, () => controller.abort(signal.reason));
      underWay.add(controller);
      const ended = () => {
        underWay.delete(controller);
        unhear();
        leave();
        if (entry.isStream) onEnd(entry.end(200));
      };
      const told = {
        signal: controller.signal,
        onSpent(spent: Spent) {
          entry.spent = spent;
        },
        onIgnored: (names: readonly string[]) => c.header(ignoredHeader, ignoredNames(names)),
      };
      const reply = await bodyOf(c)
        .then((body) => ask(body, told))
        .catch((error: unknown) => {
          ended();
          throw error;
        });
      if (!(reply instanceof OpenAIStream)) {
        ended();
        return c.json(reply);
      }
      entry.isStream = true;
      const failure = (error: unknown) => {
        entry.cut = 'failed';
        return toBody(options, error);
      };
      const left = () => {
        entry.cut = 'left';
      };
      return c.body(eventStream(reply, { shutdown, failure, left, ended }), {
        headers: {
          'Content-Type': 'text/event-stream; charset=utf-8',
          'Cache-Control': 'no-cache',
          'X-Accel-Buffering': 'no', // nginx would keep events back
        },
      });
    };
  app.post('/v1/chat/completions', isJson, isShort, answer(endpoints.chat));
  app.post('/v1/completions', isJson, isShort, answer(endpoints.completions));
  app.post('/v1/responses', isJson, isShort, answer(endpoints.responses));
  app.post('/v1/embeddings', isJson, isShort, answer(endpoints.embeddings));

  for (const [path, method] of Object.entries(routes)) {
    app.all(path, (c) => {
      c.header('Allow', method === 'GET' ? 'GET, HEAD, OPTIONS' : `${method}, OPTIONS`);
      if (c.req.method === 'OPTIONS') return c.body(null, 204);
      return failed(
        c,
        invalidRequest(`expected ${method}; found ${c.req.method}`, null, 'wrong_method', 405),
      );
    });
  }
  app.notFound((c) => {
    const expected = Object.keys(routes).map((path) => path.replace(':name{.+}', 'NAME'));
    const message = `there is nothing at ${c.req.path}: expected ${expected.join(', ')}`;
    return failed(c, invalidRequest(message, null, 'unknown_url', 404));
  });
  app.onError((error, c) => {
    if (c.req.raw.signal.aborted) return new Response(null, { status: 499 }); // nobody reads it
    return failed(c, shutdown.aborted ? shuttingDown() : logged(options, error));
  });
  return app;
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

const shuttingDown = () => unavailable('the server is shutting down', 'shutting_down');
const busy = () => unavailable('too many requests are waiting here: ask again later', 'overloaded');

function unavailable(message: string, code: string): OpenAIError {
  return new OpenAIError(503, { message, type: 'server_error', param: null, code }, 'disposed');
}

// In a time that does not tell how much of a key is right.
function secretCheck(secret: string): (given: string) => boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  const right = digest(secret);
  return (given) => timingSafeEqual(digest(given), right);
}
