// Numbers of many samples.

/** The middle of the values; NaN of none. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle];
  return (sorted[middle - 1] + sorted[middle]) / 2;
}

/** What one sample in ten reaches: the rate of a machine that nobody else uses. */
export function quiet(rates) {
  const sorted = [...rates].sort((a, b) => b - a);
  return sorted[Math.floor(sorted.length / 10)] ?? Number.NaN;
}
