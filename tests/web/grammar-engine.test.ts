// The grammar engine among strangers: whatever a schema or a grammar does to it, and whatever ends it, the next call works.
import { Worker } from 'node:worker_threads';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createHandlers } from '../../dist/grammar/handlers.js';
import { grammar } from '../../dist/grammar-node.js';
import { type GenerateOptions, type GrammarEngine, type Model, RWKV } from '../../dist/node.js';
import { spawnNode } from '../../dist/node-worker.js';
import { Engine } from '../../dist/page/grammar/engine.js';
import { oracle } from './command.js';
import { start, stop } from './server.js';
import { collect, failure } from './streams.js';

type Limits = ConstructorParameters<typeof Engine>[1];

// A model of the smallest vocabulary, whose tokens are bytes.
const load = (engine: GrammarEngine = grammar) => RWKV.load(oracle, { tokenizer: 'bytes', grammar: engine });

let model: Model;
beforeAll(async () => {
  model = await load();
});
afterAll(() => model.dispose());

async function write(options: GenerateOptions, by = model): Promise<string> {
  const session = await by.createSession({ seed: 1 });
  try {
    return (await session.complete('Once', { maxTokens: 40, ...options }).result).text;
  } finally {
    await session.dispose();
  }
}

/** An engine whose workers a test gets hold of. */
function watchedEngine(limits?: Limits) {
  const workers: Worker[] = [];
  const script = new URL('../../dist/grammar-worker-node.js', import.meta.url);
  const engine = new Engine((events) => {
    const start = () => {
      const worker = new Worker(script);
      workers.push(worker);
      return worker;
    };
    return spawnNode(events, start, '');
  }, limits);
  return { engine, workers };
}

const fine = { grammar: 'root ::= "fine"' };
const nested = (levels: number, wrap: (inner: object) => object): object => {
  let schema: object = { type: 'null' };
  for (let i = 0; i < levels; i++) schema = wrap(schema);
  return schema;
};
const object = (inner: object) => ({ type: 'object', properties: { a: inner }, required: ['a'] });
const array = (items: object) => ({ type: 'array', items });
const either = (inner: object) => ({ anyOf: [inner, { type: 'integer' }] });
const all = (inner: object) => ({ allOf: [inner] });
const chain = (length: number, wrap = (inner: object) => inner) => {
  const name = (i: number) => `#/$defs/d${i}`;
  const defs = Array.from({ length }, (_, i) => [`d${i}`, i + 1 < length ? wrap({ $ref: name(i + 1) }) : {}]);
  return { $defs: Object.fromEntries(defs), $ref: name(0) };
};
const brackets = (depth: number, inside: string) => '('.repeat(depth) + inside + ')'.repeat(depth);
const rules = (length: number) =>
  Array.from(
    { length },
    (_, i) => `${i ? `r${i}` : 'root'} ::= ${i + 1 < length ? `r${i + 1}` : '"z"'}`,
  ).join('\n');
const own: { properties?: object } = {};
own.properties = own;
const mirrors = nested(200, (inner) => ({ anyOf: [inner, inner] }));

