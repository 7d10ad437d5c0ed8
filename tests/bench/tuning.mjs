// What teaching the storyteller gives and takes: node tests/bench/tuning.mjs [METHODS [EPOCHS [THREADS]]]
//
// The text is of another kind than its tales: 40 KB of this project's own pages, of which it learns the first half. Prints for each method
// how far the bits a byte of the other half fall, the tokens a second of its steps, and their share of the rate at which the same model
// reads a prompt (in turns, medians).
import { readFileSync } from 'node:fs';
import { learning } from '../../dist/learning-node.js';
import { RWKV } from '../../dist/node.js';
import { describeMachine } from './lib/machine.mjs';
import { home } from './lib/models.mjs';
import { median } from './lib/statistics.mjs';

const [methods = 'state,lora', epochs = '3', threads = '1'] = process.argv.slice(2);
const kilobytes = 20;
const pages = ['README.md', 'web/README.md', 'src/README.md', 'tests/README.md', 'wasm/README.md'];
const text = pages.map((page) => readFileSync(`${home}/${page}`, 'utf8')).join('\n');
const [learned, heldOut] = [
  text.slice(0, kilobytes * 1000),
  text.slice(kilobytes * 1000, 2 * kilobytes * 1000),
];
const settings = { state: { learningRate: 0.5 }, lora: { learningRate: 5e-3, rank: 8 } };

const model = await RWKV.load(undefined, { learning, prefixCache: false, threads: Number(threads) });
const bytes = Buffer.byteLength(heldOut);
const tokens = await model.tokenize(heldOut);
const bits = (loss) => (loss * (tokens.length + 1)) / bytes / Math.LN2; // with the end of the text

async function prefill() {
  const session = await model.createSession();
  const start = performance.now();
  await session.append(tokens.slice(0, 512));
  const rate = (512 * 1000) / (performance.now() - start);
  await session.dispose();
  return rate;
}

console.log(
  `${describeMachine().cpu}\n${model.info.build}, ${threads} threads, ${model.info.quantization}, ${learned.length} letters, ${epochs} epochs`,
);
for (const method of methods.split(',')) {
  const options = {
    method,
    ...settings[method],
    epochs: Number(epochs),
    contextLength: 512,
    batch: 2,
    validationEvery: 0,
  };
  let before = Number.NaN;
  const rates = [];
  const reading = [];
  const run = model.tune([learned], {
    ...options,
    validation: [heldOut],
    onPlan(plan) {
      before = plan.validationLoss;
      console.log(`${method}: ${plan.steps} steps, ${(plan.bytes / 1e6).toFixed(0)} MB beside the weights`);
    },
  });
  for await (const { tokensPerSecond } of run) {
    rates.push(tokensPerSecond);
    if (rates.length % 8 === 1) reading.push(await prefill());
  }
  const { validationLoss, seconds } = await run.result;
  const [was, is] = [bits(before), bits(validationLoss)];
  const share = median(rates) / median(reading);
  console.log(
    `${method}: ${was.toFixed(4)} -> ${is.toFixed(4)} bits a byte (${((is / was - 1) * 100).toFixed(1)} %), ${seconds.toFixed(0)} s; ` +
      `${median(rates).toFixed(0)} tokens/s, ${share.toFixed(3)} of a prompt's ${median(reading).toFixed(0)}`,
  );
}
await model.dispose();
