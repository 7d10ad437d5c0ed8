// Objects of another realm, as frames, Jest and jsdom bring them: every door takes them as its own.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createContext, runInContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { rwkvFetch } from '../../dist/adapters/ai-sdk-node.js';
import { openai } from '../../dist/adapters/openai-node.js';
import { languageModel } from '../../dist/adapters/prompt-api-node.js';
import { grammar } from '../../dist/grammar-node.js';
import { type Model, type ModelSource, RWKV, store } from '../../dist/node.js';
import { sentence } from '../../dist/shared/errors.js';
import * as realms from '../../dist/shared/realms.js';
import { oracle } from './command.js';
import { failure } from './streams.js';

// Classes that a new realm of JavaScript lacks, as jsdom has its own of them: with tags and shapes, without the host's brands.
const context = createContext({});
const foreign = runInContext(
  `({
    bytes: (list) => Uint8Array.from(list),
    buffer: (list) => Uint8Array.from(list).buffer,
    view: (list) => new DataView(Uint8Array.from(list).buffer),
    numbers: (list) => Uint32Array.from(list),
    array: (list) => Array.from(list),
    map: (list) => new Map(list),
    record: (entries) => Object.assign(Object.create(null), Object.fromEntries(entries)),
    error: (message, code) => Object.assign(new RangeError(message), { code, cause: new Error('of old') }),
    expression: (source) => new RegExp(source),
    url: (href) => ({ href, protocol: href.replace(/:.*/, ':'), toString: () => href, [Symbol.toStringTag]: 'URL' }),
    blob: class File {
      constructor(bytes, name) { this.bytes = bytes; this.name = name; }
      get [Symbol.toStringTag]() { return 'File'; }
      get size() { return this.bytes.length; }
      slice(from, to) { return new this.constructor(this.bytes.slice(from, to), this.name); }
      async arrayBuffer() { return Uint8Array.from(this.bytes).buffer; }
    },
    handle: (file) => ({ name: file.name, getFile: async () => file }),
    signal: class AbortSignal {
      aborted = false;
      heard = new Set();
      get [Symbol.toStringTag]() { return 'AbortSignal'; }
      throwIfAborted() { if (this.aborted) throw this.reason; }
      addEventListener(_, hear) { this.heard.add(hear); }
      removeEventListener(_, hear) { this.heard.delete(hear); }
      abort(reason) { this.aborted = true; this.reason = reason; for (const hear of this.heard) hear({ type: 'abort' }); }
    },
  })`,
  context,
);

const file = readFileSync(oracle);
const vocabulary = [...Buffer.from("1 'a' 1\n2 'b' 1\n")];

test('the realm is another one', () => {
  expect(foreign.bytes([1])).not.toBeInstanceOf(Uint8Array);
  expect(foreign.buffer([1])).not.toBeInstanceOf(ArrayBuffer);
  expect(foreign.error('x')).not.toBeInstanceOf(Error);
  expect(foreign.array([1])).not.toBeInstanceOf(Array);
});

const sources: [name: string, source: (bytes: number[]) => ModelSource][] = [
  ['an ArrayBuffer', foreign.buffer],
  ['a Uint8Array', foreign.bytes],
  ['a File', (bytes) => new foreign.blob(bytes, 'chosen.bin')],
  ['a file handle', (bytes) => foreign.handle(new foreign.blob(bytes, 'chosen.bin'))],
];

test.each([...sources, ['a DataView', foreign.view]] as const)('%s is a model', async (_, source) => {
  const model = await RWKV.load(source([...file]), { tokenizer: false });
  expect(model.info.version).toBe('7');
  await model.dispose();
  expect(await RWKV.inspect(source([...file]))).toMatchObject({ version: '7' });
});

test.each(sources.slice(0, 3))('%s is a vocabulary', async (_, source) => {
  const tokenizer = source(vocabulary) as Uint8Array;
  const model = await RWKV.load(oracle, { tokenizer });
  expect(await model.tokenize('ba')).toEqual([2, 1]);
  await model.dispose();
});