const written = 'written';
const refused = 'invalid-argument';
const failed = 'grammar-failed';
const hard: [name: string, options: GenerateOptions, ends: string][] = [
  ['54 nested objects', { jsonSchema: nested(54, object) }, written],
  ['120 nested objects', { jsonSchema: nested(120, object) }, written],
  ['200 nested objects', { jsonSchema: nested(200, object) }, refused],
  ['10000 nested objects', { jsonSchema: nested(10_000, object) }, refused],
  ['54 nested lists', { jsonSchema: nested(54, array) }, written],
  ['10000 nested lists', { jsonSchema: nested(10_000, array) }, refused],
  ['100 nested choices', { jsonSchema: nested(100, either) }, written],
  ['10000 nested choices', { jsonSchema: nested(10_000, either) }, refused],
  ['100 times allOf', { jsonSchema: nested(100, all) }, written],
  ['10000 times allOf', { jsonSchema: nested(10_000, all) }, refused],
  ['a chain of 200 references', { jsonSchema: chain(200) }, written],
  ['a chain of 5000 objects', { jsonSchema: chain(5000, object) }, failed],
  [
    'references in a circle',
    { jsonSchema: { $defs: { a: object({ $ref: '#/$defs/a' }) }, $ref: '#/$defs/a' } },
    written,
  ],
  [
    'a pattern of 200 brackets',
    { jsonSchema: { type: 'string', pattern: `^${brackets(200, 'a')}$` } },
    written,
  ],
  [
    'a pattern of 10000 brackets',
    { jsonSchema: { type: 'string', pattern: brackets(10_000, 'a') } },
    refused,
  ],
  ['a grammar of 200 brackets', { grammar: `root ::= ${brackets(200, '"a"')}` }, written],
  ['a grammar of 10000 brackets', { grammar: `root ::= ${brackets(10_000, '"a"')}` }, refused],
  ['a grammar of 2000 rules', { grammar: rules(2000) }, written],
  ['a grammar that begins with itself', { grammar: 'root ::= root "a" | "b"' }, written],
  ['a long grammar', { grammar: `root ::= "${'a'.repeat(600_000)}"` }, refused],
  ['a schema in itself', { jsonSchema: own }, refused],
  ['a schema of 2^200 parts', { jsonSchema: mirrors }, refused],
  ['a long text', { jsonSchema: { type: 'string', maxLength: 10_000 } }, written],
  ['a schema that is none', { jsonSchema: { type: 'nope' } }, refused],
  ['a pattern that is an object', { jsonSchema: { type: 'string', pattern: {} } }, refused],
  ['a length that is a schema', { jsonSchema: { type: 'string', minLength: { type: 'null' } } }, refused],
  ['required objects', { jsonSchema: { type: 'object', properties: {}, required: [{}] } }, refused],
  ['a count beyond all integers', { grammar: 'root ::= "a"{99999999999999999999}' }, refused],
];

