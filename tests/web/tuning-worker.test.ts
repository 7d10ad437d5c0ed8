// The worker's half of learning, on the modules that learn: both halves of the package around it are elsewhere.
import { readFile } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import * as plain from '../../dist/builds.js';
import * as modules from '../../dist/learning-builds.js';
import type { DocumentPart, Learning } from '../../dist/shared/protocol.js';
import type { Quantization } from '../../dist/shared/types.js';
import { openPath } from '../../dist/store/node/files.js';
import { createHandlers } from '../../dist/worker/handlers.js';
import { teaching } from '../../dist/worker/teaching.js';
import { failure } from './streams.js';

const fetchWasm = async (url: URL) => new Response(await readFile(url));
const report = () => {};
const path = fileURLToPath(new URL('../fixtures/oracle/v7-bf16.pth', import.meta.url));
const oracle = new URL('../fixtures/oracle/v7-bf16.json', import.meta.url);

/** The operations of a worker that has loaded the model. */
async function start(used: typeof modules | typeof plain = modules, quantization: Quantization = 'f32') {
  const crash = (error: unknown) => {
    throw error;
  };
  const host = { modules: used, openPath, fetchWasm, ...(used === modules && { teaching }) };
  const handlers = createHandlers(host, setImmediate, crash, () => {});
  await handlers.load(
    {
      model: { kind: 'path', path, name: 'v7.pth' },
      ...{ vocabulary: null, lora: null, quantization, build: 'baseline', threads: 1 },
      ...{ device: 'cpu', kernels: null, fastKernels: [], prefixCache: 2 ** 20, wasmUrl: null },
    },
    report,
  );
  return handlers;
}
type Worker = Awaited<ReturnType<typeof start>>;

const learning = (options: Partial<Learning> = {}): Learning => ({
  ...{ method: 'state', steps: 4, epochs: null, contextLength: 24, batch: 2 },
  ...{ learningRate: 0.05, schedule: 'cosine', warmup: 1, betas: [0.9, 0.99], epsilon: 1e-8 },
  ...{ weightDecay: 0, gradientClip: 1, rank: 2, alpha: 4, targets: ['att.key', 'ffn.value'] },
  ...{ seed: 3, validationEvery: 2 },
  ...options,
});

let tokens: Int32Array<ArrayBuffer>;
beforeAll(async () => {
  tokens = Int32Array.from(JSON.parse(await readFile(oracle, 'utf8')).tokens);
});
/** `count` tokens of the oracle's, over and over. */
const text = (count: number) => Int32Array.from({ length: count }, (_, i) => tokens[i % tokens.length] ?? 0);

const add = (worker: Worker, parts: readonly DocumentPart[], isValidation = false) =>
  worker.addDocument({ parts, isValidation }, report);
const learned = (count: number): DocumentPart[] => [{ text: text(count), isLearned: true }];

/** Begins to teach some documents. */
async function begin(
  worker: Worker,
  options: Partial<Learning> = {},
  checkpoint: Uint8Array<ArrayBuffer> | null = null,
) {
  await worker.beginTuning({ learning: learning(options) }, report);
  expect(await add(worker, learned(60))).toBe(60);
  await add(worker, [{ text: text(9), isLearned: false }, ...learned(20)]);
  await add(worker, learned(15), true);
  const place = checkpoint && ({ kind: 'bytes', name: 'run.checkpoint', bytes: checkpoint } as const);
  return worker.planTuning({ checkpoint: place }, report);
}
const step = async (worker: Worker) => worker.nextStep({}, report);
async function rest(worker: Worker) {
  const steps = [];
  for (let made = await step(worker); made; made = await step(worker)) steps.push(made);
  return steps;
}

/** The likeliest tokens of a new session behind a prompt. */
async function draw(worker: Worker, count: number, state: Uint8Array<ArrayBuffer> | null = null) {
  const place = state && ({ kind: 'bytes', name: 'tuned', bytes: state } as const);
  const session = await worker.createSession({ seed: 1, isSeeded: true, state: place }, report);
  const sampling = {
    ...{ temperature: 0, topP: 1, topK: 0, minP: 0, typicalP: 1 },
    ...{ presencePenalty: 0, frequencyPenalty: 0, penaltyDecay: 1 },
  };
  const biasedTokens = Int32Array.of(0); // no end of text
  const drawing = {
    sampling,
    biasedTokens,
    biases: Float32Array.of(-Infinity),
    topLogprobs: -1,
    readAhead: false,
  };
  await worker.begin({ session, call: 0, prompt: text(20), border: '', drawing }, report);
  const drawn: number[] = [];
  for (let i = 0; i < count; i++)
    drawn.push((await worker.next({ session, allowed: null, isDelivered: null }, report)).token);
  await worker.disposeSession({ session }, report);
  return drawn;
}

