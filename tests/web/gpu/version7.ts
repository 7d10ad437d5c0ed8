// The list of a model of version 7, as src/model/time_mix7.h and channel_mix.h call the kernels, of numbers drawn at random.
import { ListWriter, type Written } from './list-writer.js';
import { bitsOf as eps, numbers } from './numbers.js';
import type { Format } from './packer.js';

interface Sizes {
  readonly layers: number;
  readonly heads: number;
  readonly N: number;
  readonly F: number;
  readonly rank: number;
  readonly V: number;
  readonly format: Format;
}

export function version7(counts: readonly number[], wanted: readonly number[], sizes: Sizes): Written {
  const { layers, heads, N, F, rank, V, format } = sizes;
  const C = heads * N;
  const list = new ListWriter(counts, wanted);
  const { R } = list;
  let seed = 100;
  const matrix = (M: number, K: number, dtype: Format = format) =>
    list.matrix(dtype, M, K, numbers(M * K, seed++, -1 / Math.sqrt(K), 1 / Math.sqrt(K)));
  const vector = (low = 0, high = 1) => list.vector(numbers(C, seed++, low, high));
  const norm = () => ({ weight: vector(0.5, 1.5), bias: vector(-0.1, 0.1) });
  const rows = (width: number, count = R) => list.rows(count * width);
  const product = (W: number, x: number, K: number, M: number) => {
    const y = rows(M);
    list.call('matmul', { matrix: W, x, y, R, K, M });
    return y;
  };

  const embedding = list.input(C, numbers(R * C, seed++));
  list.call('layer_norm', { x: embedding, ...norm(), eps: eps(1e-5), out: embedding, R, C });
  const [x, vFirst] = [rows(C), rows(C)];
  list.call('copy', { x: embedding, out: x, n: R * C });
  const mixedAt = rows(C); // which each product takes again, as the core's arena has it
  const stride = 2 * C + heads * N * N;

  const half = (offset: number, mix: (normed: number, mixed: (of: number) => number) => number) => {
    const [normed, prev] = [rows(C), rows(C)];
    list.call('layer_norm', { x, ...norm(), eps: eps(1e-5), out: normed, R, C });
    list.call('shift', { x: normed, prev, C, offset });
    const out = mix(normed, (mu) => {
      list.call('lerp', { x: normed, prev, mu, out: mixedAt, R, C });
      return mixedAt;
    });
    list.call('add', { x: out, out: x, n: R * C });
  };

  for (let layer = 0; layer < layers; layer++) {
    half(layer * stride, (_, mixed) => {
      const direct = () => product(matrix(C, C), mixed(vector()), C, C);
      const lowRank = (mu: number, activation?: 'sigmoid' | 'tanh') => {
        const h = product(matrix(rank, C, 'q8'), mixed(mu), C, rank);
        if (activation) list.call(activation, { x: h, n: R * rank });
        return product(matrix(C, rank, 'q8'), h, rank, C);
      };
      const [r, k] = [direct(), direct()];
      const muV = vector();
      let v = product(matrix(C, C), mixed(muV), C, C);
      const g = lowRank(vector(), 'sigmoid');
      const w = lowRank(vector(), 'tanh');
      list.call('add_bias', { vector: vector(-1, 1), out: w, R, C });
      list.call('decay7', { x: w, n: R * C });
      const a = lowRank(vector());
      list.call('add_bias', { vector: vector(-1, 1), out: a, R, C });
      list.call('sigmoid', { x: a, n: R * C });
      if (layer === 0) list.call('copy', { x: v, out: vFirst, n: R * C });
      else {
        const mix = lowRank(muV);
        list.call('add_bias', { vector: vector(-1, 1), out: mix, R, C });
        list.call('sigmoid', { x: mix, n: R * C });
        const own = v;
        v = rows(C);
        list.call('lerp_rows', { x: own, prev: vFirst, mu: mix, out: v, R, C });
      }
      const [kk, y] = [rows(C), rows(C)];
      list.call('scale', { x: k, vector: vector(), out: kk, R, C });
      list.call('normalize_heads', { x: kk, heads, R, C });
      list.call('scale_key7', { a, k_a: vector(), k, R, C });
      list.call('wkv7', { r, w, k, v, kk, a, y, C, heads, offset: layer * stride + 2 * C });
      list.call('group_norm', { x: y, heads, ...norm(), eps: eps(64e-5), R, C });
      list.call('add_bonus', { r, k, v, r_k: vector(), heads, y, R, C });
      list.call('multiply', { x: g, out: y, n: R * C });
      return product(matrix(C, C), y, C, C);
    });
    half(layer * stride + C, (_, mixed) => {
      const k = product(matrix(F, C), mixed(vector()), C, F);
      list.call('relu_squared', { x: k, n: R * F });
      return product(matrix(C, F), k, F, C);
    });
  }

  const [count, hidden] = [wanted.length, rows(C)];
  const out = norm();
  list.call('layer_norm', { x, ...out, eps: eps(1e-5), out: hidden, R, C });
  const [h, logits] = [rows(C, count), rows(V, count)];
  list.call('gather', { x, out: h, C });
  list.call('layer_norm', { x: h, ...out, eps: eps(1e-5), out: h, R: count, C });
  list.call('matmul', { matrix: matrix(V, C), x: h, y: logits, R: count, K: C, M: V });
  const states = counts.map((_, s) => numbers(layers * stride, 900 + s));
  return list.end(logits, states, hidden);
}
