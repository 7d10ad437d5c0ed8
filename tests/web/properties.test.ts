// How a text is fed, and what else is done meanwhile, never changes a result: tokens and logits are the same to the bit. fast-check looks
// for the counter-example and makes it small.
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LoadOptions, type Model, RWKV, type Session } from '../../dist/node.js';
import { quantizations } from '../../dist/shared/number-formats.js';
import { oracle } from './command.js';
import { knownSums, knownText } from './known-logits.js';
import { collect } from './streams.js';

const load = (options: LoadOptions = {}) =>
  RWKV.load(oracle, { tokenizer: 'bytes', build: 'baseline', prefixCache: false, ...options });
const token = fc.integer({ min: 1, max: 255 });
const tokens = fc.array(token, { minLength: 1, maxLength: 80 });
const greedy = { temperature: 0, ban: [0] };
const chosen = { seed: 20, numRuns: 25 } as const; // the same cases on every machine

const sumOf = (logits: Float32Array) => createHash('sha256').update(logits).digest('hex');
const standing = async (session: Session) => sumOf(await session.logits());

let model: Model;
beforeAll(async () => {
  model = await load();
});
afterAll(() => model.dispose());

/** What `work` gives of a session that is its own. */
async function within<T>(work: (session: Session) => Promise<T>, on = model): Promise<T> {
  const session = await on.createSession({ seed: 1 });
  try {
    return await work(session);
  } finally {
    await session.dispose();
  }
}

/** Where a session stands that has read so much, and nothing else was done to it. */
const plainly = (read: readonly number[], on = model) =>
  within(async (session) => {
    await session.append(read);
    return standing(session);
  }, on);

test('a prompt may be cut anywhere', async () => {
  const property = fc.asyncProperty(fc.array(tokens, { minLength: 2, maxLength: 6 }), async (pieces) => {
    const cut = await within(async (session) => {
      for (const piece of pieces) await session.append(piece);
      return standing(session);
    });
    expect(cut).toBe(await plainly(pieces.flat()));
  });
  await fc.assert(property, chosen);
});

test('sessions that read and generate at once do so as each would alone, in whatever order they come', async () => {
  const asked = fc.record({ prompt: tokens, count: fc.integer({ min: 1, max: 12 }) });
  const answer = ({ prompt, count }: { prompt: number[]; count: number }) =>
    within(async (session) => {
      const steps = await collect(session.generate(prompt, { ...greedy, maxTokens: count }));
      return [steps.map((step) => step.token), await standing(session)];
    });
  const property = fc.asyncProperty(fc.array(asked, { minLength: 2, maxLength: 9 }), async (all) => {
    const together = await Promise.all(all.map(answer));
    const alone = [];
    for (const one of all.toReversed()) alone.unshift(await answer(one));
    expect(together).toEqual(alone);
  });
  await fc.assert(property, chosen);
});

/** A session and what it has read and generated, with what that was before the last call. */
interface Told {
  readonly session: Session;
  readonly text: readonly number[];
  readonly before: readonly number[] | undefined;
}

/** What may be done to a session; each gives the one that goes on. */
const deed = fc.oneof(
  tokens.map((read) => async ({ session, text }: Told): Promise<Told> => {
    await session.append(read);
    return { session, text: [...text, ...read], before: text };
  }),
  fc.integer({ min: 1, max: 10 }).map((maxTokens) => async ({ session, text }: Told): Promise<Told> => {
    if (text.length === 0) return { session, text, before: undefined };
    const steps = await collect(session.generate([], { ...greedy, maxTokens }));
    return { session, text: [...text, ...steps.map((step) => step.token)], before: text };
  }),
  fc.constant(async ({ session, text, before }: Told): Promise<Told> => {
    if (before === undefined) return { session, text, before };
    await session.rewind();
    return { session, text: before, before: undefined };
  }),
  fc.constant(async ({ session, ...rest }: Told): Promise<Told> => {
    const fork = await session.fork();
    await session.append([1, 2, 3]); // which the fork does not hear
    await session.dispose();
    return { ...rest, session: fork, before: undefined };
  }),
  fc.constant(async ({ session, text }: Told): Promise<Told> => {
    const restored = await model.createSession({ state: await session.save() });
    await session.dispose();
    return { session: restored, text, before: undefined };
  }),
  fc.constant(async ({ session }: Told): Promise<Told> => {
    await session.reset();
    return { session, text: [], before: undefined };
  }),
);

test('whatever is done to a session, it stands where one does that has only read the same', async () => {
  const property = fc.asyncProperty(
    fc.array(deed, { minLength: 1, maxLength: 12 }),
    tokens,
    async (deeds, end) => {
      let told: Told = { session: await model.createSession({ seed: 1 }), text: [], before: undefined };
      for (const next of deeds) told = await next(told);
      await told.session.append(end);
      const found = await standing(told.session);
      await told.session.dispose();
      expect(found).toBe(await plainly([...told.text, ...end]));
    },
  );
  await fc.assert(property, chosen);
});

test('the number of threads changes nothing', async () => {
  const others = await Promise.all([2, 3, 4].map((threads) => load({ threads })));
  try {
    const property = fc.asyncProperty(tokens, async (read) => {
      const found = await Promise.all(others.map((other) => plainly(read, other)));
      expect(new Set([...found, await plainly(read)]).size).toBe(1);
    });
    await fc.assert(property, chosen);
  } finally {
    await Promise.all(others.map((other) => other.dispose()));
  }
});

test.each(quantizations)(
  'the logits behind a known text are those of every machine, in %s',
  async (quantization) => {
    const other = await load({ quantization });
    try {
      const read = new TextEncoder().encode(knownText);
      expect(await plainly([...read], other)).toBe(knownSums[quantization]);
    } finally {
      await other.dispose();
    }
  },
);
