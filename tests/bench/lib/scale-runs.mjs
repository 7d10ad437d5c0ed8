// Time per token against the size of a model, and the rate of many sessions: measured and drawn. One thread.
import { writeFileSync } from 'node:fs';
import { costOf, ensureModel, shapes } from './models.mjs';
import { drawLines, loadCharts } from './plot.mjs';
import { median } from './statistics.mjs';

const mostSessions = 64;

/** The lines [MB of weights that a token reads, ms] by quantization. What does not fit into this machine is told and left out. */
export async function measureSizes(node, options, progress) {
  const charts = await loadCharts();
  const lines = {};
  for (const model of Object.keys(shapes))
    try {
      const source = await ensureModel(model);
      for (const quantization of options.quantizations) {
        progress(`decoding with ${model} ${quantization}`);
        const plan = { batches: [1], prefill: 0, samples: options.samples };
        const { info, rates } = await node.measure(source, { quantization, threads: 1 }, plan);
        lines[quantization] ??= [];
        lines[quantization].push([costOf(info).bytes / 1e6, 1000 / median(rates['batch 1'])]);
      }
    } catch (error) {
      progress(`${model} is left out: ${error.message}`);
    }
  const title = `${Object.keys(shapes).join(', ')}: time against size, Node ${node.version}`;
  const svg = drawLines(charts, { title, x: 'MB of weights a token', y: 'ms per token' }, lines);
  writeFileSync(options.plot, svg);
  return lines;
}

/** The lines [sessions, tokens a second of all together] by quantization. */
export async function measureSessions(node, options, progress) {
  const charts = await loadCharts();
  const source = await ensureModel(options.plotModel);
  const lines = {};
  const batches = Array.from({ length: Math.log2(mostSessions) + 1 }, (_, i) => 2 ** i);
  for (const quantization of options.quantizations) {
    progress(`${options.plotModel} ${quantization}, up to ${mostSessions} sessions`);
    const plan = { batches, prefill: 0, samples: options.samples };
    const { rates } = await node.measure(source, { quantization, threads: 1 }, plan);
    lines[quantization] = batches.map((count) => [count, median(rates[`batch ${count}`])]);
  }
  const title = `${options.plotModel}: sessions at the same time, Node ${node.version}`;
  const axes = { title, x: 'sessions', y: 'tokens a second, together', isLog: true };
  writeFileSync(options.plot, drawLines(charts, axes, lines));
  return lines;
}
