// Little memory: the worker's half on a real core whose memory may not grow beyond so many bytes.
import { readFile } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as modules from '../../dist/builds.js';
import { isMemoryError, outOfMemory, RwkvError } from '../../dist/shared/errors.js';
import { openPath } from '../../dist/store/node/files.js';
import { createHandlers } from '../../dist/worker/handlers.js';
import { failure } from './streams.js';

const page = 2 ** 16;
const mostBytes = 28 * 2 ** 20;
const wasm = Reflect.get(globalThis, 'WebAssembly');
const { Memory } = wasm;

const storyteller = new URL('../../dist/storyteller/rwkv7-tales-8.0M-q4.safetensors', import.meta.url);
const host = {
  modules,
  openPath,
  fetchWasm: async (url: URL) => new Response(await readFile(url)),
  threads: { cores: 2, start: async () => {} }, // builds with threads take their memory from outside
};
const report = () => {};
const greedy = {
  sampling: {
    ...{ temperature: 0, topP: 1, topK: 0, minP: 0, typicalP: 1 },
    ...{ presencePenalty: 0, frequencyPenalty: 0, penaltyDecay: 1 },
  },
  biasedTokens: new Int32Array(),
  biases: new Float32Array(),
  topLogprobs: -1,
  readAhead: false,
};
const start = { seed: 1, isSeeded: true, state: null };

/** The worker's operations on the storyteller, with so much for its prefix cache. */
async function load(prefixCache: number) {
  const crash = (error: unknown) => {
    throw error;
  };
  const handlers = createHandlers(host, setImmediate, crash, () => {});
  const path = fileURLToPath(storyteller);
  await handlers.load(
    {
      model: { kind: 'path', path, name: 'storyteller' },
      ...{ lora: null, vocabulary: 'bytes', quantization: null, build: 'baseline', threads: 2 },
      ...{ device: 'cpu', kernels: null, fastKernels: [], prefixCache, wasmUrl: null },
    },
    report,
  );
  /** The next tokens of a session, the likeliest. */
  const draw = async (session: number, count: number) => {
    const tokens: number[] = [];
    for (let i = 0; i < count; i++) {
      const { token } = await handlers.next({ session, allowed: null, isDelivered: null }, report);
      tokens.push(token);
    }
    return tokens;
  };
  return { handlers, draw };
}

const ids = (count: number, from = 1) =>
  Int32Array.from({ length: count }, (_, i) => 1 + ((from + i * 7) % 400));

