// From rates to a table: what each task moved and computed, and its share of what the machine can do.
import { arithmetic, bandwidth } from './limits.mjs';
import { costOf } from './models.mjs';
import { median, quietRate } from './statistics.mjs';

/**
 * Rows of the table, one a configuration and task. Tokens that are computed together share one pass over the weights:
 * the sessions of a batch. The limit is the time that reading the weights or multiplying them takes at least, whichever
 * is longer; a prompt is long enough that only the products count.
 *
 * `results`: { configuration, info, rates }; `limitsOf(configuration)`: what `measureWork` answered.
 */
export function rowsOf(results, limitsOf) {
  return results.flatMap(({ configuration, info, rates }) =>
    Object.entries(rates).map(([task, samples]) => {
      const limits = limitsOf(configuration);
      const cost = costOf(info);
      const [kind, count] = task.split(' ');
      const tokensOfPass = kind === 'batch' ? Number(count) : Number.POSITIVE_INFINITY;
      const rate = median(samples);
      const bytesPerToken = cost.bytes / tokensOfPass;
      const reading = bytesPerToken / bandwidth(limits);
      const weights = kind === 'prefill' ? cost.weights - cost.head : cost.weights;
      const computing = (2 * weights) / arithmetic(limits, info.quantization);
      return {
        ...configuration,
        task: task === 'batch 1' ? 'decode' : task,
        tokensPerSecond: rate,
        gigabytesPerSecond: (rate * bytesPerToken) / 1e9,
        gigaoperationsPerSecond: (rate * 2 * weights) / 1e9,
        limit: reading > computing ? 'memory' : 'SIMD',
        shareOfLimit: rate * Math.max(reading, computing),
        quietTokensPerSecond: quietRate(samples),
        quietShareOfLimit: quietRate(samples) * Math.max(reading, computing),
      };
    }),
  );
}

const round = (value) => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));
const percent = (value) => `${(100 * value).toFixed(0)} %`;
const columns = [
  ['host', (row) => row.host],
  ['model', (row) => row.model],
  ['type', (row) => row.quantization],
  ['build', (row) => row.build],
  ['threads', (row) => String(row.threads)],
  ['task', (row) => row.task],
  ['tok/s', (row) => round(row.tokensPerSecond)],
  ['GB/s', (row) => (row.gigabytesPerSecond > 0 ? row.gigabytesPerSecond.toFixed(1) : '')],
  ['GOP/s', (row) => row.gigaoperationsPerSecond.toFixed(1)],
  ['limit', (row) => row.limit],
  ['share', (row) => percent(row.shareOfLimit)],
  ['quiet tok/s', (row) => round(row.quietTokensPerSecond)],
  ['share', (row) => percent(row.quietShareOfLimit)],
];

/** Lines of text, columns aligned: the first `left` columns to the left. */
export function alignedLines(rows, left) {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  const pad = (cell, i) => (i < left ? cell.padEnd(widths[i]) : cell.padStart(widths[i]));
  return rows.map((row) => row.map(pad).join('  ').trimEnd());
}

/** The table's lines. */
export function tableLines(rows) {
  const cells = rows.map((row) => columns.map(([, cell]) => cell(row)));
  return alignedLines([columns.map(([title]) => title), ...cells], 6);
}

/** One line of what a host can do with `threads` and a build. */
export function limitLine(host, build, threads, work) {
  const reads = Object.entries(work).filter(([name]) => name.startsWith('read'));
  const others = Object.entries(work).filter(([name]) => !name.startsWith('read'));
  const giga = ([name, value]) => `${name.replace('read ', '')}: ${(value / 1e9).toFixed(1)}`;
  return (
    `${host}, ${build}, threads ${threads}: read GB/s by streams ${reads.map(giga).join(', ')}; ` +
    `GOP/s ${others.map(giga).join(', ')}`
  );
}
