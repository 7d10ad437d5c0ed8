// What src/formats/packed.md says is so: read by it alone, the weights of a packed file are the original's.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { RWKV } from '../../dist/node.js';
import { modelFolder } from './oracles.js';
import { readPacked, type Weights } from './packed-file.js';
import { collect } from './streams.js';

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
  });
  for (const [name, weights] of tensors) {
    const right = original.get(name);
    if (!right) throw new Error(`${name} is not in the original`);
    const most = tolerance[weights.layout.replace('.T', '')] ?? Number.NaN;
    expect(worstRow(weights, right), name).toBeLessThanOrEqual(most);
  }
  expect([...new Set([...tensors.values()].map(({ layout }) => layout))].sort()).toEqual(expected);
});
