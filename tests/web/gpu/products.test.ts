// Products and embedding tables beside what their numbers stand for: all number formats, odd sizes, one row and many.
import { expect } from 'vitest';
import { onDevice, run } from './dawn.js';
import { at, elementwise, matmul } from './equations.js';
import { floatBytes, ListWriter } from './list-writer.js';
import { bitsOf, distance, numbers } from './numbers.js';
import { floatOfHalf, formats, halfOf, pack, unpack } from './packer.js';

/** As near as sums of floats come. */
function expectNear(found: readonly number[], expected: readonly number[], bound = 2e-6): void {
  expect(distance(found, expected)).toBeLessThan(bound);
}

const sizes = [
  { M: 8, K: 32, R: 1 },
  { M: 13, K: 96, R: 1 },
  { M: 70, K: 32, R: 40 },
  { M: 9, K: 160, R: 3 },
];
const products = formats.flatMap((format) => [
  ...sizes.map((size) => ({ format, ...size })),
  ...(format === 'f32' || format === 'f16'
    ? [
        { format, M: 11, K: 37, R: 1 },
        { format, M: 5, K: 6, R: 33 },
      ]
    : []),
]);

onDevice.each(products)(
  '$format products ($M, $K) of $R rows are those of the weights',
  async ({ format, M, K, R }) => {
    const list = new ListWriter([R]);
    const [x, w] = [numbers(R * K, 11), numbers(M * K, 12)];
    const [x0, y] = [list.input(K, x), list.rows(R * M)];
    list.call('matmul', { matrix: list.matrix(format, M, K, w), x: x0, y, R, K, M });
    const expected = matmul(unpack(format, M, K, pack(format, K, w)), x, K);
    const written = list.end(y);
    expectNear((await run(written)).result, expected, 4e-6);
    // What sums are made of is the same for all formats.
    if (format === 'f32') expectNear((await run(written, { isPlain: true })).result, expected, 4e-6);
  },
);

// One row of many columns has more lanes.
onDevice.each([2080, 4128])('long rows are multiplied: K = %i', async (K) => {
  const list = new ListWriter([1]);
  const [x, w] = [numbers(K, 11), numbers(9 * K, 12)];
  const [x0, y] = [list.input(K, x), list.rows(9)];
  list.call('matmul', { matrix: list.matrix('f32', 9, K, w), x: x0, y, R: 1, K, M: 9 });
  const expected = matmul(w, x, K);
  const written = list.end(y);
  expectNear((await run(written)).result, expected, 1e-5);
  expectNear((await run(written, { isPlain: true })).result, expected, 1e-5);
});

onDevice('rows with matrices of their own are multiplied', async () => {
  const [R, K, M] = [5, 6, 7];
  const list = new ListWriter([R]);
  const [x, E] = [numbers(R * K, 13), numbers(R * K * M, 14)];
  const [x0, E0, y] = [list.input(K, x), list.input(K * M, E), list.rows(R * M)];
  list.call('matmul_each', { x: x0, E: E0, y, R, K, M });
  list.call('add_matmul_each', { x: x0, E: E0, y, R, K, M });
  const expected = elementwise(R * M, (i) => {
    const r = Math.floor(i / M);
    return (
      2 * elementwise(K, (k) => at(x, r * K + k) * at(E, (r * K + k) * M + (i % M))).reduce((a, b) => a + b)
    );
  });
  expectNear((await run(list.end(y))).result, expected);
});

onDevice.each(['F32', 'F16', 'BF16', 'Q8_0'])('rows of tables in %s are read', async (dtype) => {
  const C = 96;
  const list = new ListWriter([5]);
  const values = numbers(5 * C, 15);
  const { bytes, meant } = tableOf(dtype, values);
  const out = list.rows(5 * C);
  const table = list.table(dtype, C, bytes);
  list.call('embed', { table, out, C });
  list.call('add_rows', { table, E: out, C });
  const expected = meant.map((value) => 2 * value);
  const written = list.end(out);
  expectNear((await run(written)).result, expected);
  const inPieces = await run(written, { bufferBytes: 512 });
  expect(inPieces.dispatches).toBeGreaterThan(2);
  expectNear(inPieces.result, expected);
});

function tableOf(dtype: string, values: readonly number[]): { bytes: Uint8Array; meant: number[] } {
  if (dtype === 'F32') return { bytes: floatBytes(values), meant: [...values] };
  if (dtype !== 'Q8_0') {
    const shorts = values.map((v) => (dtype === 'F16' ? halfOf(v) : bitsOf(v) >>> 16));
    const back = (bits: number) =>
      dtype === 'F16' ? floatOfHalf(bits) : (new Float32Array(Uint32Array.of(bits << 16).buffer)[0] ?? 0);
    return { bytes: new Uint8Array(Uint16Array.from(shorts).buffer), meant: shorts.map(back) };
  }
  const blocks = elementwise(values.length / 32, (i) => values.slice(32 * i, 32 * i + 32));
  const scale = floatOfHalf(halfOf(1 / 100));
  const levels = blocks.map((block) =>
    block.map((v) => Math.max(-127, Math.min(127, Math.round(v / scale)))),
  );
  const bytes = levels.flatMap((block) => [
    halfOf(scale) & 255,
    halfOf(scale) >> 8,
    ...block.map((q) => q & 255),
  ]);
  return { bytes: Uint8Array.from(bytes), meant: levels.flat().map((q) => q * scale) };
}
