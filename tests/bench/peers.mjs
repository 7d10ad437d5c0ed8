// This package beside what else runs such a model in a page: npm run bench:peers -- --help, and README.md.
import { writeFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { buildAll } from '../../wasm/build.mjs';
import { count, listOf } from './lib/choices.mjs';
import { openChromium } from './lib/chromium-host.mjs';
import { describeMachine, describePackage } from './lib/machine.mjs';
import { ensureModel, shapes } from './lib/models.mjs';
import { ensureWllama, ggmlTypes, measureWllama } from './lib/peers.mjs';
import { alignedLines } from './lib/report.mjs';
import { median } from './lib/statistics.mjs';

const options = new Command('npm run bench:peers --')
  .description('Prefill and decode in Chromium beside wllama, on models of the same shape, taking turns.')
  .option('--quick', 'one round, a prompt of 128 tokens: about a minute')
  .addOption(new Option('--model <name>').choices(Object.keys(shapes)).default('0.1B'))
  .option('--quantizations <list>', 'q8,q4,f16 (default: q8,q4)', listOf(Object.keys(ggmlTypes)))
  .option('--threads <list>', 'default: 1,2', listOf([1, 2, 3, 4]))
  .option('--prefill <tokens>', 'length of the prompt (default: 512)', count)
  .option('--decode <tokens>', 'tokens to write', count, 32)
  .option('--rounds <n>', 'default: 3', count)
  .option('--json <file>', 'writes all samples')
  .parse()
  .opts();
const defaults = options.quick ? { rounds: 1, prefill: 128 } : { rounds: 3, prefill: 512 };
const { quantizations, threads, rounds, prefill, decode, model } = {
  ...{ quantizations: ['q8', 'q4'], threads: [1, 2] },
  ...defaults,
  ...options,
};

await buildAll();
const version = ensureWllama();
const browser = await openChromium();
const results = quantizations.flatMap((quantization) =>
  threads.map((count) => ({ quantization, threads: count, ours: [], theirs: [] })),
);

/** Ours by the same measure: a prompt of random tokens, then the likeliest tokens one by one. */
async function measureOurs(quantization, threads) {
  const plan = { batches: [1], prefill, samples: Math.ceil(decode / 8) };
  const source = await ensureModel(model);
  const { skipped, rates, info } = await browser.measure(source, { quantization, threads }, plan);
  if (skipped) return { skipped };
  return {
    prefill: median(rates[`prefill ${prefill}`]),
    decode: median(rates['batch 1']),
    build: info.build,
  };
}

try {
  for (let round = 1; round <= rounds; round++)
    for (const result of results) {
      const { quantization, threads } = result;
      console.error(`round ${round}: ${quantization}, threads ${threads}`);
      const gguf = await ensureModel(model, ggmlTypes[quantization]);
      result.ours.push(await measureOurs(quantization, threads));
      result.theirs.push(await measureWllama(browser, gguf, { threads, prefill, decode }));
    }
} finally {
  await browser.close();
}

const rows = results.flatMap(({ quantization, threads, ours, theirs }) =>
  [`prefill ${prefill}`, 'decode'].map((task) => {
    const kind = task.split(' ')[0];
    const rate = median(theirs.map((one) => one[kind]));
    const start = [quantization, ggmlTypes[quantization], String(threads), task];
    if (ours.some(({ skipped }) => skipped)) return [...start, 'skipped', rate.toFixed(1), ''];
    const own = median(ours.map((one) => one[kind]));
    const ratio = median(ours.map((one, i) => one[kind] / theirs[i][kind])); // of the same round
    return [...start, own.toFixed(1), rate.toFixed(1), `${ratio.toFixed(1)} x`];
  }),
);
console.log(`${model} in Chromium ${browser.version}: rwkv-wasm beside wllama ${version}, tok/s\n`);
const titles = ['ours', 'wllama', 'threads', 'task', 'rwkv-wasm', 'wllama', 'ratio'];
for (const line of alignedLines([titles, ...rows], 4)) console.log(line);
const reasons = new Set(results.flatMap(({ ours }) => ours.flatMap(({ skipped }) => skipped ?? [])));
for (const reason of reasons) console.log(`\nskipped: ${reason}`);
console.log(
  '\nonnxruntime-web is not among them: exporting an RWKV model to ONNX takes Python packages (torch, onnx), which' +
    '\nthis program does not install.',
);
const report = { machine: describeMachine(), package: describePackage(), wllama: version, options, results };
if (options.json) writeFileSync(options.json, `${JSON.stringify(report, null, 1)}\n`);
