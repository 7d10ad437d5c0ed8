// Sessions that start from tuned states, merged into the model's file or in one of their own.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FileSource, type Model, RWKV, RwkvError, type Session } from '../../dist/node.js';
import { type FloatTensor, safetensors, withTensors } from './safetensors.js';
import { failure, packed } from './streams.js';

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/oracle/${name}`, import.meta.url));
const load = (source: FileSource) => RWKV.load(source, { tokenizer: false, quantization: 'f32' });

type Shape = Pick<Model['info'], 'layers' | 'heads' | 'headSize'>;

/** A state for every layer; its numbers follow from `scale` and their places. */
function state({ layers, heads, headSize }: Shape, scale: number): Record<string, FloatTensor> {
  const shape = [heads, headSize, headSize];
  const values = (layer: number) =>
    Float32Array.from({ length: heads * headSize ** 2 }, (_, i) => scale * Math.sin(i + 7 * layer));
  return Object.fromEntries(
    Array.from({ length: layers }, (_, i) => [`blocks.${i}.att.time_state`, [shape, values(i)]]),
  );
}

async function logits(model: Model, source?: FileSource): Promise<Float32Array> {
  const session = await model.createSession({ state: source });
  await session.append([5, 6, 7]);
  const found = await session.logits();
  await session.dispose();
  return found;
}

describe.each(['v52-fp16', 'v6-bf16', 'v7-bf16'])('in a model of %s', (name) => {
  let model: Model;
  beforeAll(async () => {
    model = await load(fixture(`${name}.pth`));
  });
  afterAll(() => model.dispose());

  test('a session starts from its state and no other session does', async () => {
    const fresh = await logits(model);
    expect(await logits(model, safetensors(state(model.info, 1)))).not.toEqual(fresh);
    expect(await logits(model)).toEqual(fresh);
  });

  test('a score is that of a text behind the state, also of a copy', async () => {
    const ids = await RWKV.load(fixture(`${name}.pth`), { tokenizer: 'bytes', quantization: 'f32' });
    const session = await ids.createSession({ state: safetensors(state(model.info, 1)) });
    const [tuned, copied, fresh] = [session, await session.fork(), await ids.createSession()];
    const score = async (of: Session) => (await of.score([5, 6, 7])).tokens.map(({ logprob }) => logprob);
    const scores = await score(tuned);
    expect(await score(copied)).toEqual(scores);
    expect(await score(fresh)).not.toEqual(scores);
    await session.append([0, 5, 6]);
    expect(await score(tuned)).toEqual(scores); // wherever it stands
    const next = [...(await session.logits())];
    const most = Math.max(...next);
    const sum = Math.log(next.reduce((sum, logit) => sum + Math.exp(logit - most), 0));
    expect(scores[2]).toBeCloseTo((next[7] ?? 0) - most - sum, 4);
    await ids.dispose();
  });

  test('a state of zeros is none', async () => {
    expect(await logits(model, safetensors(state(model.info, 0)))).toEqual(await logits(model));
  });

  test('a state merged into the model starts every session, also of the packed model', async () => {
    const tuned = state(model.info, 1);
    const expected = await logits(model, safetensors(tuned));
    const merged = withTensors(await packed(fixture(`${name}.pth`)), tuned);
    for (const file of [merged, await packed(merged)]) {
      const whole = await load(file);
      expect(whole.info.parameters).toBe(model.info.parameters);
      expect(await logits(whole)).toEqual(expected);
      const zeros = safetensors(state(model.info, 0));
      expect(await logits(whole, zeros)).toEqual(await logits(model));
      await whole.dispose();
    }
  });
});

describe('a state', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rwkv-state-'));
  const path = join(folder, 'tuned.safetensors');
  let model: Model;
  let tuned: Buffer;
  beforeAll(async () => {
    model = await load(fixture('v7-bf16.pth'));
    tuned = safetensors(state(model.info, 1));
    writeFileSync(path, tuned);
  });
  afterAll(async () => {
    await model.dispose();
    rmSync(folder, { recursive: true });
  });

  test('comes from wherever a model comes from', async () => {
    const expected = await logits(model, tuned);
    const file = new File([new Uint8Array(tuned)], 'tuned.safetensors');
    const bytes = Uint8Array.from(tuned).buffer;
    const handle = { name: 'tuned.safetensors', getFile: async () => file };
    for (const source of [path, pathToFileURL(path), file, handle, bytes, new DataView(bytes)]) {
      expect(await logits(model, source)).toEqual(expected);
    }
    expect(bytes.byteLength).toBe(tuned.length); // the caller's bytes stay the caller's
  });

  test.each<[string, () => unknown, string, RegExp]>([
    ['nothing', () => '', 'invalid-argument', /option state: expected a URL.*; found ''/],
    ['a number', () => 5, 'invalid-argument', /option state: expected a URL.*; found 5/],
    ['a file that is not there', () => join(folder, 'no.pth'), 'read-failed', /no\.pth/],
    [
      'no tensors at all',
      () => Buffer.from('Once upon a time'),
      'bad-file',
      /^bytes: not a .pth, .safetensors, GGUF or rwkv.cpp file/,
    ],
    ['cut off', () => tuned.subarray(0, -1), 'bad-file', /^bytes: /],
    ['a model', () => fixture('v7-bf16.pth'), 'bad-model', /^v7-bf16\.pth: a model, not an initial state/],
    [
      'a layer short',
      () => safetensors(state({ ...model.info, layers: 1 }, 1)),
      'bad-model',
      /blocks\.1\.att\.time_state: missing, expected \(2, 64, 64\)/,
    ],
    [
      'of a larger model',
      () => safetensors(state({ ...model.info, heads: 4 }, 1)),
      'bad-model',
      /blocks\.0\.att\.time_state: expected \(2, 64, 64\), file has \(4, 64, 64\)/,
    ],
    [
      'of values that are none',
      () => safetensors(state(model.info, Number.NaN)),
      'bad-model',
      /blocks\.0\.att\.time_state: 8192 values are not finite/,
    ],
  ])('is refused that is %s, and the model goes on', async (_, source, code, message) => {
    const before = await logits(model);
    const error = await failure(model.createSession({ state: source() as FileSource }));
    expect(error).toBeInstanceOf(RwkvError);
    expect([error.code, error.message]).toEqual([code, expect.stringMatching(message)]);
    expect(await logits(model)).toEqual(before);
    expect(await logits(model, tuned)).not.toEqual(before);
  });

  test('of another version is refused by version 4, whose states are vectors', async () => {
    const v4 = await load(fixture('v4-bf16.pth'));
    const error = await failure(v4.createSession({ state: tuned }));
    expect([error.code, error.message]).toEqual([
      'bad-model',
      expect.stringMatching(/att\.time_state: expected \(3, 64\)/),
    ]);
    await v4.dispose();
  });

  test('is named where it is taken for a model', async () => {
    const error = await failure(load(path));
    expect([error.code, error.message]).toEqual([
      'bad-model',
      expect.stringMatching(/^tuned\.safetensors: an initial state .*not a model/),
    ]);
  });
});
