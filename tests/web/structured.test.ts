// Texts that obey a grammar or a JSON schema, with the real library and the storyteller, which knows neither.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openai } from '../../dist/adapters/openai-node.js';
import { repairClasses } from '../../dist/grammar/character-classes.js';
import { grammar } from '../../dist/grammar-node.js';
import { type GenerateOptions, type Model, RWKV } from '../../dist/node.js';
import { collect, failure, textOf } from './streams.js';

let model: Model;
beforeAll(async () => {
  model = await RWKV.load(undefined, { grammar });
});
afterAll(() => model.dispose());

const wild: GenerateOptions = { temperature: 8, topP: 1, maxTokens: 600 };

async function write(options: GenerateOptions, seed = 1) {
  const session = await model.createSession({ seed });
  const result = await session.complete('Once upon a time', { ...wild, ...options }).result;
  await session.dispose();
  return result;
}

type Claim = (value: unknown) => boolean;
const isText = (value: unknown, most: number) => typeof value === 'string' && [...value].length <= most;
const isWhole = (value: unknown, least: number, most: number) =>
  Number.isInteger(value) && Number(value) >= least && Number(value) <= most;
// Whether an object has properties of these claims; a name that ends in `?` may be missing.
function has(claims: Readonly<Record<string, Claim>>): Claim {
  return (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
    const known = Object.entries(claims).map(([name, claim]): [string, Claim] => [
      name.replace('?', ''),
      claim,
    ]);
    const isRight = known.every(([name, claim]) =>
      Object.hasOwn(value, name) ? claim(Reflect.get(value, name)) : Object.hasOwn(claims, `${name}?`),
    );
    return isRight && Object.keys(value).every((name) => known.some(([one]) => one === name));
  };
}

const letters = { type: 'string', maxLength: 10 };
const schemas: [name: string, schema: object, claim: Claim][] = [
  [
    'an object',
    {
      type: 'object',
      properties: { name: letters, age: { type: 'integer', minimum: 0, maximum: 130 } },
      required: ['name', 'age'],
    },
    has({ name: (value) => isText(value, 10), age: (value) => isWhole(value, 0, 130) }),
  ],
  [
    'properties that may be missing',
    { type: 'object', properties: { a: { type: 'boolean' }, b: { type: 'null' } }, required: ['b'] },
    has({ 'a?': (value) => typeof value === 'boolean', b: (value) => value === null }),
  ],
  [
    'a list of choices',
    { type: 'array', items: { enum: ['red', 'green', 3] }, minItems: 1, maxItems: 4 },
    (value) =>
      Array.isArray(value) &&
      value.length >= 1 &&
      value.length <= 4 &&
      value.every((one) => ['red', 'green', 3].includes(one)),
  ],
  ['a text', letters, (value) => isText(value, 10)],
  [
    'a pattern',
    { type: 'string', pattern: '^[a-c]{2}-[0-9]{3}$' },
    (value) => typeof value === 'string' && /^[a-c]{2}-[0-9]{3}$/.test(value),
  ],
  [
    'a pattern of any characters',
    { type: 'string', pattern: '^.[^a][\\s\\S]\\s[à-ÿ]$' },
    (value) => typeof value === 'string' && /^.[^a][\s\S]\s[à-ÿ]$/u.test(value),
  ],
  [
    'one of several, by reference',
    {
      $defs: {
        leaf: { const: 'leaf' },
        pair: { type: 'array', prefixItems: [letters, { $ref: '#/$defs/leaf' }], minItems: 2, maxItems: 2 },
      },
      anyOf: [{ $ref: '#/$defs/leaf' }, { $ref: '#/$defs/pair' }],
    },
    (value) =>
      value === 'leaf' ||
      (Array.isArray(value) && value.length === 2 && isText(value[0], 10) && value[1] === 'leaf'),
  ],
];

