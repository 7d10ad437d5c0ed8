// Regular expressions as grammars: the library that reads them accepts what the expression matches as a whole.
import { beforeAll, describe, expect, test } from 'vitest';
import { grammarOf } from '../../dist/adapters/prompt-api/regex-grammar.js';

interface Library {
  readonly Grammar: { fromEBNF(text: string): Promise<{ dispose(): void }> };
  readonly Testings: { isGrammarAcceptString(grammar: object, text: string): Promise<boolean> };
}

let library: Library;

beforeAll(async () => {
  // The library is made for pages: it asks where it is, and leaves itself in a global variable where modules are plain ones.
  Object.assign(globalThis, { self: globalThis, location: { href: 'file:///' } });
  const found = await import('@mlc-ai/web-xgrammar');
  const places: unknown[] = [found, Reflect.get(found, 'default'), Reflect.get(globalThis, 'xgrammar')];
  library = places.find(
    (place) => typeof place === 'object' && place !== null && 'Grammar' in place,
  ) as Library;
});

async function accepts(expression: RegExp, text: string): Promise<boolean> {
  const made = grammarOf(expression);
  if (!('grammar' in made)) throw new Error(made.reason);
  const grammar = await library.Grammar.fromEBNF(made.grammar);
  try {
    return await library.Testings.isGrammarAcceptString(grammar, text);
  } finally {
    grammar.dispose();
  }
}

const texts = [
  ...['', 'a', 'cc', 'ccc', 'dx', 'aaab', 'aC-b', 'abx', 'zzx', 'abc', 'a\nc', 'aüc', 'YES', 'nO', 'maybe'],
  ...['123-abf', '123-', '2024-09', '2024-13', 'me.x@mail-a.co.uk', 'me@x', '"hi there"', '"a"b"', 'AB\t]'],
  ...['Ü', 'ü', '\u{1f98a}', 'x{2}', '\\d', ' \t', 'a^$b'],
];

describe('a grammar accepts what the whole of its expression matches', () => {
  test.each([
    ...[
      /^\d{3}-[a-f]+$/,
      /yes|no/i,
      /^(?<year>\d{4})-(?:0[1-9]|1[0-2])$/,
      /[^abc\n]*?x/,
      /a.c/,
      /a.c/s,
      /^$/,
    ],
    ...[
      /[\w.-]+@[\w-]+(\.[a-z]{2,})+/,
      /"[^"\\]*"/,
      /\u0041\x42\t\]/,
      /[a-c-]+/i,
      /a{2,}b?|c{0,2}/,
      /\D\S+/u,
    ],
    ...[
      /ü/i,
      /\u{1f98a}|\ud83e/u,
      /\ud83e\udd8a/,
      /x\{2}/,
      /\\d/,
      /\s+/,
      /a\^\$b/,
      /(|a)(b|)[\s\u0021-\u007e]*/,
      /^a$|^dx$/,
    ],
  ])('%s', async (expression) => {
    const whole = new RegExp(`^(?:${expression.source})$`, expression.flags);
    for (const text of texts)
      expect([text, await accepts(expression, text)]).toEqual([text, whole.test(text)]);
  });
});

test.each([
  /(?=a)b/,
  /(?<!a)b/,
  /(a)\1/,
  /(?<x>a)\k<x>/,
  /\bx/,
  /\p{L}/u,
  /a^b/,
  /(a$)b/,
  /[\D]/,
  /[一-鿿]/,
  /[^ü]/,
])('%s has none, and it is told why', (expression) => {
  expect(grammarOf(expression)).toEqual({ reason: expect.stringContaining('a regular expression with') });
});
