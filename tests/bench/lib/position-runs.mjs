// Time per token against the position in the text: measured, told and drawn.
import { writeFileSync } from 'node:fs';
import { ensureModel, stateBytes } from './models.mjs';
import { drawPositions } from './plot.mjs';
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
  const positions = positionsUpTo(options.plotPositions);
  const [quantization] = options.quantizations;
  progress(`reading ${options.plotPositions} tokens with ${options.plotModel}`);
  const source = await ensureModel(options.plotModel);
  const plan = { positions, blocks: options.quick ? 20 : 50 };
  const walk = await node.positions(source, { quantization, threads: 1 }, plan);
  const result = { model: options.plotModel, node: node.version, ...walk, points: walk.points.map(summary) };
  writeFileSync(options.plot, await drawPositions(result));
  return result;
}

/** Medians of a point and its quiet times; `ratio` compares blocks that came one after the other. */
function summary({ far_ms, near_ms, ...point }) {
  const ratio = median(far_ms.map((ms, i) => ms / near_ms[i]));
  const ms = { median: median(far_ms), quiet: quietTime(far_ms) };
  const near = { median: median(near_ms), quiet: quietTime(near_ms) };
  return { ...point, ms, near, ratio, far_ms, near_ms };
}

export function positionLines({ model, info, points }) {
  const cells = points.map(({ position, ms, near, ratio, memory_bytes }) => [
    String(position),
    ...[ms, near].flatMap((time) => [time.median.toFixed(3), time.quiet.toFixed(3)]),
    ratio.toFixed(3),
    (memory_bytes / 1e6).toFixed(1),
  ]);
  const titles = [
    'position',
    'ms/token',
    'quiet',
    `at ${points[0].position}`,
    'quiet',
    'ratio',
    'process MB',
  ];
  const { position, ms, near, ratio } = points.at(-1);
  const percent = (value) => `${(100 * (value - 1)).toFixed(1)} %`;
  const state = `${(stateBytes(info) / 1e6).toFixed(2)} MB`;
  return [
    `${model} ${info.quantization} ${info.build}, the state takes ${state} at every position`,
    ...alignedLines(
      [['position', 'ms/token', `at ${points[0].position}`, 'ratio', 'process MB'], ...cells],
      0,
    ),
    `per token at ${position} over position ${points[0].position}: ${percent(ratio)}, quiet ${percent(ms.quiet / near.quiet)}`,
  ];
}
