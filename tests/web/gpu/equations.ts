// The equations of kernels.h in doubles, on rows one after the other.
export const elementwise = <T>(n: number, f: (i: number) => T): T[] =>
  Array.from({ length: n }, (_, i) => f(i));
export const at = <T>(values: readonly T[], i: number): T => {
  const value = values[i];
  if (value === undefined) throw new Error(`${i} of ${values.length}`);
  return value;
};
const total = (n: number, f: (i: number) => number) => elementwise(n, f).reduce((sum, v) => sum + v, 0);

export const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
export const activations = {
  sigmoid,
  tanh: Math.tanh,
  silu: (x: number) => x * sigmoid(x),
  relu_squared: (x: number) => Math.max(x, 0) ** 2,
  decay6: (x: number) => Math.exp(-Math.exp(x)),
  decay7: (x: number) => Math.exp(-Math.exp(-0.5) * sigmoid(x)),
};

/** y = W x of each row. W (M, K), x (R, K). */
export function matmul(W: readonly number[], x: readonly number[], K: number): number[] {
  const M = W.length / K;
  return elementwise((x.length / K) * M, (i) =>
    total(K, (k) => at(W, (i % M) * K + k) * at(x, Math.floor(i / M) * K + k)),
  );
}

/** Over each run of n values, which are numbers `first` on of their row of `weight` and `bias`. */
export function normalize(
  x: readonly number[],
  n: number,
  weight: readonly number[],
  bias: readonly number[],
  eps: number,
): number[] {
  return elementwise(x.length, (i) => {
    const begin = Math.floor(i / n) * n;
    const mean = total(n, (c) => at(x, begin + c)) / n;
    const variance = total(n, (c) => (at(x, begin + c) - mean) ** 2) / n;
    return (
      ((at(x, i) - mean) / Math.sqrt(variance + eps)) * at(weight, i % weight.length) +
      at(bias, i % bias.length)
    );
  });
}

export function normalizeHeads(x: readonly number[], N: number): number[] {
  return elementwise(x.length, (i) => {
    const begin = Math.floor(i / N) * N;
    return at(x, i) / Math.max(Math.sqrt(total(N, (c) => at(x, begin + c) ** 2)), 1e-12);
  });
}

export function addBonus(
  r: readonly number[],
  k: readonly number[],
  v: readonly number[],
  weight: readonly number[],
  N: number,
  y: readonly number[],
): number[] {
  return elementwise(y.length, (i) => {
    const begin = Math.floor(i / N) * N;
    const bonus = total(
      N,
      (c) => at(r, begin + c) * at(k, begin + c) * at(weight, (begin + c) % weight.length),
    );
    return at(y, i) + bonus * at(v, i);
  });
}

/** Where S[key][value] of a head lies (state_index in src/kernels/kernels.h). */
export function stateIndex(N: number, key: number, value: number): number {
  const width = value < Math.floor(N / 16) * 16 ? 16 : 4;
  const first = Math.floor(value / width) * width;
  return first * N + key * width + (value - first);
}

export function wkv4(
  [r, k, v]: readonly [readonly number[], readonly number[], readonly number[]],
  w: readonly number[],
  u: readonly number[],
  state: number[],
): number[] {
  const C = w.length;
  return elementwise(r.length, (i) => {
    const c = i % C;
    const [aa, bb, pp] = [at(state, c), at(state, C + c), at(state, 2 * C + c)];
    const q = Math.max(pp, at(u, c) + at(k, i));
    const [e1, e2] = [Math.exp(pp - q), Math.exp(at(u, c) + at(k, i) - q)];
    const next = Math.max(pp + at(w, c), at(k, i));
    const [d1, d2] = [Math.exp(pp + at(w, c) - next), Math.exp(at(k, i) - next)];
    state[c] = d1 * aa + d2 * at(v, i);
    state[C + c] = d1 * bb + d2;
    state[2 * C + c] = next;
    return (at(r, i) * (e1 * aa + e2 * at(v, i))) / (e1 * bb + e2);
  });
}

/** One step of a recurrence with a matrix for each head: `move` makes S of the old one, in place, and gives y. */
function overHeads(
  count: number,
  C: number,
  N: number,
  move: (at: number, place: (key: number, value: number) => number) => number[],
): number[] {
  return elementwise(count, (t) => t).flatMap((t) =>
    elementwise(C / N, (head) => head).flatMap((head) =>
      move(t * C + head * N, (key, value) => head * N * N + stateIndex(N, key, value)),
    ),
  );
}

export function wkv6(
  { r, k, v, w }: Readonly<Record<'r' | 'k' | 'v' | 'w', readonly number[]>>,
  u: readonly number[],
  N: number,
  state: number[],
): number[] {
  return overHeads(r.length / u.length, u.length, N, (c, place) => {
    const y = elementwise(N, (j) =>
      total(
        N,
        (i) =>
          at(r, c + i) * (at(u, (c + i) % u.length) * at(k, c + i) * at(v, c + j) + at(state, place(i, j))),
      ),
    );
    for (let i = 0; i < N; i++)
      for (let j = 0; j < N; j++)
        state[place(i, j)] = at(w, c + i) * at(state, place(i, j)) + at(k, c + i) * at(v, c + j);
    return y;
  });
}

export function wkv7(
  { r, w, k, v, kk, a }: Readonly<Record<'r' | 'w' | 'k' | 'v' | 'kk' | 'a', readonly number[]>>,
  C: number,
  N: number,
  state: number[],
): number[] {
  return overHeads(r.length / C, C, N, (c, place) => {
    const removed = elementwise(N, (j) => total(N, (i) => at(kk, c + i) * at(state, place(i, j))));
    for (let i = 0; i < N; i++)
      for (let j = 0; j < N; j++)
        state[place(i, j)] =
          at(w, c + i) * at(state, place(i, j)) -
          at(kk, c + i) * at(a, c + i) * at(removed, j) +
          at(k, c + i) * at(v, c + j);
    return elementwise(N, (j) => total(N, (i) => at(r, c + i) * at(state, place(i, j))));
  });
}
