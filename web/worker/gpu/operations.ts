// The operations of a list, as src/recording/operations.h has them (its table, which tests/web/gpu/operations.test.ts compares): their names, in
// the order of their numbers, with their arguments.

/** Words of an operation and of the header of a list: a number, arguments, zeros. */
export const operationWords = 16;
/** In place of a weight or an address: nothing. */
export const none = 0xffffffff;

export const operations = {
  embed: ['table', 'out', 'C'],
  add_rows: ['table', 'E', 'C'],
  gather: ['x', 'out', 'C'],
  copy: ['x', 'out', 'n'],
  columns: ['x', 'x_width', 'first', 'out', 'width', 'R'],
  repeat: ['vector', 'out', 'R', 'C'],
  shift: ['x', 'prev', 'C', 'offset'],
  matmul: ['matrix', 'x', 'y', 'R', 'K', 'M'],
  matmul_each: ['x', 'E', 'y', 'R', 'K', 'M'],
  add_matmul_each: ['x', 'E', 'y', 'R', 'K', 'M'],
  lerp: ['x', 'prev', 'mu', 'out', 'R', 'C'],
  lerp_rows: ['x', 'prev', 'mu', 'out', 'R', 'C'],
  add: ['x', 'out', 'n'],
  add_bias: ['vector', 'out', 'R', 'C'],
  multiply: ['x', 'out', 'n'],
  scale: ['x', 'vector', 'out', 'R', 'C'],
  sigmoid: ['x', 'n'],
  tanh: ['x', 'n'],
  silu: ['x', 'n'],
  relu_squared: ['x', 'n'],
  decay6: ['x', 'n'],
  decay7: ['x', 'n'],
  scale_key7: ['a', 'k_a', 'k', 'R', 'C'],
  layer_norm: ['x', 'weight', 'bias', 'eps', 'out', 'R', 'C'],
  group_norm: ['x', 'heads', 'weight', 'bias', 'eps', 'R', 'C'],
  normalize_heads: ['x', 'heads', 'R', 'C'],
  wkv4: ['r', 'k', 'v', 'w', 'u', 'y', 'C', 'offset'],
  wkv6: ['r', 'k', 'v', 'w', 'u', 'y', 'C', 'heads', 'offset'],
  wkv7: ['r', 'w', 'k', 'v', 'kk', 'a', 'y', 'C', 'heads', 'offset'],
  add_bonus: ['r', 'k', 'v', 'r_k', 'heads', 'y', 'R', 'C'],
} as const;

export type OperationName = keyof typeof operations;
