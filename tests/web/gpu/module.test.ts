// The module for devices: lists that give the model's own logits, weights in pieces, states with two homes.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { WasmModule, WasmReading, WasmSession } from '../../../dist/worker/module.js';
import { allLayers, unwrap } from '../../../dist/worker/module.js';
import { maxDifference, modelFolder, oracleOf } from '../oracles.js';
import { Device, loadHere, logitsOf, sourceOf, startGpu, startLoading, startProcessor } from './device.js';

const [gpu, processor] = await Promise.all([startGpu(), startProcessor()]);
const tolerance = 5e-4; // between sums in floats and in doubles
const tokens = Int32Array.from(oracleOf('v7-bf16.pth')?.tokens ?? []); // (40)
const fileOf = (name: string) => sourceOf(name, readFileSync(`${modelFolder}${name}`));
const device = new Device(gpu, fileOf('v7-bf16.pth')); // that most tests share
const here = loadHere(processor, fileOf('v7-bf16.pth'));

const create = (model: Pick<typeof here, 'createSession'>, state: Uint8Array | null = null) =>
  unwrap(model.createSession(7, 0, false, state && sourceOf('a saved session', state)));
function prompted(session: WasmSession, prompt: Int32Array) {
  unwrap(session.prompt(prompt));
  return session;
}
function readHere(module: WasmModule, ...sessions: WasmSession[]) {
  while (sessions.some((session) => session.pending() > 0))
    unwrap(
      module.advance(
        sessions,
        Int32Array.from(sessions, () => 32),
      ),
    );
}
/** Logits behind tokens, as this processor computes them. */
function expected(...parts: Int32Array[]): Float32Array {
  const session = create(here);
  for (const part of parts) readHere(processor, prompted(session, part));
  return logitsOf(session);
}
const isClose = (session: WasmSession, ...parts: Int32Array[]) =>
  expect(maxDifference(logitsOf(session), expected(...parts))).toBeLessThan(tolerance);

test.each(['v4-bf16.pth', 'v50.pth', 'v51.pth', 'v52-fp16.pth', 'v6-bf16.pth', 'v7-bf16.pth', 'v7a.pth'])(
  'lists of %s give its logits, in chunks of any size',
  (name) => {
    const model = loadHere(processor, fileOf(name));
    const straight = prompted(create(model), tokens);
    readHere(processor, straight);
    const listed = new Device(gpu, fileOf(name));
    const oracle = name === 'v7a.pth' ? undefined : oracleOf(name)?.logits;
    for (const most of [32, 7]) {
      const session = prompted(create(listed.model), tokens);
      listed.read([session], most);
      expect(maxDifference(logitsOf(session), logitsOf(straight))).toBeLessThan(tolerance);
      if (oracle) expect(maxDifference(logitsOf(session), oracle)).toBeLessThan(tolerance);
      session.delete();
    }
    expect(listed.model.info().version).toBe(model.info().version);
    listed.model.delete();
  },
);

test('sessions read side by side, and a shape is recorded once', () => {
  const [a, b] = [prompted(create(device.model), tokens.slice(0, 9)), prompted(create(device.model), tokens)];
  device.read([a, b], 5);
  isClose(a, tokens.slice(0, 9));
  isClose(b, tokens);
  const before = device.lists;
  device.read([prompted(a, tokens.slice(0, 9)), prompted(create(device.model), tokens)], 5);
  expect(device.lists).toBe(before);
});

test('a fork and a session that stands where another does copy its slot, and go their own ways', () => {
  const session = prompted(create(device.model), tokens);
  device.read([session]);
  const { uploads, slots } = device.interpreter.copies;
  const fork = unwrap(session.fork());
  const other = prompted(create(device.model), tokens.slice(3));
  other.adopt(session);
  device.read([prompted(session, tokens.slice(0, 4))]);
  device.read([prompted(fork, tokens.slice(4, 6)), prompted(other, tokens.slice(8, 9))]);
  expect(device.interpreter.copies).toEqual({ uploads, slots: slots + 2 });
  isClose(session, tokens, tokens.slice(0, 4));
  isClose(fork, tokens, tokens.slice(4, 6));
  isClose(other, tokens, tokens.slice(8, 9));
  session.reset();
  device.read([prompted(session, tokens.slice(0, 4))]);
  isClose(session, tokens.slice(0, 4));
});

test('guesses are read on a copy of the slot, right ones and wrong ones', () => {
  const greedy = {
    temperature: 0,
    topP: 1,
    topK: 0,
    minP: 0,
    typicalP: 1,
    presencePenalty: 0,
    frequencyPenalty: 0,
    penaltyDecay: 1,
  };
  const draw = (
    session: WasmSession,
    read: () => void,
    guess: (drawn: readonly number[]) => readonly number[],
  ) => {
    unwrap(session.configure(greedy, new Int32Array(), new Float32Array(), -1));
    const drawn: number[] = [];
    while (drawn.length < 12) {
      read();
      drawn.push(unwrap(session.sample(null)).token);
      unwrap(session.guess(Int32Array.from(guess(drawn))));
    }
    return drawn;
  };
  const straight = prompted(create(here), tokens);
  const text = draw(
    straight,
    () => readHere(processor, straight),
    () => [],
  );
  for (const wrongAt of [2, 99]) {
    const session = prompted(create(device.model), tokens);
    const guess = (drawn: readonly number[]) =>
      text
        .slice(drawn.length, drawn.length + 3)
        .map((token, i) => (i === wrongAt ? (token + 1) % 256 : token));
    expect(draw(session, () => device.read([session]), guess)).toEqual(text);
  }
});

