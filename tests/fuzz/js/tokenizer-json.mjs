// Vocabularies of the form tokenizer.json, and what they make of texts.
import { openJson } from '../../../dist/worker/vocabulary/vocabulary.js';
import { tokenizerJson } from './models.mjs';
import { mutated, text } from './mutate.mjs';
import { outcomeOf } from './promise.mjs';

const samples = ['', 'Once upon a time', ' \n\t x', '\ud800', '\u{1f98a} e\u0301', 'aaaa'.repeat(100)];

export async function open() {
  const seed = JSON.parse(tokenizerJson);
  return {
    async works() {},
    attempt: (random) =>
      outcomeOf(async () => {
        const json = JSON.stringify(mutated(seed, random));
        const { encode } = await openJson(
          'tokenizer.json',
          random.below(5) === 0 ? text(json, random) : json,
        );
        for (const sample of samples)
          for (const isContinued of [false, true])
            for (const id of encode?.(sample, isContinued) ?? [])
              if (!(id >= 0 && id < 2 ** 31)) throw new Error(`the token ${id}`);
      }),
  };
}
