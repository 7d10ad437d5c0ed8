// Time per token against the position in the text: measured, told and drawn.
import { writeFileSync } from 'node:fs';
import { crossing, fitLine, measureAttention } from './attention.mjs';
import { costOf, ensureModel, stateBytes } from './models.mjs';
import { drawPositions, loadCharts } from './plot.mjs';
import { alignedLines } from './report.mjs';
import { median, quietTime } from './statistics.mjs';

/** Round positions from 100 to `last`, three a decade. */
export function positionsUpTo(last) {
  const all = [];
  for (let decade = 100; decade < last; decade *= 10)
    all.push(...[1, 2, 5].map((digit) => digit * decade).filter((position) => position < last));
  return [...all, last];
}

/** Walks a text of `options.plotModel` in a process of Node and draws it into `options.plot`. */
export async function measurePositions(node, options, progress) {
  const charts = await loadCharts();
  const positions = positionsUpTo(options.plotPositions);
  const [quantization] = options.quantizations;
  progress(`reading ${options.plotPositions} tokens with ${options.plotModel}`);
  const source = await ensureModel(options.plotModel);
  const plan = { positions, blocks: options.quick ? 20 : 50 };
  const { info, points } = await node.positions(source, { quantization, threads: 1 }, plan);
  const [start] = points;
  const result = {
    model: options.plotModel,
    node: node.version,
    info,
    points: points.map(summaryOver(start)),
    attention: await measureAttention(node, info, positions, plan.blocks),
  };
  writeFileSync(options.plot, drawPositions(charts, result));
  return result;
}

/** Median and quiet time of a point; `ratio` compares blocks of the same turn. */
const summaryOver = (start) => (point) => ({
  ...point,
  median_ms: median(point.ms),
  quiet_ms: quietTime(point.ms),
  ratio: median(point.ms.map((ms, i) => ms / start.ms[i])),
});

export function positionLines({ model, info, points, attention }) {
  const cells = points.map(({ position, median_ms, quiet_ms, ratio, memory_bytes }) => [
    String(position),
    median_ms.toFixed(3),
    quiet_ms.toFixed(3),
    ratio.toFixed(3),
    (memory_bytes / 1e6).toFixed(1),
  ]);
  const [start, end] = [points[0], points.at(-1)];
  const percent = (value) => `${(100 * (value - 1)).toFixed(1)} %`;
  const titles = ['position', 'ms/token', 'quiet', `over ${start.position}`, 'process MB'];
  const state = `${(stateBytes(info) / 1e6).toFixed(2)} MB`;
  return [
    `${model} ${info.quantization} ${info.build}, the state takes ${state} at every position`,
    ...alignedLines([titles, ...cells], 0),
    `per token at ${end.position} over ${start.position}: ${percent(end.ratio)}, quiet ${percent(end.quiet_ms / start.quiet_ms)}`,
    ...attentionLines(info, attention, median(points.map(({ median_ms }) => median_ms))),
  ];
}

function attentionLines(info, attention, ms) {
  const times = attention.map(({ position, median_ms }) => `${position} ${median_ms.toFixed(1)}`);
  const from = crossing(attention, ms);
  const { start_ms, growth_ms } = fitLine(attention);
  const weight = (growth_ms / ms / (4 * info.layers * info.channels)) * costOf(info).bytes; // keys and values are halves
  return [
    `attention of the same shape, ms/token: ${times.join(', ')}`,
    `fitted: ${start_ms.toFixed(2)} + ${growth_ms.toPrecision(3)} * position; over RWKV ${(start_ms / ms).toFixed(2)} at the start, and a byte of keys and values as ${weight.toFixed(2)} of weights`,
    from === undefined
      ? `attention stays below ${ms.toFixed(1)} ms`
      : `attention takes longer than ${ms.toFixed(1)} ms a token from position ${from} on`,
  ];
}