test('a session that is saved on the device goes on here, and the other way', () => {
  const session = prompted(create(device.model), tokens);
  device.read([session]);
  expect(session.save(false)).toMatchObject({ error: { code: 'read-failed' } });
  device.download(session);
  expect(gpu.slotOf(session)).toBeNull();
  const onward = create(here, unwrap(session.save(false)));
  readHere(processor, prompted(onward, tokens.slice(0, 5)));
  isClose(onward, tokens, tokens.slice(0, 5));
  device.read([prompted(session, tokens.slice(0, 5))]); // it is still in its slot
  isClose(session, tokens, tokens.slice(0, 5));
  const back = create(device.model, unwrap(onward.save(false)));
  device.read([prompted(back, tokens.slice(5))]);
  isClose(back, tokens, tokens.slice(0, 5), tokens.slice(5));
});

test('a pass that fails leaves a session as it was, or tells that its state is lost', () => {
  const session = prompted(create(device.model), tokens.slice(0, 5));
  const fail = () => unwrap(gpu.startPass([session], Int32Array.of(32)))?.delete();
  fail();
  expect(session.isFresh()).toBe(false);
  expect(unwrap(session.logits())).toBeNull();
  device.read([session]);
  isClose(session, tokens.slice(0, 5));
  prompted(session, tokens.slice(5));
  fail();
  expect(session.pending()).toBe(tokens.length - 5);
  const lost = { error: { code: 'read-failed', message: expect.stringContaining('lost on the device') } };
  expect(gpu.startPass([session], Int32Array.of(32))).toMatchObject(lost);
  expect(gpu.startPass([unwrap(session.fork())], Int32Array.of(32))).toMatchObject(lost);
  expect(session.save(false)).toMatchObject({ error: { code: 'read-failed' } });
  session.reset();
  device.read([prompted(session, tokens)]);
  isClose(session, tokens);
});

test('answers of another size are refused', () => {
  const session = prompted(create(device.model), tokens.slice(0, 5));
  const pass = unwrap(gpu.startPass([session], Int32Array.of(32)));
  const refused = {
    error: { code: 'invalid-argument', message: expect.stringContaining('expected 256 floats, found 255') },
  };
  expect(pass?.finish(new Float32Array(255))).toMatchObject(refused);
  pass?.delete();
  device.read([session]);
  expect(gpu.arrive(session, new Float32Array(3))).toMatchObject({ error: { code: 'invalid-argument' } });
  expect(gpu.record(device.model, 1, 2, 1, false, 0)).toMatchObject({ error: { code: 'invalid-argument' } });
});

test('logits that are not finite are told', () => {
  const session = prompted(create(device.model), tokens.slice(0, 5));
  const pass = unwrap(gpu.startPass([session], Int32Array.of(32)));
  if (pass) unwrap(pass.finish(new Float32Array(256).fill(Number.NaN)));
  expect(session.check()).toMatchObject({
    error: { code: 'bad-model', message: "the model's numbers are not finite" },
  });
});

test('texts are scored and pooled as here', () => {
  const numbers = (reading: WasmReading) => {
    for (let told = unwrap(reading.next()); ; told = unwrap(reading.next())) if (told) return told;
  };
  const score = unwrap(here.score(create(here), tokens, 3));
  const listed = device.numbers(unwrap(device.model.score(create(device.model), tokens, 3)));
  expect(maxDifference(listed, numbers(score))).toBeLessThan(tolerance);
  const pool = unwrap(here.pool(tokens));
  expect(maxDifference(device.numbers(unwrap(device.model.pool(tokens))), numbers(pool))).toBeLessThan(
    tolerance,
  );
});

test('a file that cannot be read to its end is told, and the module goes on', () => {
  const bytes = readFileSync(`${modelFolder}v7-bf16.pth`);
  let failures = 0;
  for (let reads = 1; ; reads += 40) {
    const opened = gpu.startLoading(
      sourceOf('broken', bytes, reads),
      null,
      null,
      'q4',
      null,
      [],
      () => {},
      allLayers,
    );
    if ('error' in opened) {
      expect(opened.error).toMatchObject({ code: 'read-failed', message: 'broken: the cable is out' });
      continue;
    }
    let next = opened.value.next();
    while ('value' in next && next.value) next = opened.value.next();
    opened.value.delete();
    if ('value' in next) break;
    failures++;
    expect(next.error).toMatchObject({ code: 'read-failed', message: 'broken: the cable is out' });
  }
  expect(failures).toBeGreaterThan(0);
  const kernels = gpu.startLoading(
    fileOf('v7-bf16.pth'),
    null,
    null,
    null,
    'q8 dot x2',
    [],
    () => {},
    allLayers,
  );
  expect(kernels).toMatchObject({ error: { code: 'unsupported' } });
});

test('weights are told by number before the first of their pieces, in each format', () => {
  for (const quantization of ['f32', 'f16', 'q8', 'q4'] as const) {
    const loading = startLoading(gpu, fileOf('v7-bf16.pth'), quantization);
    const sizes: number[] = [];
    for (let more = true; more; ) {
      more = unwrap(loading.next());
      const piece = unwrap(loading.piece());
      if (piece) sizes[piece.id] = (sizes[piece.id] ?? 0) + piece.bytes.length;
    }
    const weights = loading.weights();
    expect(sizes).toEqual(weights.map(({ bytes }) => bytes));
    expect(weights.filter(({ kind }) => kind === 'matrix').map(({ dtype }) => dtype)).toContain(quantization);
    expect(weights.filter(({ kind }) => kind === 'embedding')).toHaveLength(1);
    loading.finish().delete();
    loading.delete();
  }
});
