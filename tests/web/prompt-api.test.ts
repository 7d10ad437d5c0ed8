// The Prompt API's shape on the storyteller.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type DownloadProgressEvent, type LanguageModelFactory, languageModel } from 'rwkv-wasm/prompt-api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { grammar } from '../../dist/grammar-node.js';
import { type Model, RWKV } from '../../dist/node.js';
import { renderChat } from '../../dist/page/chat/transcript.js';
import { storyteller } from '../../dist/storyteller.js';
import { fakeModel, fakePackage } from './fake/package.js';
import { collect, failure, textOf } from './streams.js';

let model: Model;
let LanguageModel: LanguageModelFactory; // plain text
let Chat: LanguageModelFactory; // the World template

beforeAll(async () => {
  model = await RWKV.load(undefined, { grammar });
  LanguageModel = languageModel(model, { seed: 7, defaults: { maxTokens: 40 } });
  Chat = languageModel(model, { template: 'world', seed: 7, defaults: { maxTokens: 40 } });
});
afterAll(() => model.dispose());

/** What a session of the package itself says. */
async function completed(prompt: string, seed: number, stop: readonly string[] = []): Promise<string> {
  const session = await model.createSession({ seed });
  const text = await textOf(session.complete(prompt, { maxTokens: 40, stop }));
  await session.dispose();
  return text;
}

const start = 'Once upon a time there was a fox who';

describe('a prompt', () => {
  test('gives the text that the session itself gives with that seed', async () => {
    const session = await LanguageModel.create();
    expect(await session.prompt(start)).toBe(await completed(start, 7));
    session.destroy();
  });

  test('streams the same text in pieces', async () => {
    const session = await LanguageModel.create();
    const pieces = await collect(session.promptStreaming(start));
    expect(pieces.length).toBeGreaterThan(5);
    expect(pieces.join('')).toBe(await completed(start, 7));
  });

  test('in a chat is the template, and the reply comes without the blank before it', async () => {
    const session = await Chat.create({
      initialPrompts: [{ role: 'system', content: 'You tell tales.' }],
    });
    const { prompt, stop } = renderChat([
      { role: 'system', content: 'You tell tales.' },
      { role: 'user', content: 'Tell me of a fox.' },
    ]);
    expect(await session.prompt('Tell me of a fox.')).toBe((await completed(prompt, 7, stop)).trimStart());
  });

  test('of several parts and messages is their texts', async () => {
    const session = await LanguageModel.create();
    const text = await session.prompt([
      { role: 'user', content: [{ type: 'text', value: 'Once upon a time ' }] },
      {
        role: 'assistant',
        content: [
          { type: 'text', value: 'there was ' },
          { type: 'text', value: 'a fox who' },
        ],
      },
    ]);
    expect(text).toBe(await completed(start, 7));
  });

  test('goes on from a prefix of the assistant', async () => {
    const session = await Chat.create();
    const messages = [
      { role: 'user', content: 'Tell me a tale.' },
      { role: 'assistant', content: 'Once upon a time', prefix: true },
    ] as const;
    const { prompt, stop } = renderChat(messages);
    expect(await session.prompt(messages)).toBe((await completed(prompt, 7, stop)).trimStart());
  });

  test('waits for those before it', async () => {
    const [one, other] = [await LanguageModel.create(), await LanguageModel.create()];
    const together = await Promise.all([one.prompt(start), one.prompt(' Then')]);
    const single = [await other.prompt(start), await other.prompt(' Then')];
    expect(together).toEqual(single);
    expect(together[1]).not.toBe('');
  });
});

