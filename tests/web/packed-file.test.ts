// What src/formats/packed.md says is so: read by it alone, the weights of a packed file are the original's.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { RWKV } from '../../dist/node.js';
import { modelFolder } from './oracles.js';
import { readPacked, type Weights } from './packed-file.js';
import { folder, server } from './store-room.js';
import { collect, failure } from './streams.js';

const squares = (values: Float64Array) => values.reduce((sum, x) => sum + x * x, 0);

/** The largest error of a row, as a share of its length (the root of its squares' sum). */
function worstRow(weights: Weights, original: Weights): number {
  // Dimensions of one do not count: vectors may lie as (1, 1, C).
  expect(weights.rows.length).toBe(original.rows.length);
  const errors = weights.rows.map((row, i) => {
    const right = original.rows[i] ?? new Float64Array();
    expect(row.length).toBe(right.length);
    const wrong = squares(row.map((x, k) => x - (right[k] ?? Number.NaN)));
    return wrong === 0 ? 0 : Math.sqrt(wrong / squares(right));
  });
  return errors.reduce((worst, error) => Math.max(worst, error), 0);
}

// Rows that lie where they should have such an error at most; of a row that was mixed up it is above 1.
const tolerance: Readonly<Record<string, number>> = {
  ...{ f32: 0, F32: 0, BF16: 0, f16: 2 ** -11, F16: 2 ** -11, Q8_0: 0.01, q8: 0.05, q4: 0.15 },
};

test.each([
  ['v4-bf16', 'q8', ['F32', 'Q8_0', 'q8']],
  ['v6-bf16', 'q4', ['F32', 'Q8_0', 'q4', 'q8.T']],
  ['v7-bf16', 'f32', ['BF16', 'F32', 'f32', 'f32.T']],
  ['v7-bf16', 'f16', ['BF16', 'F32', 'f16', 'f16.T']],
  ['v7-bf16', 'q8', ['F32', 'Q8_0', 'f16.T', 'q8', 'q8.T']],
  ['v7-bf16', 'q4', ['F32', 'Q8_0', 'f16.T', 'q4', 'q8.T']],
] as const)('%s as %s: every weight lies where packed.md says', async (model, quantization, expected) => {
  const path = `${modelFolder}${model}.safetensors`;
  const original = readPacked(readFileSync(path)).tensors;
  const { metadata, tensors } = readPacked(
    Buffer.concat(await collect(RWKV.convert(path, { quantization }))),
  );
  expect(metadata).toMatchObject({
    format: 'rwkv-wasm',
    rwkv_wasm_version: '2',
    rwkv_wasm_quantization: quantization,
    rwkv_wasm_eps: '975685036', // 64e-5
    rwkv_wasm_piece_bytes: '1048576',
  });
  for (const [name, weights] of tensors) {
    const right = original.get(name);
    if (!right) throw new Error(`${name} is not in the original`);
    const most = tolerance[weights.layout.replace('.T', '')] ?? Number.NaN;
    expect(worstRow(weights, right), name).toBeLessThanOrEqual(most);
  }
  expect([...new Set([...tensors.values()].map(({ layout }) => layout))].sort()).toEqual(expected);
});

// Somewhere among the weights.
function flipByte(file: Uint8Array): Uint8Array {
  const at = Math.floor(file.length * 0.7);
  file[at] = (file[at] ?? 0) ^ 1;
  return file;
}
const damaged = /: (emb|head|blocks\.\d+)\.[\w.]+: the file is damaged: bytes \d+ to \d+ of it /;

test('a flipped byte is told with its tensor and place, by all who read the weights', async () => {
  const path = `${modelFolder}v7-bf16.safetensors`;
  const file = flipByte(Buffer.concat(await collect(RWKV.convert(path))));
  expect(() => readPacked(file)).toThrow(/damaged/);
  for (const read of [() => RWKV.load(file, { tokenizer: false }), () => collect(RWKV.convert(file))])
    expect(await failure(read())).toMatchObject({
      code: 'bad-file',
      message: expect.stringMatching(damaged),
    });
});

test('what the store kept packed is dropped where a byte of it flips, and made anew of the original', async () => {
  server.files.set('/model', { body: readFileSync(`${modelFolder}v7-bf16.safetensors`) });
  const url = `${server.site}/model`;
  const load = async (allowNetwork: boolean) =>
    (await RWKV.load(url, { keepPacked: true, tokenizer: false, allowNetwork })).dispose();
  await load(true);
  const stored = join(folder, readdirSync(folder).find((name) => name.endsWith('.bin')) ?? '');
  writeFileSync(stored, flipByte(readFileSync(stored)));
  expect(await failure(load(false))).toMatchObject({
    code: 'bad-file',
    message: expect.stringMatching(damaged),
  });
  await load(true);
  expect(server.asked).toHaveLength(2);
  await load(false);
});
