// Tokens that are read before they are drawn, of a grammar or of the text's own words, change no result. fast-check looks for the
// counter-example.
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { grammar } from '../../dist/grammar-node.js';
import {
  type CompletionResult,
  type GenerateOptions,
  type Model,
  RWKV,
  type Session,
} from '../../dist/node.js';
import { checkGenerateOptions } from '../../dist/page/options.js';
import { Lookup } from '../../dist/worker/lookup.js';
import {
  allLayers,
  type Factory,
  unwrap,
  type WasmModule,
  type WasmSession,
} from '../../dist/worker/module.js';
import { PrefixCache } from '../../dist/worker/prefix-cache.js';
import { Text } from '../../dist/worker/text.js';
import { Turns } from '../../dist/worker/turns.js';
import { oracle } from './command.js';

let model: Model;
beforeAll(async () => {
  model = await RWKV.load(oracle, { tokenizer: 'bytes', build: 'baseline', prefixCache: false, grammar });
});
afterAll(() => model.dispose());

const chosen = { seed: 18, numRuns: 12 } as const; // the same cases on every machine

/** Everything of a result but its times. */
const told = ({ timings: _, ...rest }: CompletionResult) => rest;

/** Calm, so that the tiny model repeats itself, or lively. */
const sampling = fc.oneof(
  fc.constant({ temperature: 0 }),
  fc.record({
    temperature: fc.constantFrom(0.2, 1, 3),
    topP: fc.constantFrom(0.3, 0.9, 1),
    presencePenalty: fc.constantFrom(0, 0.5),
    frequencyPenalty: fc.constantFrom(0, -0.5, 0.2),
  }),
);
const structure = fc.constantFrom<GenerateOptions>(
  {},
  {},
  { grammar: 'root ::= "the wolf and the lamb: " [a-z]{2,9} "; the end of the wolf and the lamb"' },
  { grammar: 'root ::= ("once " [0-9] " upon a time, ")+' },
  { grammar: 'root ::= "é" | "è" | "ê" "ndless"' },
  { grammar: 'root ::= "for ever and " root' },
  {
    jsonSchema: {
      type: 'object',
      properties: { identification: { type: 'integer' }, isSubscribed: { type: 'boolean' } },
      required: ['identification', 'isSubscribed'],
    },
  },
);
const options: fc.Arbitrary<GenerateOptions> = fc
  .record({
    sampling,
    structure,
    more: fc.record(
      {
        stop: fc.constantFrom('am', ['wolf', ' u'], [' '], ['zz']),
        topLogprobs: fc.constantFrom(0, 3),
        ban: fc.constantFrom([0], [0, 101], [0, 104, 34]),
        logitBias: fc.constantFrom({ 97: 5, 98: 5 }, { 101: -3 }),
        echo: fc.boolean(),
      },
      { requiredKeys: [] },
    ),
    maxTokens: fc.integer({ min: 1, max: 70 }),
    seed: fc.nat(1000),
  })
  .map(({ sampling, structure, more, ...rest }) => ({ ...sampling, ...structure, ...more, ...rest }));
const prompt = fc.constantFrom(
  'a rose is a rose is a rose',
  'the wolf and the lamb and the wolf and',
  'x',
  'abcabcabcabcabcabc',
);

async function fresh<T>(work: (session: Session) => Promise<T>): Promise<T> {
  const session = await model.createSession({ seed: 5 });
  try {
    return await work(session);
  } finally {
    await session.dispose();
  }
}

/** The result or the error's message, and the logits behind it. */
async function write(session: Session, text: string, options: GenerateOptions) {
  const result = await session.complete(text, options).result.then(told, ({ message }: Error) => message);
  return { result, logits: await session.logits() };
}