describe('JSON schemas', () => {
  test.each(schemas)('%s, whatever is drawn', async (_, jsonSchema, claim) => {
    const texts = new Set<string>();
    for (let seed = 0; seed < 8; seed++) {
      const { text, finishReason } = await write({ jsonSchema }, seed);
      expect(finishReason).toBe('end-of-text');
      expect(claim(JSON.parse(text)), text).toBe(true);
      expect(text).not.toContain('\n');
      texts.add(text);
    }
    expect(texts.size).toBeGreaterThan(1);
  });

  test.each<[object | true]>([[true], [{}]])('%j is any JSON', async (jsonSchema) => {
    let ended = 0;
    for (let seed = 0; seed < 8; seed++) {
      const { text, finishReason } = await write({ jsonSchema, temperature: 1, topP: 0.9 }, seed);
      if (finishReason === 'length') continue; // a text that found no end
      ended++;
      expect(() => JSON.parse(text), text).not.toThrow();
    }
    expect(ended).toBeGreaterThan(0);
  });

  test('greedy, streamed and token by token they are the same', async () => {
    const options = { jsonSchema: schemas[0]?.[1], temperature: 0, maxTokens: 200 };
    const { text, tokens } = await write(options);
    const [first, second] = [await model.createSession(), await model.createSession()];
    const { stream, steps } = {
      stream: first.stream('Once upon a time', options),
      steps: second.generate('Once upon a time', options),
    };
    const reader = stream.getReader();
    let streamed = '';
    for (let read = await reader.read(); !read.done; read = await reader.read()) streamed += read.value;
    expect(streamed).toBe(text);
    expect((await collect(steps)).map(({ token }) => token)).toEqual(tokens);
  });
});

describe('grammars', () => {
  test.each([
    ['words', 'root ::= "yes" | "no"', /^(yes|no)$/],
    ['rules', 'root ::= item ("," item)*\nitem ::= [0-9]{2}', /^\d\d(,\d\d)*$/],
    ['characters of several bytes', 'root ::= [а-яё]{3} "🦄"', /^[а-яё]{3}🦄$/u],
    ['any characters', 'root ::= [^a-z]{2} [\\0-\\U0010ffff] "."', /^[^a-z]{2}.\.$/su],
  ])('%s', async (_, grammar, pattern) => {
    for (let seed = 0; seed < 6; seed++) expect((await write({ grammar }, seed)).text).toMatch(pattern);
  });

  test('the end of text is drawn where the grammar may end, and nowhere else', async () => {
    const grammar = 'root ::= "ab"*';
    expect(await write({ grammar, logitBias: { 0: 100 } })).toMatchObject({
      text: '',
      finishReason: 'end-of-text',
    });
    const some = await write({ grammar: 'root ::= "ab" "ab"*', logitBias: { 0: 100 } });
    expect(some).toMatchObject({ text: 'ab', finishReason: 'end-of-text' });
    const banned = await write({ grammar, ban: [0], maxTokens: 30 });
    expect(banned.finishReason).toBe('length');
    expect(banned.text).toMatch(/^(ab)+a?$/);
  });

  test('a whole text has ended by itself, also with its last token; a longer one by its length', async () => {
    const grammar = 'root ::= "the quick brown fox"';
    const { tokens, finishReason } = await write({ grammar, temperature: 0 });
    expect(finishReason).toBe('end-of-text');
    const exact = await write({ grammar, temperature: 0, maxTokens: tokens.length });
    expect(exact).toMatchObject({ text: 'the quick brown fox', finishReason: 'end-of-text' });
    expect(await write({ grammar, temperature: 0, maxTokens: tokens.length - 1 })).toMatchObject({
      finishReason: 'length',
    });
    expect(await write({ grammar: 'root ::= ""' })).toMatchObject({
      text: '',
      finishReason: 'end-of-text',
      tokens: [],
    });
  });

  test('stop texts, bans, biases and penalties count too', async () => {
    const grammar = 'root ::= "a" | "b" | "c"';
    const [a, b, c] = [
      ...(await model.tokenize('a')),
      ...(await model.tokenize('b')),
      ...(await model.tokenize('c')),
    ];
    if (a === undefined || b === undefined || c === undefined) throw new Error('letters are tokens');
    for (let seed = 0; seed < 5; seed++) {
      expect((await write({ grammar, ban: [a, c] }, seed)).text).toBe('b');
      expect((await write({ grammar, logitBias: { [c]: 100 }, temperature: 1 }, seed)).text).toBe('c');
    }
    const stopped = await write({ grammar: 'root ::= "one two three"', stop: ' t' });
    expect(stopped).toMatchObject({ text: 'one', finishReason: 'stop', stop: ' t' });
    const session = await model.createSession({ seed: 1 });
    const penalty = { grammar, temperature: 0, presencePenalty: 100 };
    const once: string[] = [];
    for (let i = 0; i < 3; i++) once.push((await session.complete('', penalty).result).text);
    expect(once.sort()).toEqual(['a', 'b', 'c']);
    const { logprobs } = await write({ grammar, logprobs: true });
    expect(logprobs?.[0]?.logprob).toBeLessThan(0); // of the model by itself
  });

  test('where nothing that is allowed is left the call says so, and the session goes on', async () => {
    const session = await model.createSession({ seed: 1 });
    const ids = await model.tokenize('abc');
    const error = await failure(
      session.complete('', { grammar: 'root ::= "b"', ban: await model.tokenize('b') }).result,
    );
    expect(error).toMatchObject({
      code: 'invalid-argument',
      message: expect.stringMatching(/^option ban: /),
    });
    expect((await session.complete('', { grammar: 'root ::= "b"' }).result).text).toBe('b');
    expect(ids.length).toBeGreaterThan(0);
  });

  test('each call begins its grammar; forks and saved sessions go on alike', async () => {
    const session = await model.createSession({ seed: 4 });
    const options = { ...wild, jsonSchema: schemas[0]?.[1] };
    await session.complete('Tell me', options).result;
    const [fork, state] = [await session.fork(), await session.save()];
    const restored = await model.createSession({ state });
    const { text } = await session.complete(' and', options).result;
    expect((await fork.complete(' and', options).result).text).toBe(text);
    expect((await restored.complete(' and', options).result).text).toBe(text);
    await session.rewind();
    expect((await session.complete(' and', options).result).text).toBe(text);
  });

  test('texts side by side obey each its own', async () => {
    const grammars = ['root ::= [a-f]{20}', 'root ::= [0-9]{20}', 'root ::= [x-z]{20}', undefined];
    const texts = await Promise.all(
      grammars.map(async (grammar) => (await write({ grammar, maxTokens: 40 })).text),
    );
    expect(texts[0]).toMatch(/^[a-f]{20}$/);
    expect(texts[1]).toMatch(/^[0-9]{20}$/);
    expect(texts[2]).toMatch(/^[x-z]{20}$/);
  });

  test('a call that is left gives its turn back', async () => {
    const session = await model.createSession({ seed: 1 });
    for await (const _ of session.complete('', { ...wild, grammar: 'root ::= [a-z]{100}' })) break;
    expect(await textOf(session.complete('', { ...wild, grammar: 'root ::= "z"' }))).toBe('z');
  });

  test('chat replies obey them, without the stop texts of the template', async () => {
    const session = await model.createSession({ seed: 2 });
    const ask = { role: 'user', content: 'Who are you?' } as const;
    const { text } = await session.chat([ask], { ...wild, jsonSchema: schemas[0]?.[1] }).result;
    expect(schemas[0]?.[2](JSON.parse(text))).toBe(true);
    const g1 = { template: 'g1', grammar: 'root ::= "one\\n\\ntwo"' } as const;
    expect((await session.chat([ask], g1).result).text).toBe('one\n\ntwo');
    expect((await session.chat([ask], { grammar: 'root ::= "one\\n\\ntwo"' }).result).text).toBe(
      'one\n\ntwo',
    );
  });
});

