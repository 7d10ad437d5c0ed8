// Vocabularies of every form, from their bytes to a model that speaks them.
import { tiny, tokenizerJson } from './models.mjs';
import { bytes, mutated, text } from './mutate.mjs';
import { oneCore, RWKV } from './one-thread.mjs';
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

// Good, but odd: tokens of any bytes, long ones, ids with gaps.
function anyLines(random) {
  const lines = new Map();
  let id = 0;
  for (let count = 1 + random.below(60); count > 0 && id < 255; count--) {
    id += 1 + random.below(3);
    const token = Array.from({ length: random.of([1, 1, 2, 3, 40]) }, () =>
      random.below(random.of([128, 256])),
    );
    const hex = token.map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
    lines.set(hex, `${id} b'${hex}' ${token.length}`);
  }
  return [...lines.values()].join('\n');
}

/** The model as it loads fastest: packed, with kernels that need not be measured. */
async function fastest() {
  const pieces = [];
  for await (const piece of RWKV.convert(tiny, { build: 'baseline', quantization: 'q4' })) pieces.push(piece);
  const packed = Buffer.concat(pieces);
  const { info } = await RWKV.load(packed, { tokenizer: 'bytes', ...oneCore });
  return { packed, options: { kernels: info.kernels, ...oneCore } };
}

export async function open() {
  const { packed, options } = await fastest();
  const attempt = (file) =>
    outcomeOf(async () => {
      const model = await RWKV.load(packed, { tokenizer: file, ...options });
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
      if (random.below(3) === 0) return attempt(Buffer.from(anyLines(random)));
      const seed = random.of(seeds);
      if (random.below(2) === 0 && seed.startsWith('{'))
        return attempt(Buffer.from(JSON.stringify(mutated(JSON.parse(seed), random))));
      return attempt(
        random.below(2) === 0 ? bytes(Buffer.from(seed), random) : Buffer.from(text(seed, random)),
      );
    },
  };
}