describe('of a model', () => {
  let model: Model;
  beforeAll(async () => {
    const options = foreign.record([
      ['tokenizer', 'bytes'],
      ['grammar', grammar],
    ]);
    model = await RWKV.load(foreign.url(`file://${oracle}`), options);
  });
  afterAll(() => model.dispose());
  const greedy = { temperature: 0, maxTokens: 5 };
  const write = async (prompt: string | ArrayLike<number>, options: object = {}) => {
    const session = await model.createSession();
    const { tokens } = await session.complete(prompt, { ...greedy, ...options }).result;
    return tokens;
  };

  test.each([...sources, ['a DataView', foreign.view]] as const)('%s is a state', async (_, source) => {
    const session = await model.createSession({ seed: 1 });
    await session.append('abc');
    const saved = await session.save();
    const again = await model.createSession({ state: source([...saved]) });
    expect(await again.logits()).toEqual(await session.logits());
  });

  test('ids, biases, bans, stops, messages and options without a prototype are taken', async () => {
    const ids = [97, 98];
    const expected = await write('ab');
    expect(await write(foreign.numbers(ids))).toEqual(expected);
    expect(await write(foreign.array(ids))).toEqual(expected);
    expect(await model.detokenize(foreign.numbers(ids))).toBe('ab');
    const biased = await write('ab', { logitBias: { 120: 100 } });
    expect(biased).not.toEqual(expected);
    expect(await write('ab', { logitBias: foreign.map([[120, 100]]) })).toEqual(biased);
    expect(await write('ab', { logitBias: foreign.record([[120, 100]]) })).toEqual(biased);
    expect(await write('ab', { logitBias: { 120: 100 }, stop: foreign.array(['x']) })).toEqual([120]);
    expect(await write('ab', { ban: foreign.numbers([expected[0] ?? 0]) })).toEqual(
      await write('ab', { ban: [expected[0] ?? 0] }),
    );
    expect(await write('ab', foreign.record(Object.entries(greedy)))).toEqual(expected);
    const messages = foreign.array([foreign.record(Object.entries({ role: 'user', content: 'a' }))]);
    const chat = async (given: typeof messages) =>
      (await (await model.createSession()).chat(given, greedy).result).tokens;
    expect(await chat(messages)).toEqual(await chat([{ role: 'user', content: 'a' }]));
  });

  test('signals end calls', async () => {
    const reason = foreign.error('enough');
    const aborted = new foreign.signal();
    aborted.abort(reason);
    const session = await model.createSession();
    expect(await failure(session.append('a', { signal: aborted }))).toBe(reason);
    expect(await failure(RWKV.load(oracle, { signal: aborted }))).toBe(reason);
    expect(await failure(RWKV.inspect(oracle, { signal: aborted }))).toBe(reason);
    const late = new foreign.signal();
    const endless = session.complete('a', { signal: late, maxTokens: 1e9, ban: [0] });
    await endless.next();
    late.abort(reason);
    expect(
      await failure(
        (async () => {
          for await (const _ of endless);
        })(),
      ),
    ).toBe(reason);
    expect(late.heard.size).toBe(0);
  });

  test('adapters take them', async () => {
    const client = openai(model);
    const request = { model: 'any', prompt: foreign.array([97, 98]), max_tokens: 2, temperature: 0 } as const;
    expect((await client.completions.create(request)).choices).toHaveLength(1);
    const aborted = new foreign.signal();
    aborted.abort(foreign.error('enough'));
    expect(String(await failure(client.completions.create(request, { signal: aborted })))).toMatch(
      /abort|enough/i,
    );
    const ask = rwkvFetch({} as Parameters<typeof rwkvFetch>[0]);
    expect(await (await ask(foreign.url('http://a/'), { body: 'no JSON' })).text()).toMatch(/JSON/);
    const prompt = await languageModel(model).create();
    const reply = await prompt.prompt('a', { responseConstraint: foreign.expression('^yes$') });
    expect(reply).toBe('yes');
    expect(await failure(prompt.prompt('a', { signal: aborted }))).toBe(aborted.reason);
  });
});

test('the store takes a URL', async () => {
  expect(await store.has(foreign.url('https://example.invalid/model.pth'))).toBe(false);
});

test('errors of another realm tell what they are', () => {
  expect(sentence(foreign.error('gone', 'ENOENT'))).toBe('gone: of old');
  expect(realms.codeOf(foreign.error('gone', 'EEXIST'))).toBe('EEXIST');
});

test('what only looks like an object of the host is refused', () => {
  for (const value of [undefined, null, 0, 'Uint8Array', {}, [], () => {}, { href: 'x' }, Symbol('x')])
    for (const [name, claim] of Object.entries(realms))
      if (name !== 'codeOf') expect([name, value, claim(value)]).toEqual([name, value, false]);
});

test.each(['node', 'adapters/openai-node', 'adapters/prompt-api-node', 'adapters/ai-sdk-node', 'index'])(
  'dist/%s.js needs nothing at import that jsdom lacks',
  (door) => {
    const script = `
      const names = ['TextEncoder', 'TextDecoder', 'ReadableStream', 'TransformStream', 'TextEncoderStream', 'Response',
        'Request', 'Headers', 'fetch', 'structuredClone', 'BroadcastChannel', 'MessageChannel', 'CompressionStream'];
      for (const name of names) delete globalThis[name];
      if ('${door}' === 'index') globalThis.location = { href: 'http://localhost/' };
      await import(${JSON.stringify(new URL('../../dist/', import.meta.url).href)} + '${door}.js');`;
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([0, '']);
  },
);

test('exceptions with a class of their own are exceptions, errors of Node are none', () => {
  class QuotaExceededError extends DOMException {
    get [Symbol.toStringTag]() {
      return 'QuotaExceededError'; // as in new browsers
    }
  }
  for (const thrown of [new DOMException('full'), new QuotaExceededError('full', 'QuotaExceededError')])
    expect([realms.isError(thrown), realms.isDomException(thrown)]).toEqual([true, true]);
  for (const thrown of [new TypeError('no'), Object.assign(new Error('full'), { code: 'ENOSPC' })])
    expect([realms.isError(thrown), realms.isDomException(thrown)]).toEqual([true, false]);
});
