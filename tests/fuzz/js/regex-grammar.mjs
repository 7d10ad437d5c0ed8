// Regular expressions as grammars: every expression has a grammar that the engine reads, or a reason.
import { grammarOf } from '../../../dist/adapters/prompt-api/regex-grammar.js';
import { text } from './mutate.mjs';

const seeds = [
  '^(yes|no)$',
  '[a-z]{2,5}(?:-[0-9]+)*',
  '\\d{3}-[^\\s"]+',
  '(?<year>\\d{4})',
  'a|b|',
  '[\\u00e4-\\u00fc]',
  '\\p{L}+',
  '.*?x',
  '\\x41\\cJ\\0',
  '[\\b\\]\\-^]',
];

export async function open() {
  return {
    async works() {},
    async attempt(random) {
      let expression;
      try {
        expression = new RegExp(
          text(random.of(seeds), random),
          random.of(['', 'i', 's', 'u', 'v', 'm', 'iu', 'y']),
        );
      } catch {
        return 'no expression';
      }
      const made = grammarOf(expression);
      if ('grammar' in made) {
        if (!made.grammar.startsWith('root ::= ')) throw new Error(made.grammar.slice(0, 300));
        return 'grammar';
      }
      if (typeof made.reason !== 'string' || made.reason === '') throw new Error('no reason');
      return 'reason';
    },
  };
}