describe('what cannot be obeyed', () => {
  test.each<[GenerateOptions | object, RegExp]>([
    [{ grammar: 'root ::= "a' }, /^option grammar: EBNF lexer error at line 1/],
    [{ grammar: 'main ::= "a"' }, /^option grammar: .*"root"/],
    [{ grammar: 'root ::= word' }, /^option grammar: .*"word" is not defined/],
    [{ grammar: 5 }, /^option grammar: expected a text; found 5/],
    [{ jsonSchema: { type: 'nope' } }, /^option jsonSchema: .*nope/],
    [{ jsonSchema: { $ref: '#/nowhere' } }, /^option jsonSchema: .*nowhere/],
    [{ jsonSchema: false }, /^option jsonSchema: expected a JSON schema/],
    [{ jsonSchema: [] }, /^option jsonSchema: expected a JSON schema/],
    [{ jsonSchema: '{}' }, /^option jsonSchema: expected a JSON schema/],
    [{ jsonSchema: true, grammar: 'root ::= "a"' }, /^option grammar: expected not to come with jsonSchema/],
  ])('is refused before anything is read: %j', async (options, message) => {
    const session = await model.createSession({ seed: 1 });
    const error = await failure(session.complete('Once', options).result);
    expect(error).toMatchObject({ code: 'invalid-argument', message: expect.stringMatching(message) });
    expect(await failure(session.logits())).toMatchObject({ code: 'invalid-argument' });
    expect((await session.complete('Once', { grammar: 'root ::= "fine"' }).result).text).toBe('fine');
  });

  test.each([
    ['^[^é]$', /^option jsonSchema: the characters \[\^.*exclude none/],
    ['^[一-龥]$', /^option jsonSchema: the characters .*at most 1024/],
    ['^a"b$', /^option jsonSchema: the pattern \^a"b\$ names quotes/],
    ['^a\\\\b$', /^option jsonSchema: the pattern .* names quotes, backslashes/],
  ])('patterns that the library gets wrong: %s', async (pattern, message) => {
    const session = await model.createSession();
    const error = await failure(
      session.complete('', { jsonSchema: { items: { pattern, type: 'string' } } }).result,
    );
    expect(error).toMatchObject({ code: 'unsupported', message: expect.stringMatching(message) });
    const { text } = await session.complete('', { jsonSchema: { const: { pattern } } }).result;
    expect(JSON.parse(text)).toEqual({ pattern });
  });

  test('schemas that are no JSON', async () => {
    const jsonSchema: { properties?: object } = {};
    jsonSchema.properties = jsonSchema;
    const error = await failure((await model.createSession()).complete('', { jsonSchema }).result);
    expect(error).toMatchObject({
      code: 'invalid-argument',
      message: expect.stringMatching(/^option jsonSchema: /),
    });
  });

  test('models without a tokenizer say so', async () => {
    const bare = await RWKV.load(
      new URL('../../dist/storyteller/rwkv7-tales-8.0M-q4.safetensors', import.meta.url),
    );
    const session = await bare.createSession();
    const error = await failure(collect(session.generate([1], { jsonSchema: true })));
    expect(error).toMatchObject({
      code: 'no-tokenizer',
      message: expect.stringMatching(/^option jsonSchema /),
    });
    await bare.dispose();
  });
});

describe('classes of characters', () => {
  test.each([
    ['root ::= [a-z] "[é]" [^\\"x]', 'root ::= [a-z] "[é]" [^\\"x]'],
    ['root ::= [\\u0430-\\u0431a-b]*', 'root ::= ([\\x61\\x62] | "\\U00000430" | "\\U00000431")*'],
    ['root ::= [яé]', 'root ::= ("\\U0000044f" | "\\U000000e9")'],
    [
      'root ::= [\\0-\\x2c.-\\x5c^-\\x7e\\x80-\\U0010ffff]',
      'root ::= [^\\x2d\\x5d\\x7f]', // one class: all else
    ],
  ])('of a grammar: %s', (ebnf, repaired) => {
    expect(repairClasses(ebnf, 'grammar', false)).toBe(repaired);
  });

  test('of a schema lose what JSON strings cannot hold, but in the rules of the library', () => {
    expect(repairClasses('string ::= "\\"" [\\n!-#] "\\""', 'jsonSchema', true)).toBe(
      'string ::= "\\"" ([\\x21\\x23]) "\\""',
    );
    const own = 'basic_escape ::= (([\\"\\\\/bfnrt]))';
    expect(repairClasses(own, 'jsonSchema', true)).toBe(own);
    expect(() => repairClasses('string ::= ["\\\\]', 'jsonSchema', true)).toThrow(
      /cannot stand in a JSON string/,
    );
  });
});

describe('a model that was loaded without the engine', () => {
  test('says how to load it, and does all else', async () => {
    const plain = await RWKV.load();
    const session = await plain.createSession({ seed: 1 });
    for (const options of [{ jsonSchema: true }, { grammar: 'root ::= "a"' }] as const) {
      const error = await failure(session.complete('Once', options).result);
      expect(error).toMatchObject({
        code: 'unsupported',
        message: expect.stringMatching(
          /^option (grammar|jsonSchema): .*import \{ grammar \} from "rwkv-wasm\/grammar".* RWKV\.load\(source, \{ grammar \}\)$/,
        ),
      });
    }
    const tools = [{ type: 'function', function: { name: 'now' } }] as const;
    const ask = (tool_choice: 'required' | 'auto') =>
      openai(plain).chat.completions.create({
        messages: [{ role: 'user', content: 'Hi' }],
        ...{ tools, tool_choice, max_tokens: 5 },
      });
    expect(await failure(ask('required'))).toMatchObject({ status: 400, code: 'unsupported' });
    expect((await ask('auto')).choices[0]?.message.content).toMatch(/./);
    expect((await session.complete('Once', { maxTokens: 5 }).result).text).toMatch(/./);
    await plain.dispose();
  });
});
