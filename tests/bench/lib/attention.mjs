// A Transformer of RWKV's shape out of our own kernels (../attention_speed.cpp), at positions of a text.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { ensureBuilt } from './models.mjs';
import { median } from './statistics.mjs';

const lastPosition = 16_384;

/** Medians of milliseconds per token in Node at each position that is not too far; `info`: of the model it stands beside. */
export async function measureAttention(node, info, positions, turns) {
  const { layers, channels, vocabulary, quantization, build } = info;
  const preset = build.startsWith('relaxed') ? 'wasm-relaxed' : 'wasm';
  const program = await ensureBuilt(preset, 'attention_speed', `build/${preset}/tests/attention_speed.cjs`);
  const near = [...positions.filter((position) => position < lastPosition), lastPosition];
  const args = [program, layers, channels, vocabulary, quantization, turns, ...near].map(String);
  const { stdout } = await promisify(execFile)(node.path, args);
  const samples = stdout
    .trim()
    .split('\n')
    .map((line) => line.split(' ').map(Number));
  return near.map((position) => ({
    position,
    median_ms: median(samples.filter(([at]) => at === position).map(([, ms]) => ms)),
  }));
}

/** From which position on attention takes longer than `ms` a token, between the two measured ones; `undefined`: never. */
export function crossing(points, ms) {
  const after = points.findIndex(({ median_ms }) => median_ms > ms);
  if (after <= 0) return points[after]?.position;
  const [low, high] = [points[after - 1], points[after]];
  const part = (ms - low.median_ms) / (high.median_ms - low.median_ms);
  return Math.round(low.position + part * (high.position - low.position));
}

/** Milliseconds as `start_ms + growth_ms * position`: the line from which the points are off by least, as shares of themselves. */
export function fitLine(points) {
  let [ones, x, xx, y, xy] = [0, 0, 0, 0, 0];
  for (const { position, median_ms } of points) {
    const weight = 1 / median_ms ** 2;
    ones += weight;
    x += weight * position;
    xx += weight * position ** 2;
    y += weight * median_ms;
    xy += weight * position * median_ms;
  }
  const growth_ms = (ones * xy - x * y) / (ones * xx - x * x);
  return { start_ms: (y - growth_ms * x) / ones, growth_ms };
}
