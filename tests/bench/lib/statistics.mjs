// Numbers of many samples.

/** The middle of the values; NaN of none. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle];
  return (sorted[middle - 1] + sorted[middle]) / 2;
}

/** What one sample in ten stays below: the time on a machine that nobody else uses. NaN of none. */
export function quietTime(times) {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 10)] ?? Number.NaN;
}

/** The same of rates: what one sample in ten exceeds. */
export const quietRate = (rates) => -quietTime(rates.map((rate) => -rate));
