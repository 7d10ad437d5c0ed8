// The recurrences beside their equations in doubles: one text and many, of one token and several.
import { expect } from 'vitest';
import { onDevice, run } from './dawn.js';
import { at, normalizeHeads, wkv4, wkv6, wkv7 } from './equations.js';
import { ListWriter } from './list-writer.js';
import { distance, numbers } from './numbers.js';

/** As near as sums of floats come. */
function expectNear(found: readonly number[], expected: readonly number[], bound = 2e-6): void {
  expect(distance(found, expected)).toBeLessThan(bound);
}

const texts = [[1], [1, 1, 1], [9], [3, 1, 6]];

onDevice.each(texts.map((counts) => [counts]))(
  'the recurrence of version 4 moves states on: rows %j',
  async (counts) => {
    const C = 20;
    const list = new ListWriter(counts);
    const [r, k, v] = [numbers(list.R * C, 16), numbers(list.R * C, 17, -4, 4), numbers(list.R * C, 18)];
    const [w, u] = [numbers(C, 19, -3, 0), numbers(C, 20)];
    const states = counts.map((_, s) => [
      ...numbers(C, 21 + s),
      ...numbers(C, 31 + s, 0.1, 1),
      ...numbers(C, 41 + s),
    ]);
    const [r0, k0, v0, y] = [list.input(C, r), list.input(C, k), list.input(C, v), list.rows(list.R * C)];
    list.call('wkv4', { r: r0, k: k0, v: v0, w: list.vector(w), u: list.vector(u), y, C, offset: 0 });
    const ran = await run(list.end(y, states));
    const expected = perSequence(counts, states, (first, count, state) => {
      const of = (rows: readonly number[]) => rows.slice(first * C, (first + count) * C);
      return wkv4([of(r), of(k), of(v)], w, u, state);
    });
    expectNear(ran.result, expected.y, 4e-6);
    expectNear(ran.states.flat(), expected.states.flat(), 4e-6);
  },
);

function perSequence(
  counts: readonly number[],
  states: readonly (readonly number[])[],
  move: (first: number, count: number, state: number[]) => number[],
): { y: number[]; states: number[][] } {
  const moved = states.map((state) => [...state]);
  let first = 0;
  const y = counts.flatMap((count, s) => {
    first += count;
    return move(first - count, count, at(moved, counts.length - 1 - s));
  });
  return { y, states: moved };
}

const recurrences = texts.flatMap((counts) => [8, 20, 64].map((N) => ({ counts, N })));

onDevice.each(recurrences)(
  'the recurrences of versions 6 and 7 move states on: rows $counts, heads of $N',
  async ({ counts, N }) => {
    const C = 2 * N;
    const list = new ListWriter(counts);
    const n = list.R * C;
    const [r, k, v, w] = [numbers(n, 22), numbers(n, 23), numbers(n, 24), numbers(n, 25, 0, 1)];
    const [kk, a, u] = [
      normalizeHeads(numbers(n, 26), N).map(Math.fround),
      numbers(n, 27, 0, 1),
      numbers(C, 28),
    ];
    const states = counts.map((_, s) => numbers(2 * C * N, 50 + s));
    const [r0, k0, v0, w0] = [list.input(C, r), list.input(C, k), list.input(C, v), list.input(C, w)];
    const [kk0, a0] = [list.input(C, kk), list.input(C, a)];
    const [y6, y7] = [list.rows(n), list.rows(n)];
    list.call('wkv6', { r: r0, k: k0, v: v0, w: w0, u: list.vector(u), y: y6, C, heads: 2, offset: 0 });
    list.call('wkv7', { r: r0, w: w0, k: k0, v: v0, kk: kk0, a: a0, y: y7, C, heads: 2, offset: C * N });
    list.call('add', { x: y6, out: y7, n });
    const ran = await run(list.end(y7, states));
    const expected = perSequence(counts, states, (first, count, state) => {
      const of = (rows: readonly number[]) => rows.slice(first * C, (first + count) * C);
      const [six, seven] = [state.slice(0, C * N), state.slice(C * N)];
      const ys = wkv6({ r: of(r), k: of(k), v: of(v), w: of(w) }, u, N, six);
      const more = wkv7({ r: of(r), w: of(w), k: of(k), v: of(v), kk: of(kk), a: of(a) }, C, N, seven);
      state.splice(0, state.length, ...six, ...seven);
      return ys.map((y, i) => y + at(more, i));
    });
    expectNear(ran.result, expected.y, 4e-6);
    expectNear(ran.states.flat(), expected.states.flat(), 4e-6);
  },
);