describe('what a session has read', () => {
  test('by append comes before the next prompt', async () => {
    const session = await LanguageModel.create({
      initialPrompts: [{ role: 'user', content: 'Once upon a time' }],
    });
    await session.append(' there was a fox');
    const own = await model.createSession({ seed: 7 });
    for (const text of ['Once upon a time', ' there was a fox', ' who']) await own.append(text);
    expect(await session.prompt(' who')).toBe(await textOf(own.complete('', { maxTokens: 40 })));
  });

  test('is counted, and measured beforehand', async () => {
    const session = await LanguageModel.create();
    expect(session.contextUsage).toBe(0);
    const tokens = (await model.tokenize(start)).length;
    expect(await session.measureContextUsage(start)).toBe(tokens);
    expect(await session.measureInputUsage(start)).toBe(tokens);
    await session.append(start);
    expect(session.contextUsage).toBe(tokens);
    await session.prompt('');
    expect(session.contextUsage).toBeGreaterThan(tokens);
    expect(session.contextUsage).toBeLessThanOrEqual(tokens + 41);
    expect(session.inputUsage).toBe(session.contextUsage);
    expect([session.contextWindow, session.inputQuota]).toEqual([Infinity, Infinity]);
  });

  test('in a chat ends behind the reply: the next prompt reads as the whole conversation does', async () => {
    const session = await Chat.create();
    const reply = await session.prompt('Tell me of a fox.');
    const usage = session.contextUsage;
    await session.append('And then?');
    const { prompt } = renderChat([
      { role: 'user', content: 'Tell me of a fox.' },
      { role: 'assistant', content: reply },
      { role: 'user', content: 'And then?' },
    ]);
    const text = prompt.slice(0, prompt.lastIndexOf('Assistant:'));
    const read = (await model.tokenize(text)).length;
    expect(Math.abs(session.contextUsage - read)).toBeLessThanOrEqual(2); // borders may split tokens
    expect(usage).toBeLessThan(session.contextUsage);
  });
});

describe('a clone', () => {
  test('goes on by itself', async () => {
    const session = await LanguageModel.create();
    await session.append(start);
    const clone = await session.clone();
    const usage = session.contextUsage;
    const text = await clone.prompt('');
    expect(session.contextUsage).toBe(usage);
    clone.destroy();
    expect(await session.prompt('')).toBe(text); // the same seed
  });

  test('draws by itself where no seed was chosen', async () => {
    const session = await languageModel(model, {
      defaults: { maxTokens: 40, temperature: 2, topP: 1 },
    }).create();
    await session.append(start);
    const texts = await Promise.all([(await session.clone()).prompt(''), (await session.clone()).prompt('')]);
    expect(texts[0]).not.toBe(texts[1]);
  });
});

describe('an abort', () => {
  test('ends a prompt and leaves no trace of it', async () => {
    const session = await LanguageModel.create();
    await session.append('Once upon a time');
    const usage = session.contextUsage;
    const controller = new AbortController();
    const reader = session.promptStreaming(' there was', { signal: controller.signal }).getReader();
    await reader.read();
    controller.abort();
    expect(await failure(readAll(reader))).toMatchObject({ name: 'AbortError' });
    expect(session.contextUsage).toBe(usage);
    expect(await session.prompt(' there was')).toBe(
      await (async () => {
        const other = await LanguageModel.create();
        await other.append('Once upon a time');
        return other.prompt(' there was');
      })(),
    );
  });

  test('gives its own reason, also before the start and in the queue', async () => {
    const session = await LanguageModel.create();
    const reason = new Error('enough');
    expect(await failure(session.prompt(start, { signal: AbortSignal.abort(reason) }))).toBe(reason);
    const controller = new AbortController();
    const first = session.prompt(start);
    const second = failure(session.append(start, { signal: controller.signal }));
    controller.abort(reason);
    expect(await second).toBe(reason);
    expect(await first).toBe(await completed(start, 7));
  });

  test('of a stream by cancelling it lets the next prompt begin', async () => {
    const session = await LanguageModel.create();
    const reader = session.promptStreaming(start).getReader();
    await reader.read();
    await reader.cancel();
    expect(await session.prompt(start)).toBe(await completed(start, 7));
  });

  test('of create ends the session too', async () => {
    const controller = new AbortController();
    const session = await LanguageModel.create({ signal: controller.signal });
    const prompt = failure(session.prompt(start));
    controller.abort();
    expect(await prompt).toMatchObject({ name: 'AbortError' });
    expect(await failure(session.prompt(start))).toMatchObject({ name: 'InvalidStateError' });
    expect(await failure(LanguageModel.create({ signal: controller.signal }))).toMatchObject({
      name: 'AbortError',
    });
  });
});