describe('with and without are the same', () => {
  test('for any text, options, seed and grammar, also in the call behind', async () => {
    const property = fc.asyncProperty(prompt, options, sampling, async (text, first, second) => {
      const [ahead, plain] = await Promise.all(
        [true, false].map((readAhead) =>
          fresh(async (session) => [
            await write(session, text, { ...first, readAhead }),
            await write(session, ' and so', { ...second, maxTokens: 20, readAhead }),
          ]),
        ),
      );
      expect(ahead).toEqual(plain);
    });
    await fc.assert(property, chosen);
  });

  test('for sessions that are left, copied, saved and rewound in the midst', async () => {
    const deeds = {
      nothing: async (session: Session) => session,
      fork: (session: Session) => session.fork(),
      save: async (session: Session) => model.createSession({ state: await session.save() }),
      rewind: async (session: Session) => {
        await session.rewind();
        return session;
      },
      append: async (session: Session) => {
        await session.append('!');
        return session;
      },
    };
    const deed = fc.constantFrom(...Object.values(deeds));
    const property = fc.asyncProperty(
      prompt,
      options,
      fc.integer({ min: 1, max: 30 }),
      deed,
      async (text, given, steps, change) => {
        const [ahead, plain] = await Promise.all(
          [true, false].map((readAhead) =>
            fresh(async (session) => {
              const { seed: _, ...options } = { ...given, stop: [], readAhead };
              const said: unknown[] = [];
              const loop = async () => {
                for await (const step of session.generate(text, options)) {
                  said.push(step);
                  if (said.length >= steps) break;
                }
              };
              await loop().catch(({ message }: Error) => said.push(message));
              const other = await change(session);
              const rest = await write(other, '', { temperature: 0.5, maxTokens: 12, readAhead });
              if (other !== session) await other.dispose();
              return [said, rest];
            }),
          ),
        );
        expect(ahead).toEqual(plain);
      },
    );
    await fc.assert(property, chosen);
  });

  test('for many sessions at once, of which some read ahead', async () => {
    const property = fc.asyncProperty(fc.array(options, { minLength: 3, maxLength: 7 }), async (all) => {
      const written = (given: GenerateOptions, readAhead: boolean) =>
        fresh((session) => write(session, 'a rose is a rose is a', { ...given, readAhead }));
      const together = await Promise.all(all.map((given, i) => written(given, i % 3 > 0)));
      for (const [i, given] of all.entries()) expect(together[i]).toEqual(await written(given, false));
    });
    await fc.assert(property, { ...chosen, numRuns: 4 });
  });

  test('for chats, whose replies are gone back to', async () => {
    const talk = (readAhead: boolean) =>
      fresh(async (session) => {
        const options = { temperature: 0.4, maxTokens: 40, seed: 3, readAhead };
        const replies: string[] = [];
        for (const content of ['again and again and again', 'and again'])
          replies.push((await session.chat([{ role: 'user', content }], options).result).text);
        return [...replies, await session.logits()];
      });
    expect(await talk(true)).toEqual(await talk(false));
  });
});

test('tokens that a grammar leaves no choice of are read in few passes, as a prompt is', async () => {
  const passesOf = async (readAhead: boolean, topLogprobs: number) => {
    const { text, passes } = await textOfFakeCore();
    const { drawing } = checkGenerateOptions({ readAhead });
    await text.begin(1, Int32Array.of(1), '', { ...drawing, topLogprobs }, () => {});
    const before = passes();
    const run = Array.from({ length: 40 }, (_, i) => 97 + (i % 26));
    for (const [i, token] of run.entries()) await text.next({ token, rest: run.slice(i + 1) }, null);
    await text.logits();
    return passes() - before;
  };
  expect(await passesOf(false, -1)).toBe(40);
  expect(await passesOf(true, -1)).toBe(3); // chunks
  expect(await passesOf(true, 0)).toBe(40); // of a core that takes no guesses
});

function fail(error: unknown): never {
  throw error;
}

/** A text on the fake core, and how often that has read. */
async function textOfFakeCore() {
  const glue = new URL('./fake/glue.mjs', import.meta.url).href;
  const { default: create }: { default: Factory<WasmModule> } = await import(glue);
  const core = await create({ instantiateWasm: () => ({}) });
  const bytes = new TextEncoder().encode('fake');
  const source = {
    name: 'fake',
    size: bytes.length,
    read: (_: number, into: Uint8Array) => {
      into.set(bytes);
      return '';
    },
  };
  const loading = unwrap(core.startLoading(source, null, 'bytes', 'q8', null, [], () => {}, allLayers));
  const loaded = unwrap(loading.next()) ?? unwrap(loading.next());
  if (!loaded) throw new Error('the fake core loads nothing');
  let count = 0;
  const advance = (sessions: WasmSession[], most: Int32Array) => {
    count++;
    unwrap(core.advance(sessions, most));
  };
  const breathe = () => new Promise<void>((resolve) => setImmediate(resolve));
  const computer = { check() {}, advance, score: fail, pool: fail, bringHome: () => undefined };
  const text = new Text(
    {
      ...{ model: loaded, computer, turns: new Turns(advance, breathe, fail), vocabulary: 256 },
      prefixes: new PrefixCache<WasmSession>(0, 1),
      encode: (text) => Int32Array.from(new TextEncoder().encode(text)),
      decode: (tokens) => new TextDecoder().decode(Uint8Array.from(tokens)),
    },
    unwrap(loaded.createSession(1, 0, false, null)),
    true,
  );
  return { text, passes: () => count };
}