describe('what is too much for the library', () => {
  test.each(hard)('%s', async (_, options, ends) => {
    const end = await write(options).then(
      () => written,
      ({ code }) => code,
    );
    expect(end).toBe(ends);
    expect(await write(fine)).toBe('fine');
  });

  test('what is wrong with something long is told in short', async () => {
    const long = '\u{1f98a}'.repeat(1000);
    const wrong: GenerateOptions[] = [
      { jsonSchema: { type: long } },
      { jsonSchema: { $ref: `#/${long}` } },
      { jsonSchema: { type: 'string', pattern: `[${long}` } },
      { jsonSchema: { type: 'string', pattern: `^"${long}$` } },
      { jsonSchema: { type: 'string', pattern: `^[^${long}]$` } },
      { grammar: `root ::= ${long}` },
      { grammar: `root ::= [^${long}]` },
    ];
    for (const options of wrong) {
      const { message } = await write(options).then(
        () => ({ message: '' }),
        (error: Error) => error,
      );
      expect(message, JSON.stringify(options).slice(0, 60)).toMatch(
        /^option (grammar|jsonSchema): .{1,480}$/su,
      );
    }
  });

  test('refused again and again, it still takes what is right', async () => {
    for (let i = 0; i < 200; i++)
      expect(await failure(write({ jsonSchema: { type: `nope ${i}` } }))).toMatchObject({ code: refused });
    expect(await write({ jsonSchema: nested(60, object) })).toMatch(/^\{"a": \{/);
  });

  test('schemas at random end in a text or an error that says what is wrong, and the next call works', async () => {
    let seed = 7;
    const dice = (sides: number) => {
      seed = (seed * 48271) % 2147483647;
      return seed % sides;
    };
    const any = (depth: number): object => {
      const inner = () => any(depth - 1);
      const leaves = [
        () => ({ type: ['string', 'integer', 'boolean', 'null', 'nope'][dice(5)] }),
        () => ({ type: 'string', maxLength: dice(40), minLength: dice(20) }),
        () => ({ type: 'string', pattern: ['^a{1,3}$', '(', '[z-a]', '^(a|b)*$', '\\d+', '^.$'][dice(6)] }),
        () => ({ enum: [1, 'a', null, [], {}].slice(0, dice(6)) }),
        () => ({ type: 'integer', minimum: dice(100) - 50, maximum: dice(100) - 50 }),
        () => ({ $ref: ['#', '#/$defs/a', '#/nowhere', 5][dice(4)] }),
      ];
      const branches = [
        () => ({
          type: 'object',
          properties: { a: inner(), b: inner() },
          required: [['a'], ['c'], 5][dice(3)],
        }),
        () => ({ type: 'array', items: inner(), minItems: dice(3), maxItems: dice(3) }),
        () => ({ anyOf: [inner(), inner()] }),
        () => ({ allOf: [inner(), ...(dice(2) ? [inner()] : [])] }),
        () => ({ $defs: { a: inner() }, ...inner() }),
        () => ({ type: 'object', additionalProperties: inner(), patternProperties: { '^x': inner() } }),
      ];
      const choices = depth > 0 && dice(4) > 0 ? branches : leaves;
      return choices[dice(choices.length)]?.() ?? {};
    };
    for (let i = 0; i < 60; i++) {
      const jsonSchema = any(1 + dice(8));
      const end = await write({ jsonSchema, maxTokens: 8 }).catch(({ code }) => code);
      expect(end, JSON.stringify(jsonSchema)).not.toBe(undefined);
      expect(await write(fine), JSON.stringify(jsonSchema)).toBe('fine');
    }
  });
});

describe('over HTTP', () => {
  test('whose fault it is tells the status, and the next request is answered', async () => {
    const server = await start(['--model', oracle, '--tokenizer', 'bytes']);
    try {
      const ask = async (schema: string) => {
        const body = `{"prompt": "Once", "max_tokens": 5, "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": ${schema}}}}`;
        const reply = await fetch(`${server.url}/v1/completions`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body,
        });
        return { status: reply.status, body: await reply.json() };
      };
      const deep = (levels: number) => `${'{"items":'.repeat(levels)}{}${'}'.repeat(levels)}`;
      expect(await ask(deep(10_000))).toMatchObject({
        status: 400,
        body: {
          error: {
            message: expect.stringMatching(/nested more deeply than 256 levels/),
            param: 'response_format',
          },
        },
      });
      expect(await ask(JSON.stringify(chain(5000, object)))).toMatchObject({
        status: 500,
        body: { error: { type: 'server_error', code: 'grammar_failed' } },
      });
      expect(await ask(JSON.stringify(nested(54, object)))).toMatchObject({ status: 200 });
    } finally {
      await stop(server);
    }
  });
});

describe('the end of the worker', () => {
  let last: Model | undefined;
  afterEach(() => last?.dispose());
  const loadWith = async (engine: GrammarEngine) => {
    last = await load(engine);
    return last;
  };
  const long = { grammar: 'root ::= [a-z]{60}', maxTokens: 100 };
  const slow = { jsonSchema: chain(9000) }; // many seconds with any vocabulary

  test('in the midst of a text goes unnoticed', async () => {
    const expected = await write(long);
    const { engine, workers } = watchedEngine();
    const own = await loadWith(engine);
    const session = await own.createSession({ seed: 1 });
    let text = '';
    for await (const piece of session.complete('Once', long)) {
      text += piece;
      if (text.length % 20 === 0) await workers.at(-1)?.terminate();
    }
    expect(text).toBe(expected);
    expect(workers.length).toBeGreaterThan(2);
  });

  test('in the midst of compiling too, unless it comes again and again', async () => {
    const { engine, workers } = watchedEngine();
    const own = await loadWith(engine);
    expect(await write(fine, own)).toBe('fine');
    const pending = write(long, own);
    await workers.at(-1)?.terminate();
    expect(await pending).toMatch(/^[a-z]{60}$/);
    const doomed = failure(write(slow, own));
    const kills = setInterval(() => void workers.at(-1)?.terminate(), 50);
    expect(await doomed).toMatchObject({ code: failed, message: expect.stringMatching(/again and again/) });
    clearInterval(kills);
    expect(await write(fine, own)).toBe('fine');
  });

  test('comes with what takes too long, and says how long; texts under way go on', async () => {
    const { engine, workers } = watchedEngine({ seconds: 1, bytes: 2 ** 30 });
    const own = await loadWith(engine);
    const session = await own.createSession({ seed: 1 });
    const text = session.complete('Once', long);
    const begun = await text.next();
    expect(await failure(write(slow, own))).toMatchObject({
      code: failed,
      message: expect.stringMatching(/^option jsonSchema: the grammar engine takes longer than 1 seconds/),
    });
    for await (const _ of text);
    expect(begun.done).toBe(false);
    expect((await text.result).text).toBe(await write(long));
    expect(workers.length).toBe(2);
  });

  test('comes with an abort of what is compiled, at once', async () => {
    const { engine } = watchedEngine();
    const own = await loadWith(engine);
    const controllers = [new AbortController(), new AbortController(), new AbortController()];
    const sessions = await Promise.all(controllers.map(() => own.createSession()));
    const pending = sessions.map((session, i) =>
      failure(collect(session.complete('Once', { ...slow, signal: controllers[i]?.signal }))),
    );
    // Meanwhile the event loop is free, and so is the model.
    expect(await write({ maxTokens: 3 }, own)).toMatch(/./s);
    for (const controller of controllers.reverse()) controller.abort('enough');
    expect(await Promise.all(pending)).toEqual(['enough', 'enough', 'enough']);
    expect(await write(fine, own)).toBe('fine');
  });

  test('comes with the last model, and the next one has a new one', async () => {
    const { engine, workers } = watchedEngine();
    const [one, other] = [await load(engine), await load(engine)];
    expect([await write(fine, one), await write(fine, other)]).toEqual(['fine', 'fine']);
    const ended = new Promise((resolve) => workers[0]?.once('exit', resolve));
    await one.dispose();
    expect(await write(fine, other)).toBe('fine');
    await other.dispose();
    await ended;
    expect(await write(fine, await loadWith(engine))).toBe('fine');
    expect(workers.length).toBe(2);
  });

  test('comes when it has taken too much memory; texts under way go on', async () => {
    const { engine, workers } = watchedEngine({ seconds: 30, bytes: 0 });
    const own = await loadWith(engine);
    const texts = await Promise.all([1, 2, 3, 4].map(() => write(long, own)));
    expect(texts).toEqual(Array(4).fill(await write(long)));
    expect(workers.length).toBeGreaterThan(3);
  });

  test('at its start is an error that says so, and the model goes on', async () => {
    const missing = new Engine((events) =>
      spawnNode(events, () => new Worker(new URL('./nowhere.js', import.meta.url)), 'help'),
    );
    const own = await loadWith(missing);
    expect(await failure(write(fine, own))).toMatchObject({
      code: failed,
      message: expect.stringMatching(/nowhere\.js.*help/s),
    });
    expect(await write({ maxTokens: 3 }, own)).toMatch(/./s);
  });
});

describe('memory', () => {
  test('does not grow with the number of schemas', async () => {
    const engine = createHandlers();
    const report = () => {};
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    const ends = Int32Array.from({ length: 256 }, (_, i) => i + 1);
    const vocabulary = await engine.addVocabulary({ bytes, ends, size: 256, areLongest: true }, report);
    const taken: number[] = [];
    for (let i = 0; i < 300; i++) {
      const text = JSON.stringify({ type: 'object', properties: { [`name${i}`]: { type: 'string' } } });
      const structure = { option: 'jsonSchema', text } as const;
      const accepted = new Int32Array();
      const request = { vocabulary, structure, lead: 'nothing', accepted, banned: [] } as const;
      const begun = await engine.startMatcher(request, report);
      await engine.removeMatcher({ matcher: begun.matcher }, report);
      taken.push(begun.bytes);
    }
    expect(taken.at(-1)).toBe(taken[50]);
  });
});

const circle = (wrap: (inner: object) => object) => ({ $defs: { a: wrap({ $ref: '#/$defs/a' }) } });
const bare: [name: string, schema: object, place: string][] = [
  ['a circle of the schema itself', { $ref: '#' }, '#'],
  ['a circle of a definition', { $ref: '#/$defs/a', ...circle((inner) => inner) }, '#'],
  ['a circle inside an object', { ...object({ $ref: '#/$defs/a' }), ...circle((inner) => inner) }, '#/'],
  [
    'a circle over two',
    { $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } }, type: 'null' },
    '#/$defs/',
  ],
  ['a circle of allOf', { type: 'array', items: circle(all).$defs.a, ...circle(all) }, '#/'],
  ['a circle of a choice of one', { ...circle((inner) => ({ anyOf: [inner] })), $ref: '#/$defs/a' }, '#'],
];
test.each(bare)('references that end nowhere are told by their place: %s', async (_, jsonSchema, place) => {
  const { code, message } = await failure(write({ jsonSchema }));
  expect(code).toBe(refused);
  expect(message).toMatch(/^option jsonSchema: #.*: expected a \$ref that ends at a schema; it leads back/);
  expect(message.startsWith(`option jsonSchema: ${place}`)).toBe(true);
  expect(await write(fine)).toBe('fine');
});

test.each([
  ['at once', 'root ::= root'],
  ['after its first sign', 'root ::= "a" b\nb ::= b'],
])('a grammar that comes to nothing %s says so', async (_, text) => {
  expect(await failure(write({ grammar: text }))).toMatchObject({
    code: refused,
    message: expect.stringMatching(/^option grammar: no token goes on here, and no end may come/),
  });
  expect(await write(fine)).toBe('fine');
});

test('the script of the worker may lie anywhere, and one that is not there is told', async () => {
  const script = new URL('../../dist/grammar-worker-node.js', import.meta.url);
  const at = async (grammarWorkerUrl: URL) => {
    const asked = new Set<string | undefined>();
    const engine = new Engine((events, workerUrl) => {
      asked.add(workerUrl?.href);
      return spawnNode(events, () => new Worker(workerUrl ?? ''), 'help');
    });
    const own = await RWKV.load(oracle, { tokenizer: 'bytes', grammar: engine, grammarWorkerUrl });
    try {
      return await write(fine, own);
    } finally {
      await own.dispose();
      expect([...asked]).toEqual([grammarWorkerUrl.href]);
    }
  };
  expect(await at(script)).toBe('fine');
  expect(await failure(at(new URL('./nowhere.js', script)))).toMatchObject({
    code: failed,
    message: expect.stringMatching(/nowhere\.js.*help/s),
  });
  const wrong = RWKV.load(oracle, { grammar, grammarWorkerUrl: 'https://example.com/x.js' });
  expect(await failure(wrong)).toMatchObject({
    code: refused,
    message: expect.stringMatching(/^option grammarWorkerUrl: /),
  });
});

test('a model that is passed something else as its engine says what it wants', async () => {
  const other = 'root ::= "a"' as unknown as GrammarEngine;
  expect(await failure(RWKV.load(undefined, { grammar: other }))).toMatchObject({
    code: refused,
    message: expect.stringMatching(/^option grammar: expected grammar of rwkv-wasm\/grammar; found 'root/),
  });
});
