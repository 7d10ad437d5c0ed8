// What teaching the storyteller gives and takes: node tests/bench/tuning.mjs [--methods state,lora] [--rates 0.1,1] [--epochs 3] [--threads 1]
//   [--model FILE --tokenizer FILE] [--text FILE]
//
// The text is of another kind than its tales: 40 KB of a file, or of this project's own pages, of which it learns the first half. Prints for
// each method and rate (default: the method's own) how far the bits a byte of the other half fall, the tokens a second of its steps, and
// their share of the rate at which the same model reads a prompt (in turns, medians).
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { learning } from '../../dist/learning-node.js';
import { RWKV } from '../../dist/node.js';
import { describeMachine } from './lib/machine.mjs';
import { home } from './lib/models.mjs';
import { median } from './lib/statistics.mjs';

const { values: flags } = parseArgs({
  options: {
    methods: { type: 'string', default: 'state,lora' },
    rates: { type: 'string' },
    epochs: { type: 'string', default: '3' },
    threads: { type: 'string', default: '1' },
    model: { type: 'string' }, // default: the storyteller
    tokenizer: { type: 'string' },
    text: { type: 'string', multiple: true },
  },
});
const { epochs, threads } = flags;
const pages = ['README.md', 'web/README.md', 'src/README.md', 'tests/README.md', 'wasm/README.md'];
const files = flags.text ?? pages.map((page) => `${home}/${page}`);
const text = files.map((file) => readFileSync(file, 'utf8')).join('\n');
const half = 20_000; // letters
const [learned, heldOut] = [text.slice(0, half), text.slice(half, 2 * half)];

async function prefill(model, tokens) {
  const session = await model.createSession();
  const start = performance.now();
  await session.append(tokens.slice(0, 512));
  const rate = (512 * 1000) / (performance.now() - start);
  await session.dispose();
  return rate;
}

async function measure(method, learningRate) {
  const model = await RWKV.load(flags.model, {
    learning,
    ...(flags.tokenizer && { tokenizer: flags.tokenizer }),
    ...(method === 'full' && { quantization: 'f32' }), // a model of its own each time: its weights change
    prefixCache: false,
    threads: Number(threads),
  });
  const { build, quantization } = model.info;
  const tokens = await model.tokenize(heldOut);
  const bits = (loss) => (loss * (tokens.length + 1)) / Buffer.byteLength(heldOut) / Math.LN2; // with the end of the text
  let before = Number.NaN;
  const [rates, reading, learningRates] = [[], [], []];
  const run = model.tune([learned], {
    ...{ method, learningRate, epochs: Number(epochs), contextLength: 512, batch: 2 },
    validation: [heldOut],
    validationEvery: 0,
    onPlan(plan) {
      before = plan.validationLoss;
      const beside = `${(plan.bytes / 1e6).toFixed(0)} MB beside the weights`;
      console.log(`${method}: ${build}, ${quantization}; ${plan.steps} steps, ${beside}`);
    },
  });
  for await (const { tokensPerSecond, learningRate } of run) {
    rates.push(tokensPerSecond);
    learningRates.push(learningRate);
    if (rates.length % 8 === 1) reading.push(await prefill(model, tokens));
  }
  const { validationLoss, seconds } = await run.result;
  const [was, is] = [bits(before), bits(validationLoss)];
  const share = median(rates) / median(reading);
  console.log(
    `${method} at ${Math.max(...learningRates)}: ${was.toFixed(4)} -> ${is.toFixed(4)} bits a byte (${((is / was - 1) * 100).toFixed(1)} %), ` +
      `${seconds.toFixed(0)} s; ${median(rates).toFixed(0)} tokens/s, ${share.toFixed(3)} of a prompt's ${median(reading).toFixed(0)}`,
  );
  await model.dispose();
}

console.log(`${describeMachine().cpu}\n${threads} threads, ${learned.length} letters, ${epochs} epochs`);
for (const method of flags.methods.split(','))
  for (const rate of flags.rates?.split(',').map(Number) ?? [undefined]) await measure(method, rate);
