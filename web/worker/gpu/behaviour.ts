// How the operations run and what they touch: all that scheduling and the making of shaders know of them.
import type { OperationName } from './operations.js';

/**
 * How an operation is spread over a device: `element`: each element of its output alone; `row`: each row of it, by what may stand
 * anywhere in that row; `head`: each head of a row; `matmul`: products with packed weights.
 */
export type Span = 'element' | 'row' | 'head' | 'matmul';

export interface Behaviour {
  readonly span: Span;
  /** What it has so many of: rows of the pass, sequences, or rows wanted. */
  readonly rows: 'R' | 'S' | 'wanted';
  /** The argument that is the width of its output; `n`: of all rows together. */
  readonly width: string;
  /** Arguments that are addresses of what it reads, writes whole, and changes in place. */
  readonly reads: readonly string[];
  readonly writes: readonly string[];
  readonly changes: readonly string[];
  /** Those of them that it also reads in rows of others: always, or where sequences have several rows. */
  readonly far?: readonly string[];
  readonly farInSequences?: readonly string[];
  /** Whether a workgroup makes a row or head of it together, rather than each lane elements of its own. */
  readonly isCollective?: true;
}

const element = (width: string, reads: string[], writes: string[], changes: string[] = []): Behaviour => ({
  span: 'element',
  rows: 'R',
  width,
  reads,
  writes,
  changes,
});
const inPlace = element('n', [], [], ['x']);
const head = (reads: string[], writes: string[], changes: string[] = []): Behaviour => ({
  ...element('C', reads, writes, changes),
  span: 'head',
  isCollective: true,
});
const recurrence = (of: Behaviour): Behaviour => ({
  ...of,
  rows: 'S',
  farInSequences: [...of.reads, ...of.writes],
});

export const behaviours: Readonly<Record<OperationName, Behaviour>> = {
  embed: element('C', [], ['out']),
  add_rows: element('C', [], [], ['E']),
  gather: { ...element('C', ['x'], ['out']), rows: 'wanted', far: ['x'] },
  copy: element('n', ['x'], ['out']),
  columns: { ...element('width', ['x'], ['out']), span: 'row' },
  repeat: element('C', [], ['out']),
  shift: { ...element('C', ['x'], ['prev']), farInSequences: ['x'] },
  matmul: { ...element('M', ['x'], ['y']), span: 'matmul', far: ['x'] },
  matmul_each: { ...element('M', ['x', 'E'], ['y']), span: 'row' },
  add_matmul_each: { ...element('M', ['x', 'E'], [], ['y']), span: 'row' },
  lerp: element('C', ['x', 'prev'], ['out']),
  lerp_rows: element('C', ['x', 'prev', 'mu'], ['out']),
  add: element('n', ['x'], [], ['out']),
  add_bias: element('C', [], [], ['out']),
  multiply: element('n', ['x'], [], ['out']),
  scale: element('C', ['x'], ['out']),
  sigmoid: inPlace,
  tanh: inPlace,
  silu: inPlace,
  relu_squared: inPlace,
  decay6: inPlace,
  decay7: inPlace,
  scale_key7: element('C', ['a'], [], ['k']),
  layer_norm: { ...element('C', ['x'], ['out']), span: 'row', isCollective: true },
  group_norm: head([], [], ['x']),
  normalize_heads: head([], [], ['x']),
  wkv4: recurrence(element('C', ['r', 'k', 'v'], ['y'])),
  wkv6: recurrence(head(['r', 'k', 'v', 'w'], ['y'])),
  wkv7: recurrence(head(['r', 'w', 'k', 'v', 'kk', 'a'], ['y'])),
  add_bonus: head(['r', 'k', 'v'], [], ['y']),
};

const vectorNames = new Set(['vector', 'mu', 'k_a', 'weight', 'bias', 'w', 'u', 'r_k']);

/** Whether the argument is the number of a vector, rather than of rows or a count. */
export function isVector(name: OperationName, argument: string): boolean {
  return vectorNames.has(argument) && !behaviours[name].reads.includes(argument);
}