describe.each(['state', 'lora', 'full'] as const)('method %s', (method) => {
  test('tells what it will do, and learns: both losses fall', async () => {
    const worker = await start();
    const plan = await begin(worker, { method });
    expect(plan).toMatchObject({ steps: 4, step: 0, excerpts: 3 + 2, validationTokens: 14 });
    expect(plan.learnedTokens).toBe(59 + 20);
    expect(plan.bytes).toBeGreaterThan(10_000);
    const steps = await rest(worker);
    expect(steps.map(({ step }) => step)).toEqual([1, 2, 3, 4]);
    expect(steps.map(({ validationLoss }) => validationLoss !== undefined)).toEqual([
      false,
      true,
      false,
      true,
    ]);
    expect(steps[3]?.validationLoss).toBeLessThan(plan.validationLoss ?? 0);
    expect(steps.every(({ tokens, learningRate }) => tokens > 0 && learningRate <= 0.05)).toBe(true);
    expect(await step(worker)).toBeNull();
    await worker.endTuning({}, report);
  });

  test('goes on from a checkpoint to the bits that it would have had undisturbed', async () => {
    const worker = await start();
    await begin(worker, { method });
    const first = [await step(worker), await step(worker)];
    const checkpoint = await worker.saveTuning({}, report);
    const undisturbed = await rest(worker);
    const end = await worker.saveTuning({}, report);
    const file = await worker.tuned({ format: 'safetensors' }, report);
    await worker.endTuning({}, report);

    expect(await begin(worker, { method }, Uint8Array.from(checkpoint))).toMatchObject({ step: 2, steps: 4 });
    expect(await rest(worker)).toEqual(undisturbed);
    // By Buffer: to compare megabytes by elements takes minutes.
    expect(Buffer.compare(await worker.saveTuning({}, report), end)).toBe(0);
    expect(Buffer.compare(await worker.tuned({ format: 'safetensors' }, report), file)).toBe(0);
    expect(first.map((made) => made?.step)).toEqual([1, 2]);
  });
});

test('a learned state is a file that sessions start from', async () => {
  const worker = await start();
  await begin(worker, { learningRate: 1 });
  await rest(worker);
  const before = await draw(worker, 8);
  for (const format of ['safetensors', 'pth'] as const) {
    const file = Uint8Array.from(await worker.tuned({ format }, report));
    expect(await draw(worker, 8, file)).not.toEqual(before);
  }
});

test('sessions have their turns between the passes of a step, and write what they would have written', async () => {
  const worker = await start();
  const alone = await draw(worker, 3);
  await worker.beginTuning({ learning: learning({ contextLength: 520, batch: 3, steps: 1 }) }, report);
  await add(worker, learned(1561));
  await worker.planTuning({ checkpoint: null }, report);
  const events: string[] = [];
  await Promise.all([
    step(worker).then(() => events.push('step')),
    draw(worker, 3).then((beside) => {
      events.push('text');
      expect(beside).toEqual(alone);
    }),
  ]);
  expect(events).toEqual(['text', 'step']);
});

test('sessions of a model whose weights are learned see what they have become', async () => {
  const worker = await start();
  const before = await draw(worker, 12);
  await begin(worker, { method: 'full', learningRate: 0.1 });
  await rest(worker);
  expect(await draw(worker, 12)).not.toEqual(before);
});

test('a tuning that is ended in the middle of a step leaves the model free for the next', async () => {
  const worker = await start();
  await worker.endTuning({}, report); // without one
  await worker.beginTuning({ learning: learning({ contextLength: 1100 }) }, report);
  await add(worker, learned(1101));
  await worker.planTuning({ checkpoint: null }, report);
  const broken = failure(step(worker));
  await setImmediate();
  await worker.endTuning({}, report);
  expect(await broken).toMatchObject({ code: 'disposed' });
  expect(await failure(step(worker))).toMatchObject({ code: 'disposed' });
  await begin(worker);
  expect(await rest(worker)).toHaveLength(4);
});

test('what cannot be is refused, and the model goes on', async () => {
  const worker = await start(modules, 'q8');
  const code = async (work: Promise<unknown> | unknown) => (await failure(Promise.resolve(work))).message;
  expect(await code(worker.beginTuning({ learning: learning({ method: 'full' }) }, report))).toMatch(/f32/);
  const unknown = learning({ method: 'lora', targets: ['att.gate'] });
  expect(await code(worker.beginTuning({ learning: unknown }, report))).toMatch(/att\.gate/);
  await worker.beginTuning({ learning: learning() }, report);
  expect(await code(worker.beginTuning({ learning: learning() }, report))).toMatch(/one tuning at a time/);
  expect(await code(worker.planTuning({ checkpoint: null }, report))).toMatch(/nothing to learn/);
  const far = [{ text: Int32Array.of(1, 2 ** 20), isLearned: true }];
  expect(await code(add(worker, far))).toMatch(/token 1: expected an id below/);
  await add(worker, learned(30));
  const checkpoint = { kind: 'bytes', name: 'run.checkpoint', bytes: new Uint8Array(100) } as const;
  expect(await code(worker.planTuning({ checkpoint }, report))).toMatch(/run\.checkpoint: not a checkpoint/);
  await worker.endTuning({}, report);
  await begin(worker);
  expect(await rest(worker)).toHaveLength(4);
});

test('a checkpoint of another run is refused by what differs', async () => {
  const worker = await start();
  await begin(worker);
  await step(worker);
  const checkpoint = Uint8Array.from(await worker.saveTuning({}, report));
  await worker.endTuning({}, report);
  expect(await failure(begin(worker, { learningRate: 0.025 }, checkpoint))).toMatchObject({
    code: 'invalid-argument',
    message: expect.stringMatching(/learningRate: expected 0\.025, found 0\.05$/),
  });
});

test('a model that was loaded without what teaches it says what to pass', async () => {
  const worker = await start(plain);
  const refused = await failure(Promise.resolve(worker.beginTuning({ learning: learning() }, report)));
  expect(refused).toMatchObject({
    code: 'unsupported',
    message: expect.stringMatching(/rwkv-wasm\/learning/),
  });
});