describe('where memory is full', () => {
  beforeAll(() => {
    const bounded = (descriptor: object) => new Memory({ ...descriptor, maximum: mostBytes / page });
    wasm.Memory = new Proxy(Memory, { construct: (_, [descriptor]) => bounded(descriptor) });
  });
  afterAll(() => {
    wasm.Memory = Memory;
  });

  test('sessions that were made before go on with the same text, and those that are given back make room', async () => {
    const { handlers, draw } = await load(0);
    const first = await handlers.createSession(start, report);
    const call = { session: first, call: 1, prompt: ids(40), border: '', drawing: greedy };
    await handlers.begin(call, report);
    const alone = await handlers.fork({ session: first }, report);
    await handlers.begin({ ...call, session: alone, call: 2, prompt: ids(3) }, report);
    const expected = await draw(alone, 12);
    await handlers.disposeSession({ session: alone }, report);

    const others: number[] = [];
    const fill = async () => {
      for (;;) others.push(await handlers.createSession(start, report));
    };
    expect(await failure(fill())).toMatchObject({
      code: 'out-of-memory',
      message: expect.stringMatching(/^a session: no memory for \d+ bytes$/),
    });
    expect(others.length).toBeGreaterThan(3);
    for (const work of [
      () => handlers.fork({ session: first }, report),
      () => handlers.append({ session: first, prompt: ids(9) }, report),
    ])
      expect(await failure(Promise.resolve().then<unknown>(work))).toMatchObject({ code: 'out-of-memory' });
    for (const session of others.splice(0, 3)) await handlers.disposeSession({ session }, report);
    await handlers.begin({ ...call, prompt: ids(3) }, report);
    expect(await draw(first, 12)).toEqual(expected);
  });

  test('the prefix cache gives way first', async () => {
    const { handlers } = await load(2 ** 32);
    const sessions: number[] = [];
    const fill = async (isRead: boolean) => {
      for (let i = 0; i < 10_000; i++) {
        const session = await handlers.createSession(start, report);
        sessions.push(session);
        if (isRead) await handlers.append({ session, prompt: ids(20, i * 11) }, report);
      }
    };
    const work = fill(true);
    expect(await failure(work)).toMatchObject({ code: 'out-of-memory' });
    const together = sessions.length;
    for (const session of sessions.splice(0)) await handlers.disposeSession({ session }, report); // now the cache has all of it
    expect(await failure(fill(false))).toMatchObject({ code: 'out-of-memory' });
    expect(sessions.length).toBeGreaterThanOrEqual(together);
  });

  test('what a session was before its first call takes no second state', async () => {
    const most = async (isRead: boolean) => {
      const { handlers } = await load(0);
      let count = 0;
      const fill = async () => {
        for (; ; count++) {
          const session = await handlers.createSession(start, report);
          if (isRead) await handlers.append({ session, prompt: ids(20) }, report);
        }
      };
      expect(await failure(fill())).toMatchObject({ code: 'out-of-memory' });
      return count;
    };
    expect(await most(true)).toBeGreaterThan(0.9 * (await most(false)));
  });

  test('texts and prompts that are too large are refused with figures, and the next ones are read', async () => {
    const { handlers } = await load(0);
    const session = await handlers.createSession(start, report);
    const refused = async (work: () => unknown) =>
      expect(await failure(Promise.resolve().then<unknown>(work)));
    const figures = {
      code: 'out-of-memory',
      message: expect.stringMatching(/: no memory for \d{8,} bytes$/),
    };
    const text = 'once upon a time '.repeat(2e6);
    const many = new Int32Array(2e7).fill(3);
    (await refused(() => handlers.tokenize({ text }, report))).toMatchObject(figures);
    (await refused(() => handlers.append({ session, prompt: text }, report))).toMatchObject(figures);
    (await refused(() => handlers.append({ session, prompt: many }, report))).toMatchObject(figures);
    (await refused(() => handlers.embed({ prompt: many }, report))).toMatchObject(figures);
    (
      await refused(() =>
        handlers.score({ session, before: ids(1), prompt: ids(4000), topLogprobs: 5000 }, report),
      )
    ).toMatchObject(figures);
    expect(await handlers.append({ session, prompt: 'Once upon a time' }, report)).toMatchObject({
      cached: 0,
    });
    expect(
      (await handlers.score({ session, before: ids(1), prompt: ids(4), topLogprobs: 0 }, report)).scores,
    ).toHaveLength(4);
  });
});

test('what engines say of memory is told from other errors of range', () => {
  const told = (name: string, message: string) => Object.assign(new Error(message), { name });
  for (const error of [
    told('RangeError', 'Array buffer allocation failed'),
    told('RangeError', 'Invalid typed array length: 9007199254740991'),
    told('RangeError', 'Invalid string length'),
    told('RangeError', 'Out of memory'),
    told('InternalError', 'allocation size overflow'),
    told('DataCloneError', 'Data cannot be cloned, out of memory.'),
  ]) {
    expect(isMemoryError(error)).toBe(true);
    expect(outOfMemory(error)).toMatchObject({ code: 'out-of-memory', cause: error });
  }
  expect(isMemoryError(new RangeError('Maximum call stack size exceeded'))).toBe(false);
  expect(isMemoryError(new RwkvError('out-of-memory', 'no memory'))).toBe(false);
});