test('beside others a text guesses little, and nothing in a crowd', async () => {
  const queued = () => {
    let left = 0;
    const set = (count: number) => {
      left = count;
    };
    return { pending: () => left, set };
  };
  type Queued = ReturnType<typeof queued>;
  const breathe = () => new Promise<void>((resolve) => setImmediate(resolve));
  const advance = (readers: Queued[]) => {
    for (const one of readers) one.set(0);
  };
  const turns = new Turns(advance, breathe, fail);
  const costs = [];
  const readers: Queued[] = [];
  for (let others = 0; others < 6; others++) {
    readers.push(queued());
    for (const reader of readers) reader.set(1);
    await Promise.all(readers.map((reader) => turns.ready(reader)));
    costs.push(turns.guessCost(readers[0] ?? queued()));
  }
  expect(costs.map(({ most }) => most)).toEqual([15, 3, 3, 3, 0, 0]);
  expect(costs.map(({ share }) => share)).toEqual(costs.map(({ share }) => share).sort((a, b) => a - b));
});

describe('what is guessed', () => {
  const heard = (text: readonly number[]) => {
    const lookup = new Lookup(256);
    for (const token of text) lookup.add(token);
    return lookup;
  };
  const cheap = { most: 8, share: 0.05 };
  const words = [5, 6, 7, 8, 9, 10, 11, 12];

  test('is what came behind the same three tokens before', () => {
    expect(
      heard([...words, 1, 2, 5, 6, 7])
        .guesses(cheap)
        .slice(0, 2),
    ).toEqual([8, 9]);
    expect(heard([...words, 1, 2, 5, 6]).guesses(cheap)).toEqual([]);
    expect(heard([]).guesses(cheap)).toEqual([]);
  });
  test('grows with what was right, and ends where it does not pay', () => {
    const certain = heard([...words, ...words, ...words, ...words, 5, 6, 7]);
    expect(certain.guesses(cheap)).toEqual([8, 9, 10, 11, 12, 5, 6, 7]);
    expect(certain.guesses({ most: 3, share: 0.05 })).toHaveLength(3);
    expect(certain.guesses({ most: 0, share: 0.05 })).toEqual([]);
    expect(certain.guesses({ most: 8, share: 1 })).toEqual([]);
    const wrong = Array.from({ length: 60 }, (_, i) => [5, 6, 7, 20 + i]).flat();
    expect(heard([...wrong, 5, 6, 7]).guesses({ most: 8, share: 0.2 })).toEqual([]);
  });
  test('goes round where a text repeats what has just come', () => {
    const pair = [5, 6];
    expect(heard(Array(40).fill(7)).guesses(cheap)).toEqual(Array(8).fill(7));
    expect(heard(Array(20).fill(pair).flat()).guesses(cheap)).toEqual(Array(4).fill(pair).flat());
  });
  test('is forgotten where a text becomes too long to remember', () => {
    const long = heard(Array.from({ length: 16384 }, (_, i) => words[i % 8] ?? 0));
    expect(long.guesses(cheap)).toHaveLength(8);
    long.add(words[0] ?? 0);
    expect(long.guesses(cheap)).toEqual([]);
  });
  test('goes on by itself in a copy', () => {
    const text = heard([...words, 5, 6, 7]);
    const copy = text.fork();
    copy.add(99);
    expect(copy.guesses(cheap)).toEqual([]);
    expect(text.guesses(cheap)[0]).toBe(8);
  });
});
