// The kernels of rows beside their equations in doubles: one row and many, of odd widths.
import { expect } from 'vitest';
import { onDevice, run } from './dawn.js';
import { activations, addBonus, at, elementwise, normalize, normalizeHeads } from './equations.js';
import { ListWriter } from './list-writer.js';
import { bitsOf, distance, numbers } from './numbers.js';

/** As near as sums of floats come. */
function expectNear(found: readonly number[], expected: readonly number[], bound = 2e-6): void {
  expect(distance(found, expected)).toBeLessThan(bound);
}

const shapes = [
  [[1], 8],
  [[1], 132],
  [[3, 1, 5], 36],
  [[40], 68],
] as const;

onDevice.each(shapes)('pointwise kernels are their equations: rows %j of %i', async (counts, C) => {
  const list = new ListWriter(counts);
  const n = list.R * C;
  const [x, prev, mu, vector] = [numbers(n, 1), numbers(n, 2), numbers(n, 3), numbers(C, 4)];
  const [x0, prev0, mu0] = [list.input(C, x), list.input(C, prev), list.input(C, mu)];
  const v = list.vector(vector);
  const [a, b, c, d] = elementwise(4, () => list.rows(n));
  if (a === undefined || b === undefined || c === undefined || d === undefined) throw new Error();
  list.call('lerp', { x: x0, prev: prev0, mu: v, out: a, R: list.R, C });
  list.call('lerp_rows', { x: a, prev: prev0, mu: mu0, out: b, R: list.R, C });
  list.call('scale', { x: b, vector: v, out: c, R: list.R, C });
  list.call('add_bias', { vector: v, out: c, R: list.R, C });
  list.call('scale_key7', { a: b, k_a: v, k: c, R: list.R, C });
  list.call('multiply', { x: mu0, out: c, n });
  list.call('repeat', { vector: v, out: d, R: list.R, C });
  list.call('add', { x: d, out: c, n });
  const e = list.rows(n);
  list.call('copy', { x: c, out: e, n });
  const expected = elementwise(n, (i) => {
    const mix = (from: number, to: number, by: number) => from + (to - from) * by;
    const col = at(vector, i % C);
    const second = mix(mix(at(x, i), at(prev, i), col), at(prev, i), at(mu, i));
    return (second * col + col) * (1 + (second - 1) * col) * at(mu, i) + col;
  });
  expectNear((await run(list.end(e))).result, expected);
});

onDevice.each(['sigmoid', 'tanh', 'silu', 'relu_squared', 'decay6', 'decay7'] as const)(
  '%s is its equation, far out too',
  async (name) => {
    const list = new ListWriter([7]);
    const x = [...numbers(7 * 12 - 6, 5, -6, 6), -60, -20, 0, 20, 60, 85];
    const at0 = list.input(12, x);
    list.call(name, { x: at0, n: x.length });
    expectNear((await run(list.end(at0))).result, x.map(activations[name]));
  },
);

onDevice.each(shapes)('norms are their equations: rows %j of %i', async (counts, C) => {
  const list = new ListWriter(counts);
  const [x, weight, bias] = [numbers(list.R * C, 6, -3, 5), numbers(C, 7), numbers(C, 8)];
  const heads = C / 4;
  const [x0, out] = [list.input(C, x), list.rows(list.R * C)];
  const [w, b] = [list.vector(weight), list.vector(bias)];
  const { R } = list;
  list.call('layer_norm', { x: x0, weight: w, bias: b, eps: bitsOf(1e-5), out, R, C });
  list.call('group_norm', { x: out, heads, weight: w, bias: b, eps: bitsOf(64e-5), R, C });
  list.call('add_bonus', { r: x0, k: out, v: x0, r_k: w, heads, y: out, R, C });
  list.call('normalize_heads', { x: out, heads, R, C });
  const grouped = normalize(normalize(x, C, weight, bias, 1e-5), 4, weight, bias, 64e-5);
  const expected = normalizeHeads(addBonus(x, grouped, x, weight, 4, grouped), 4);
  const written = list.end(out);
  expectNear((await run(written)).result, expected, 1e-5);
  expectNear((await run(written, { isPlain: true })).result, expected, 1e-5); // sums without subgroups
});

onDevice.each(shapes)('rows are shifted, gathered and cut: rows %j of %i', async (counts, C) => {
  const wanted = counts
    .map((_, s) => counts.slice(0, s + 1).reduce((sum, count) => sum + count, -1))
    .reverse();
  const list = new ListWriter(counts, wanted);
  const x = numbers(list.R * C, 9);
  const states = counts.map((_, s) => numbers(C + 3, 10 + s));
  const [x0, prev, part] = [list.input(C, x), list.rows(list.R * C), list.rows(list.R * 3)];
  const out = list.rows(wanted.length * 3);
  list.call('shift', { x: x0, prev, C, offset: 2 });
  list.call('columns', { x: prev, x_width: C, first: 4, out: part, width: 3, R: list.R });
  list.call('gather', { x: part, out, C: 3 });
  const ran = await run(list.end(out, states));
  const firsts = counts.map((_, s) => counts.slice(0, s).reduce((sum, count) => sum + count, 0));
  const expected = wanted.flatMap((r) => {
    const s = firsts.indexOf(r);
    const row = s < 0 ? x.slice((r - 1) * C, r * C) : at(states, counts.length - 1 - s).slice(2, 2 + C);
    return row.slice(4, 7);
  });
  expectNear(ran.result, expected);
  counts.forEach((count, s) => {
    const last = at(firsts, s) + count - 1;
    const slot = counts.length - 1 - s;
    const kept = [
      ...at(states, slot).slice(0, 2),
      ...x.slice(last * C, (last + 1) * C),
      at(at(states, slot), C + 2),
    ];
    expectNear(at(ran.states, slot), kept);
  });
});
