// What reading ahead gives: texts with and without, in turns. node tests/bench/ahead.mjs [0.1B|0.4B|storyteller] [quantization] [vocabulary]
import { grammar } from '../../dist/grammar-node.js';
import { RWKV } from '../../dist/node.js';
import { ensureModel } from './lib/models.mjs';
import { median } from './lib/statistics.mjs';

const [name = 'storyteller', quantization = 'q8', tokenizer] = process.argv.slice(2);
const rounds = 7;

const properties = {
  customer_identification_number: { type: 'integer', minimum: 0, maximum: 99 },
  preferred_language_of_correspondence: { enum: ['english', 'german'] },
  is_subscribed_to_the_weekly_newsletter: { type: 'boolean' },
  shipping_address_is_the_same_as_billing_address: { type: 'boolean' },
  number_of_previous_orders: { type: 'integer', minimum: 0, maximum: 9 },
};
const paragraph = [
  ' Once upon a time there was a little fox who lived at the edge of a great wood, and every morning he went down to the river',
  'to drink. One day he met an old crow with a piece of cheese in her beak, and he thought to himself how good that cheese would taste.',
].join(' ');
const texts = {
  'JSON with long keys': { jsonSchema: { type: 'object', properties, required: Object.keys(properties) } },
  'its own words, the likeliest': { temperature: 0, ban: [0] },
  lively: { temperature: 1.2, topP: 0.95, ban: [0] },
};

const model = await RWKV.load((await ensureModel(name)) ?? undefined, { quantization, tokenizer, grammar });
console.log(
  `${name} ${quantization}, ${model.info.build}, ${model.info.threads} threads, ${model.info.kernels}`,
);
for (const [title, options] of Object.entries(texts)) {
  const rates = { true: [], false: [] };
  let count = 0;
  for (let round = 0; round < rounds; round++)
    for (const readAhead of [true, false]) {
      const session = await model.createSession({ seed: 1 });
      const { timings, tokens } = await session.complete(paragraph, { maxTokens: 160, ...options, readAhead })
        .result;
      count = tokens.length;
      rates[readAhead].push(timings.decodeTokensPerSecond);
      await session.dispose();
    }
  const [ahead, plain] = [median(rates.true), median(rates.false)];
  console.log(
    `${title}: ${plain.toFixed(0)} -> ${ahead.toFixed(0)} tok/s (${(ahead / plain).toFixed(2)} x), ${count} tokens`,
  );
}
await model.dispose();
