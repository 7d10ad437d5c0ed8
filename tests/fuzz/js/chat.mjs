// Conversations: messages and templates of any kind.
import { RWKV, renderChat } from '../../../dist/node.js';
import { tiny } from './models.mjs';
import { anyValue, mutated } from './mutate.mjs';
import { outcomeOf, workingModel } from './promise.mjs';

const seed = {
  messages: [
    { role: 'system', content: 'Be short.' },
    { role: 'user', content: [{ type: 'text', text: 'Who?' }] },
    { role: 'assistant', content: '<think>hm</think> A fox.' },
    { role: 'user', content: 'Why?' },
  ],
  options: { template: 'g1', think: true, maxTokens: 2, stop: ['x'] },
};

export async function open() {
  const model = await RWKV.load(tiny, { tokenizer: 'bytes' });
  return {
    works: await workingModel(model),
    attempt: async (random) => {
      const { messages, options } = Object(mutated(seed, random, random.below(2) ? anyCloneable : undefined));
      const format = { template: Object(options).template, think: Object(options).think };
      const rendered = await outcomeOf(() => renderChat(messages, format));
      const signal = AbortSignal.timeout(500);
      const bounded = typeof options === 'object' && options !== null ? { ...options, signal } : options;
      return outcomeOf(async () => {
        const session = await model.createSession({ seed: 1 });
        try {
          await session.chat(messages, bounded).result;
        } finally {
          await session.dispose();
        }
      }).then((outcome) => `${rendered}/${outcome}`);
    },
  };
}

const anyCloneable = (random) => {
  const value = anyValue(random);
  try {
    return structuredClone(value);
  } catch {
    return null;
  }
};
