// Vocabularies of every form, from their bytes to a model that speaks them.
import { RWKV } from '../../../dist/node.js';
import { tiny, tokenizerJson } from './models.mjs';
import { bytes, mutated, text } from './mutate.mjs';
import { outcomeOf } from './promise.mjs';

const json = JSON.parse(tokenizerJson);
const vocab = Object.fromEntries(Object.entries(json.model.vocab).filter(([, id]) => id < 256)); // what the model has
const letters = Array.from({ length: 40 }, (_, i) => [i + 1, String.fromCharCode(65 + i)]);
const seeds = [
  letters.map(([id, letter]) => `${id} ${JSON.stringify(letter)} ${letter.length}`).join('\n'),
  `1 b'\\xff' 1\n2 'ab' 2\n3 "it's" 4\n4 '\\u00e4' 2\n5 'A' 1\n`,
  JSON.stringify({ ...Object.fromEntries(letters), 60: [255], 61: 'AB' }),
  JSON.stringify({
    ...json,
    added_tokens: json.added_tokens.filter(({ id }) => id < 256),
    model: { ...json.model, vocab, merges: [] },
  }),
];

export async function open() {
  const attempt = (file) =>
    outcomeOf(async () => {
      const model = await RWKV.load(tiny, { tokenizer: file });
      try {
        await outcomeOf(() => model.tokenize('Once A B C \ud800'));
        await model.detokenize([0, 1, 2, 3, model.info.vocabulary - 1]);
        await model.vocabulary();
        await outcomeOf(async () => {
          const session = await model.createSession({ seed: 1 });
          await session.complete('A', { maxTokens: 3, stop: ['B'], ban: [0] }).result;
        });
      } finally {
        await model.dispose();
      }
    });
  return {
    async works() {},
    attempt: (random) => {
      const seed = random.of(seeds);
      if (random.below(2) === 0 && seed.startsWith('{'))
        return attempt(Buffer.from(JSON.stringify(mutated(JSON.parse(seed), random))));
      return attempt(
        random.below(2) === 0 ? bytes(Buffer.from(seed), random) : Buffer.from(text(seed, random)),
      );
    },
  };
}
