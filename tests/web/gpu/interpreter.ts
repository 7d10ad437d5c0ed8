// Replays lists in the plainest way: each operation as a loop in doubles. A device of one reader, for models in f32.
import type { GpuModule, GpuPass, GpuWeight } from '../../../dist/worker/gpu/module.js';
import { none, type OperationName, operations, operationWords } from '../../../dist/worker/gpu/operations.js';
import { unwrap } from '../../../dist/worker/module.js';

type Floats = Float64Array<ArrayBuffer>;
const names = Object.keys(operations) as OperationName[];
const floatOf = (bits: number) => new Float32Array(Uint32Array.of(bits).buffer)[0] ?? 0;
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const elementwise: Partial<Record<OperationName, (x: number) => number>> = {
  sigmoid,
  tanh: Math.tanh,
  silu: (x) => x * sigmoid(x),
  relu_squared: (x) => Math.max(x, 0) ** 2,
  decay6: (x) => Math.exp(-Math.exp(x)),
  decay7: (x) => Math.exp(-Math.exp(-0.5) * sigmoid(x)),
};

function half(bits: number): number {
  const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}

/** The values of a weight row by row; a matrix lies in groups of eight rows, column by column. */
function decode({ kind, dtype, rows, cols }: GpuWeight, bytes: ArrayBuffer): Floats {
  if (dtype === 'F16') return Float64Array.from(new Uint16Array(bytes), half);
  if (dtype === 'BF16') return Float64Array.from(new Uint16Array(bytes), (bits) => floatOf(bits << 16));
  const floats = Float64Array.from(new Float32Array(bytes));
  if (kind !== 'matrix') return floats;
  const place = (row: number, col: number) => (Math.floor(row / 8) * cols + col) * 8 + (row % 8);
  return Float64Array.from(
    { length: rows * cols },
    (_, i) => floats[place(Math.floor(i / cols), i % cols)] ?? 0,
  );
}

/** Where S[key][value] of a head lies (state_index in src/kernels/kernels.h). */
function stateIndex(N: number, key: number, value: number): number {
  const width = value < Math.floor(N / 16) * 16 ? 16 : 4;
  return Math.floor(value / width) * width * N + key * width + (value % width);
}

export class Interpreter {
  readonly #module: GpuModule;
  readonly #weights: readonly GpuWeight[];
  readonly #bytes: readonly Uint8Array<ArrayBuffer>[];
  readonly #values: (Floats | undefined)[] = [];
  readonly #slots: Floats[] = [];
  #scratch: Floats = new Float64Array();
  /** How many slots were copied from another, and how many filled from here. */
  readonly copies = { slots: 0, uploads: 0 };

  constructor(module: GpuModule, weights: readonly GpuWeight[], bytes: readonly Uint8Array<ArrayBuffer>[]) {
    this.#module = module;
    this.#weights = weights;
    this.#bytes = bytes;
  }

