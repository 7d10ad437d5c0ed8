/** Floats in [low, high), the same in every run. */
export function numbers(count: number, seed: number, low = -1, high = 1): number[] {
  let state = (seed * 2654435761 + 1) >>> 0;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.fround(low + (state / 2 ** 32) * (high - low));
  });
}

/** As near as sums of floats come, or tell how far: what is furthest away, in parts of the largest that was expected. */
export function distance(found: readonly number[], expected: readonly number[]): number {
  if (found.length !== expected.length) return Number.POSITIVE_INFINITY;
  const scale = Math.max(1, ...expected.map(Math.abs));
  return Math.max(...expected.map((value, i) => Math.abs((found[i] ?? Number.NaN) - value))) / scale;
}

/** A float as a word of a list. */
export const bitsOf = (float: number) => new Uint32Array(Float32Array.of(float).buffer)[0] ?? 0;
