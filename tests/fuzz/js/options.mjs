// Options of a completion: of samplers, stop texts, biases; prompts of any kind.
import { RWKV } from '../../../dist/node.js';
import { tiny } from './models.mjs';
import { anyValue, jsonValue } from './mutate.mjs';
import { outcomeOf, workingModel } from './promise.mjs';

const good = {
  temperature: [0, 1e-9, 0.5, 2, 5],
  topP: [0, 1e-9, 0.5, 1],
  topK: [0, 1, 5, 1e6],
  minP: [0, 0.5, 1],
  typicalP: [0, 0.5, 1],
  presencePenalty: [-2, 0, 2],
  frequencyPenalty: [-2, 0, 2],
  penaltyDecay: [0, 0.5, 1],
  penaltyHalfLife: [0.001, 1e9],
  maxTokens: [0, 1, 5],
  stop: ['x', ['ab', 'abc', 'b'], ['\u{1f98a}'], ['\n']],
  ban: [[0], [1, 2, 3], Array.from({ length: 255 }, (_, i) => i)],
  logitBias: [{ 5: 100, 6: -100 }, { 0: -Infinity }, new Map([[1, 5]])],
  logprobs: [true],
  topLogprobs: [0, 20],
  keepPartial: [false],
  readAhead: [false],
  echo: [true],
  seed: [0, Number.MAX_SAFE_INTEGER],
};
const prompts = ['', 'Once', 'ab\ud800', [1, 2], [], new Uint16Array([3, 4])];

export async function open() {
  const model = await RWKV.load(tiny, { tokenizer: 'bytes' });
  return {
    works: await workingModel(model),
    attempt: (random) => {
      const options = { maxTokens: 5 };
      for (let times = random.below(6); times > 0; times--) {
        const name = random.of(Object.keys(good));
        options[name] = random.below(3) === 0 ? anyValue(random) : random.of(good[name]);
      }
      const prompt = random.below(4) === 0 ? anyValue(random) : random.of(prompts);
      // `maxTokens` may be anything: who waits has an end.
      const signal = AbortSignal.timeout(500);
      const whole = random.below(20) === 0 ? jsonValue(random) : { ...options, signal };
      return outcomeOf(async () => {
        const session = await model.createSession({ seed: 1 });
        try {
          const { finishReason, usage } = await session.complete(prompt, whole).result;
          if (typeof finishReason !== 'string' || usage === null) throw new Error('no result');
          await outcomeOf(() => session.rewind());
          await session.append('and on');
        } finally {
          await session.dispose();
        }
      });
    },
  };
}