  copySlots() {
    for (let next = unwrap(this.#module.nextCopy()); next !== null; next = unwrap(this.#module.nextCopy())) {
      this.copies[next.from === null ? 'uploads' : 'slots']++;
      this.#slots[next.to] = Float64Array.from(next.from === null ? next.floats : this.slot(next.from));
    }
  }

  slot(number: number): Floats {
    const slot = this.#slots[number];
    if (!slot) throw new Error(`slot ${number} was never filled`);
    return slot;
  }

  /** Makes a pass, whose list is given. */
  run(pass: GpuPass, list: Uint32Array) {
    this.copySlots();
    const [rows = 0, sequences = 0, wanted = 0, floats = 0, logits = 0, hidden = 0] = list;
    const tables = unwrap(pass.tables());
    const taken = {
      sequences: Array.from({ length: sequences }, (_, i) => [...tables.slice(3 * i, 3 * i + 3)]),
      tokens: tables.slice(3 * sequences, 3 * sequences + rows),
      wanted: tables.slice(3 * sequences + rows),
    };
    this.#scratch = new Float64Array(floats).fill(Number.NaN);
    for (let at = operationWords; at < list.length; at += operationWords) {
      const name = names[list[at] ?? none];
      if (!name) throw new Error(`no operation ${list[at]}`);
      const args = Object.fromEntries(
        operations[name].map((argument, i) => [argument, list[at + 1 + i] ?? 0]),
      );
      this.#operate(name, (argument) => args[argument] ?? Number.NaN, taken);
    }
    const V = this.#weights.findLast(({ kind }) => kind === 'matrix')?.rows ?? 0;
    const C = this.#weights[0]?.cols ?? 0;
    const answer = [
      ...(wanted ? this.#scratch.slice(logits, logits + wanted * V) : []),
      ...(hidden === none ? [] : this.#scratch.slice(hidden, hidden + rows * C)),
    ];
    unwrap(pass.finish(Float32Array.from(answer)));
    pass.delete();
  }

  #weight(id: number): Floats {
    const [weight, bytes] = [this.#weights[id], this.#bytes[id]];
    if (!weight || !bytes) throw new Error(`no weight ${id}`);
    this.#values[id] ??= decode(weight, bytes.slice().buffer);
    return this.#values[id];
  }

  #operate(
    name: OperationName,
    a: (argument: string) => number,
    tables: { sequences: number[][]; tokens: Uint32Array; wanted: Uint32Array },
  ) {
    const x = this.#scratch;
    const [R, C, n] = [a('R'), a('C'), a('n')];
    const get = (argument: string, i: number) => x[a(argument) + i] ?? Number.NaN;
    const weightOf = (argument: string) => {
      const values = a(argument) === none ? undefined : this.#weight(a(argument));
      return (i: number) => values?.[i % values.length] ?? Number.NaN;
    };
    /** out[i] = f(i), for i below a count. */
    const fill = (out: string, count: number, f: (i: number) => number) => {
      const values = Float64Array.from({ length: count }, (_, i) => f(i));
      x.set(values, a(out));
    };
    /** For each row of each sequence, in order, with its state behind `offset`. */
    const eachRow = (step: (row: number, state: Floats) => void) => {
      for (const [slot = 0, first = 0, count = 0] of tables.sequences)
        for (let row = first; row < first + count; row++) step(row, this.slot(slot).subarray(a('offset')));
    };
    /** Normed over runs of `width`. */
    const norm = (out: string, width: number) => {
      const [weight, bias, eps] = [weightOf('weight'), weightOf('bias'), floatOf(a('eps'))];
      const all = Array.from({ length: (R * C) / width }, (_, run) => {
        const values = x.slice(a('x') + run * width, a('x') + (run + 1) * width);
        const mean = values.reduce((sum, v) => sum + v) / width;
        const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / width;
        return [...values.map((v) => (v - mean) / Math.sqrt(variance + eps))];
      }).flat();
      fill(out, R * C, (i) => (all[i] ?? 0) * weight(i % C) + bias(i % C));
    };
    /** The sum of f(k) over the head that element i lies in. */
    const overHead = (i: number, f: (k: number) => number) => {
      const N = C / a('heads');
      let sum = 0;
      for (let k = Math.floor(i / N) * N, end = k + N; k < end; k++) sum += f(k);
      return sum;
    };

    const f = elementwise[name];
    if (f) return fill('x', n, (i) => f(get('x', i)));
    switch (name) {
      case 'embed':
      case 'add_rows': {
        const [table, width] = [weightOf('table'), C];
        const out = name === 'embed' ? 'out' : 'E';
        return fill(out, tables.tokens.length * width, (i) => {
          const value = table((tables.tokens[Math.floor(i / width)] ?? 0) * width + (i % width));
          return name === 'embed' ? value : get('E', i) + value;
        });
      }
      case 'gather':
        return fill('out', tables.wanted.length * C, (i) =>
          get('x', (tables.wanted[Math.floor(i / C)] ?? 0) * C + (i % C)),
        );
      case 'copy':
        return fill('out', n, (i) => get('x', i));
      case 'columns': {
        const width = a('width');
        return fill('out', R * width, (i) =>
          get('x', Math.floor(i / width) * a('x_width') + a('first') + (i % width)),
        );
      }
      case 'repeat':
        return fill('out', R * C, weightOf('vector'));
      case 'shift':
        return eachRow((row, state) => {
          const here = x.slice(a('x') + row * C, a('x') + (row + 1) * C);
          x.set(state.subarray(0, C), a('prev') + row * C);
          state.set(here);
        });
      case 'matmul': {
        const [W, K, M] = [this.#weight(a('matrix')), a('K'), a('M')];
        return fill('y', R * M, (i) => {
          const [weights, values] = [(i % M) * K, a('x') + Math.floor(i / M) * K];
          let sum = 0;
          for (let k = 0; k < K; k++) sum += (W[weights + k] ?? Number.NaN) * (x[values + k] ?? Number.NaN);
          return sum;
        });
      }
      case 'matmul_each':
      case 'add_matmul_each': {
        const [K, M] = [a('K'), a('M')];
        return fill('y', R * M, (i) => {
          const row = Math.floor(i / M);
          let sum = name === 'matmul_each' ? 0 : get('y', i);
          for (let k = 0; k < K; k++) sum += get('E', (row * K + k) * M + (i % M)) * get('x', row * K + k);
          return sum;
        });
      }
      case 'lerp':
      case 'lerp_rows': {
        const mu = name === 'lerp' ? weightOf('mu') : (i: number) => get('mu', i);
        return fill('out', R * C, (i) => get('x', i) + (get('prev', i) - get('x', i)) * mu(i));
      }
      case 'add':
        return fill('out', n, (i) => get('out', i) + get('x', i));
      case 'add_bias': {
        const bias = weightOf('vector');
        return fill('out', R * C, (i) => get('out', i) + bias(i));
      }
      case 'multiply':
        return fill('out', n, (i) => get('out', i) * get('x', i));
      case 'scale': {
        const scale = weightOf('vector');
        return fill('out', R * C, (i) => get('x', i) * scale(i));
      }
      case 'scale_key7': {
        const scale = weightOf('k_a');
        return fill('k', R * C, (i) => get('k', i) * (1 + (get('a', i) - 1) * scale(i)));
      }
      case 'layer_norm':
        return norm('out', C);
      case 'group_norm':
        return norm('x', C / a('heads'));
      case 'normalize_heads':
        return fill(
          'x',
          R * C,
          (i) => get('x', i) / Math.max(Math.sqrt(overHead(i, (k) => get('x', k) ** 2)), 1e-12),
        );
      case 'add_bonus': {
        const r_k = weightOf('r_k');
        return fill(
          'y',
          R * C,
          (i) => get('y', i) + overHead(i, (k) => get('r', k) * get('k', k) * r_k(k % C)) * get('v', i),
        );
      }
      case 'wkv4': {
        const [w, u] = [weightOf('w'), weightOf('u')];
        return eachRow((row, S) => {
          for (let c = 0; c < C; c++) {
            const [k, v] = [get('k', row * C + c), get('v', row * C + c)];
            const [aa = 0, bb = 0, pp = 0] = [S[c], S[C + c], S[2 * C + c]];
            const q = Math.max(pp, u(c) + k);
            const [before, now] = [Math.exp(pp - q), Math.exp(u(c) + k - q)];
            x[a('y') + row * C + c] = (get('r', row * C + c) * (before * aa + now * v)) / (before * bb + now);
            const next = Math.max(pp + w(c), k);
            const [kept, added] = [Math.exp(pp + w(c) - next), Math.exp(k - next)];
            S.set([kept * aa + added * v], c);
            S.set([kept * bb + added], C + c);
            S.set([next], 2 * C + c);
          }
        });
      }
      case 'wkv6':
      case 'wkv7': {
        const [u, N] = [name === 'wkv6' ? weightOf('u') : () => 0, C / a('heads')];
        const zeros = new Float64Array(N); // what version 6 lacks
        return eachRow((row, S) => {
          for (let c = 0; c < C; c += N) {
            const of = (argument: string) => x.subarray(a(argument) + row * C + c);
            const [r, k, v, w] = [of('r'), of('k'), of('v'), of('w')];
            const [kk, rate] = name === 'wkv7' ? [of('kk'), of('a')] : [zeros, zeros];
            for (let j = 0; j < N; j++) {
              const place = (i: number) => c * N + stateIndex(N, i, j);
              let [removed, y] = [0, 0];
              if (name === 'wkv7') for (let i = 0; i < N; i++) removed += (kk[i] ?? 0) * (S[place(i)] ?? 0);
              for (let i = 0; i < N; i++) {
                const [old = 0, kv] = [S[place(i)], (k[i] ?? 0) * (v[j] ?? 0)];
                const next = (w[i] ?? 0) * old + kv - (kk[i] ?? 0) * (rate[i] ?? 0) * removed;
                y += (r[i] ?? 0) * (name === 'wkv7' ? next : u(c + i) * kv + old);
                S[place(i)] = next;
              }
              x[a('y') + row * C + c + j] = y;
            }
          }
        });
      }
    }
  }
}