test('destroy ends what is under way, and all calls after it are refused', async () => {
  const session = await LanguageModel.create();
  const reader = session.promptStreaming(start).getReader();
  await reader.read();
  session.destroy();
  session.destroy();
  expect(await failure(readAll(reader))).toMatchObject({ name: 'AbortError' });
  for (const call of [
    session.prompt(start),
    session.append(start),
    session.clone(),
    session.measureContextUsage(''),
  ])
    expect(await failure(call)).toMatchObject({ name: 'InvalidStateError' });
});

describe('create', () => {
  test('loads a model when it is first needed, tells how far it is, and gives it back', async () => {
    const own = languageModel(undefined, { seed: 7, defaults: { maxTokens: 40 } });
    expect(await own.availability()).toBe('available');
    const told: number[] = [];
    const session = await own.create({
      monitor(monitor) {
        monitor.addEventListener('downloadprogress', (event: DownloadProgressEvent) => {
          told.push(event.loaded, event.total);
        });
      },
    });
    expect(told.slice(0, 2)).toEqual([0, 1]);
    expect(told.slice(-2)).toEqual([1, 1]);
    expect(await session.prompt(start)).toBe(await completed(start, 7)); // plain text by itself
    await own.dispose();
    expect(await failure(session.prompt(start))).toMatchObject({ name: 'InvalidStateError' });
  });

  test('fetches a model once for all who wait, also where one of them leaves', async () => {
    const asked: string[] = [];
    let answer = () => {};
    const isAsked = new Promise<void>((resolve) => {
      answer = resolve;
    });
    let send = () => {};
    const file = readFileSync(storyteller.model);
    const server = createServer((request, response) => {
      asked.push(`${request.method}`);
      response.writeHead(200, { 'content-length': file.length });
      response.write(file.subarray(0, file.length / 2));
      send = () => {
        const pieces = [0.5, 0.7, 0.9, 1].map((end, i, ends) =>
          file.subarray(file.length * (ends[i - 1] ?? 0.5), file.length * end),
        );
        const next = () => {
          const piece = pieces.shift();
          if (!piece) {
            response.end();
            return;
          }
          response.write(piece);
          setTimeout(next, 60); // progress is told every 50 ms
        };
        next();
      };
      answer();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const remote = languageModel(`http://127.0.0.1:${port}/tale.safetensors`, {
      tokenizer: storyteller.vocabulary,
      template: 'none',
      seed: 7,
      defaults: { maxTokens: 40 },
    });
    expect(await remote.availability()).toBe('downloadable');
    const controller = new AbortController();
    const leaves = failure(remote.create({ signal: controller.signal }));
    const told: number[] = [];
    const stays = remote.create({
      monitor(monitor) {
        monitor.ondownloadprogress = ({ loaded }) => told.push(loaded);
      },
    });
    await isAsked;
    expect(await remote.availability()).toBe('downloading');
    controller.abort();
    expect(await leaves).toMatchObject({ name: 'AbortError' });
    send();
    expect(await (await stays).prompt(start)).toBe(await completed(start, 7));
    expect(await remote.availability()).toBe('available');
    expect(asked).toEqual(['GET']);
    expect([told[0], told.at(-1)]).toEqual([0, 1]);
    expect(told.some((share) => share > 0 && share < 1)).toBe(true);
    expect(told).toEqual([...told].sort((a, b) => a - b));
    await remote.dispose();
    server.closeAllConnections();
    server.close();
  });

  test('tells what a model that cannot be fetched ends in, and tries again', async () => {
    const missing = languageModel('http://127.0.0.1:9/none.safetensors');
    expect(await missing.availability()).toBe('downloadable');
    for (const _ of [1, 2]) {
      const error = await failure(missing.create());
      expect(error).toBeInstanceOf(DOMException);
      expect(error).toMatchObject({ name: 'NetworkError', cause: { code: 'read-failed' } });
    }
  });

  test('shows how it draws', async () => {
    const params = await LanguageModel.params();
    expect(params).toEqual({ defaultTopK: 65536, maxTopK: 65536, defaultTemperature: 1, maxTemperature: 2 });
    const raw = await LanguageModel.create({ temperature: Infinity, topK: 3.9 });
    expect([raw.temperature, raw.topK, raw.samplingMode]).toEqual([2, 3, null]);
    const greedy = await LanguageModel.create({ samplingMode: 'most-predictable' });
    expect([greedy.temperature, greedy.samplingMode]).toEqual([0, 'most-predictable']);
    const session = await model.createSession();
    expect(await greedy.prompt(start)).toBe(
      await textOf(session.complete(start, { maxTokens: 40, temperature: 0 })),
    );
    expect(greedy instanceof LanguageModel).toBe(true);
    expect({} instanceof LanguageModel).toBe(false);
  });

  test.each([
    [{ temperature: -1 }, RangeError],
    [{ topK: 0 }, RangeError],
    [{ topK: Number.NaN }, RangeError],
    [{ topK: 3, samplingMode: 'creative' as const }, TypeError],
    [{ expectedInputs: [{ type: 'text' as const, languages: ['not a tag'] }] }, RangeError],
  ])('refuses %o', async (options, kind) => {
    expect(await failure(LanguageModel.create(options))).toBeInstanceOf(kind);
    expect(await failure(LanguageModel.availability(options))).toBeInstanceOf(kind);
  });

  test.each([
    { expectedInputs: [{ type: 'image' as const }] },
    { expectedOutputs: [{ type: 'audio' as const }] },
    { tools: [{ name: 'weather' }] },
  ])('has nothing for %o', async (options) => {
    expect(await LanguageModel.availability(options)).toBe('unavailable');
    expect(await failure(LanguageModel.create(options))).toMatchObject({ name: 'NotSupportedError' });
  });
});

test('a model whose worker died is loaded anew by the next create', async () => {
  const fake = await fakePackage();
  // Of the same copy of the package, whose errors it knows.
  const maker: typeof import('../../dist/adapters/prompt-api/maker.js') = await import(
    join(fake.folder, 'dist/adapters/prompt-api/maker.js')
  );
  const own = maker.languageModelMaker(fake.RWKV.load)(fakeModel(), { tokenizer: 'bytes', template: 'none' });
  const session = await own.create();
  expect(await session.prompt('w')).toBe('xyz');
  const crash = '\u0200'; // its first byte is what the fake core dies of
  expect(await failure(session.append(crash))).toMatchObject({
    name: 'OperationError',
    cause: { code: 'worker-crashed' },
  });
  expect(await failure(session.prompt('w'))).toMatchObject({ name: 'OperationError' });
  const anew = await own.create();
  expect(await failure(session.prompt('w'))).toMatchObject({ name: 'OperationError' });
  expect(await (await anew.clone()).prompt('w')).toBe('xyz');
  await own.dispose();
  fake.remove();
});

describe('a prompt is refused', () => {
  test.each([
    ['an image', [{ role: 'user', content: [{ type: 'image', value: new Blob([]) }] }], 'NotSupportedError'],
    ['no text', [{ role: 'user', content: [{ type: 'text', value: 3 }] }], 'TypeError'],
    [
      'a late system text',
      [
        { role: 'user', content: 'a' },
        { role: 'system', content: 'b' },
      ],
      'TypeError',
    ],
    ['a prefix of the user', [{ role: 'user', content: 'a', prefix: true }], 'SyntaxError'],
    [
      'a prefix in between',
      [
        { role: 'assistant', content: 'a', prefix: true },
        { role: 'user', content: 'b' },
      ],
      'SyntaxError',
    ],
    ['an unknown role', [{ role: 'tool', content: 'a' }], 'TypeError'],
    ['a number', 5, 'TypeError'],
  ])('that is %s', async (_, input, name) => {
    const session = await LanguageModel.create();
    // What callers without types may pass.
    const untyped = input as unknown as string;
    expect(await failure(session.prompt(untyped))).toMatchObject({ name });
    expect(await failure(session.append(untyped))).toMatchObject({ name });
    expect(await failure(readAll(session.promptStreaming(untyped).getReader()))).toMatchObject({ name });
    expect(session.contextUsage).toBe(0);
  });

  test('that puts a system text behind others', async () => {
    const session = await LanguageModel.create();
    await session.append([{ role: 'system', content: 'You tell tales.' }]);
    const again = session.append([{ role: 'system', content: 'You do not.' }]);
    expect(await failure(again)).toMatchObject({ name: 'TypeError' });
  });
});

describe('a constraint', () => {
  test('that is none is refused', async () => {
    const session = await LanguageModel.create();
    for (const responseConstraint of [5, 'a', []] as unknown as object[])
      expect(await failure(session.prompt(start, { responseConstraint }))).toBeInstanceOf(TypeError);
    expect(await failure(session.prompt(start, { omitResponseConstraintInput: true }))).toBeInstanceOf(
      TypeError,
    );
    const lookahead = { responseConstraint: /(?=a)b/ };
    expect(await failure(session.prompt(start, lookahead))).toMatchObject({ name: 'NotSupportedError' });
  });

  test('is not supported by a model that was loaded without the grammar engine', async () => {
    const plain = languageModel();
    const session = await plain.create();
    for (const responseConstraint of [{ type: 'object' }, /yes|no/])
      expect(await failure(session.prompt(start, { responseConstraint }))).toMatchObject({
        name: 'NotSupportedError',
      });
    await plain.dispose();
  });

  test('is kept, or the prompt fails', async () => {
    const session = await LanguageModel.create();
    const responseConstraint = {
      type: 'object',
      properties: { age: { type: 'integer', minimum: 0, maximum: 99 } },
      required: ['age'],
    };
    expect(JSON.parse(await session.prompt(start, { responseConstraint }))).toEqual({
      age: expect.any(Number),
    });
    expect(await session.prompt(start, { responseConstraint: /(fox|hen) \d{2}/ })).toMatch(
      /^(fox|hen) \d{2}$/,
    );
    const usage = session.contextUsage;
    const endless = session.prompt(start, { responseConstraint: /a{500}/ });
    expect(await failure(endless)).toMatchObject({ name: 'SyntaxError' });
    expect(session.contextUsage).toBe(usage);
  });
});

test('options of the adapter are checked at once', () => {
  expect(() => languageModel(undefined, { defaults: { temperature: -1 } })).toThrow(/option temperature/);
  expect(() => languageModel(undefined, { seed: 0.5 })).toThrow(/option seed/);
  expect(() => languageModel(undefined, { template: 'none', think: true })).toThrow(/option think/);
  // @ts-expect-error there is no such option
  expect(() => languageModel(undefined, { colour: 'red' })).toThrow(/colour/);
});

async function readAll(reader: ReadableStreamDefaultReader<string>): Promise<void> {
  while (!(await reader.read()).done);
}

// As programs without types call, and as Web IDL reads a dictionary.
describe('options', () => {
  const doors = (session: Awaited<ReturnType<LanguageModelFactory['create']>>) =>
    [
      [
        'availability',
        (options: unknown) => Reflect.apply(LanguageModel.availability, LanguageModel, [options]),
      ],
      ['create', (options: unknown) => Reflect.apply(LanguageModel.create, LanguageModel, [options])],
      ['prompt', (options: unknown) => Reflect.apply(session.prompt, session, ['', options])],
      [
        'promptStreaming',
        (options: unknown) => collect(Reflect.apply(session.promptStreaming, session, ['', options])),
      ],
      ['append', (options: unknown) => Reflect.apply(session.append, session, ['a', options])],
      [
        'measureContextUsage',
        (options: unknown) => Reflect.apply(session.measureContextUsage, session, ['a', options]),
      ],
      ['clone', (options: unknown) => Reflect.apply(session.clone, session, [options])],
    ] as const;

  test('that are null are none, and what is no object is a TypeError, in every method', async () => {
    const session = await LanguageModel.create();
    for (const [name, call] of doors(session)) {
      for (const options of [null, undefined, {}]) await call(options);
      for (const options of [7, 'x', true])
        expect(await failure((async () => call(options))()), name).toBeInstanceOf(TypeError);
    }
    session.destroy();
  });
});
