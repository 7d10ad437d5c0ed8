// model.tune as its callers see it, on a core that only pretends to learn (fake/glue.mjs).
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type {
  LoadOptions,
  Model,
  RwkvError,
  TuneOptions,
  TuneStep,
  TuneText,
  TuneTexts,
  TuningPlan,
} from '../../dist/node.js';
import { type FakePackage, fakeModel, fakePackage } from './fake/package.js';
import { failure } from './streams.js';

let fake: FakePackage;
let model: Model;
const load = (options: LoadOptions) => fake.RWKV.load(fakeModel(), { learning: fake.learning, ...options });
beforeAll(async () => {
  fake = await fakePackage();
  model = await load({ tokenizer: 'bytes' });
});
afterAll(async () => {
  await model.dispose();
  fake.remove();
});

interface Learned {
  readonly tokens: readonly number[];
  readonly learned: readonly number[];
  readonly isValidation: boolean;
}

/** What the fake core says it was given, and its sum. */
interface Told {
  readonly format: string;
  readonly learning: Record<string, unknown>;
  readonly documents: readonly Learned[];
  readonly step: number;
  readonly sum: number;
}

const told = (bytes: Uint8Array): Told => JSON.parse(new TextDecoder().decode(bytes));
const learn = async (texts: TuneTexts, options: TuneOptions = {}) =>
  told((await model.tune(texts, { steps: 1, ...options }).result).bytes);

/** A document as text: what is read only in brackets, token 0 as `^`. */
function spelled({ tokens, learned }: Learned): string {
  const letters = tokens.map((token, i) => {
    const letter = token === 0 ? '^' : String.fromCharCode(token);
    return learned[i] ? letter : `[${letter}]`;
  });
  return letters.join('').replaceAll('][', '');
}
const spell = async (...texts: TuneText[]) => (await learn(texts)).documents.map(spelled);

async function stepsOf(tuning: AsyncIterable<TuneStep>): Promise<TuneStep[]> {
  const made: TuneStep[] = [];
  for await (const step of tuning) made.push(step);
  return made;
}

const hello = { role: 'user', content: 'Hello' } as const;
const hi = { role: 'assistant', content: 'Hi!' } as const;

describe('texts', () => {
  test('begin behind the end of a text and end with one, which is learned', async () => {
    expect(await spell('ab', { text: 'c' })).toEqual(['[^]ab^', '[^]c^']);
  });

  test('that are one string are one text', async () => {
    expect((await learn('abc')).documents.map(spelled)).toEqual(['[^]abc^']);
  });

  test('of a prompt and a completion: the completion is learned', async () => {
    expect(await spell({ prompt: 'ab', completion: 'cd' }, { prompt: '', completion: 'e' })).toEqual([
      '[^ab]cd^',
      '[^]e^',
    ]);
  });

  test('of token ids are learned as they are', async () => {
    expect(await spell([97, 98], Int32Array.of(0, 99))).toEqual(['ab', '[^]c'.replace(/[[\]]/g, '')]);
  });

  test('of a conversation: what the assistant says is learned, with the border that ends it', async () => {
    expect(
      await spell({ messages: [{ role: 'system', content: 'Be' }, hello, hi, hello, hi, hello] }),
    ).toEqual(['[^System: Be\n\nUser: Hello\n\nAssistant:] Hi!\n\n[User: Hello\n\nAssistant:] Hi!^']);
  });

  test('of a conversation in the template of G1 models: behind the empty thought that chats begin with, or behind its own', async () => {
    const thought = { role: 'assistant', content: '<think>Hm.</think>\nHi!' } as const;
    const documents = (
      await learn([{ messages: [hello, hi] }, { messages: [hello, thought] }], { template: 'g1' })
    ).documents;
    expect(documents.map(spelled)).toEqual([
      '[^User: Hello\n\nAssistant: <think></think]>\nHi!^',
      '[^User: Hello\n\nAssistant: <think]>Hm.</think>\nHi!^',
    ]);
  });

  test('come from any iterable, one by one', async () => {
    async function* texts() {
      yield 'a';
      yield { prompt: 'b', completion: 'c', id: 7 };
    }
    expect((await learn(texts())).documents.map(spelled)).toEqual(['[^]a^', '[^b]c^']);
    expect((await learn(new Set(['a', 'b']))).documents).toHaveLength(2);
  });

  test.each<[unknown, RegExp]>([
    [5, /^texts: expected a text, or texts in a list or another iterable; found 5$/],
    [null, /^texts: expected .*; found null$/],
    [{ text: 'a' }, /^texts: expected .*found an object/],
    [[], /^texts: expected at least one; found none$/],
    ['', /^texts: expected a text; it is empty$/],
    [['a', ''], /^texts\[1\]: expected a text; it is empty$/],
    [[1, 2], /^texts\[0\]: expected a text, token ids, or an object .*; found 1$/],
    [['a', null], /^texts\[1\]: expected .*; found null$/],
    [[{}], /^texts\[0\]: expected .*; found an object/],
    [[{ text: 5 }], /^texts\[0\]\.text: expected a text; found 5$/],
    [[{ prompt: 'a' }], /^texts\[0\]\.completion: expected a text; found undefined$/],
    [[{ prompt: 5, completion: 'a' }], /^texts\[0\]\.prompt: expected a text; found 5$/],
    [[{ prompt: 'a', completion: '' }], /^texts\[0\]\.completion: expected a text; it is empty$/],
    [[{ text: 'a', messages: [hello] }], /^texts\[0\]: expected .* either .*; found 'text, chat'$/],
    [[{ messages: 'Hello' }], /^texts\[0\]\.messages: expected an array of messages; found 'Hello'$/],
    [[{ messages: [hello] }], /^texts\[0\]\.messages: expected a message of the assistant.*; found 'none'$/],
    [[{ messages: [{ role: 'bot' }] }], /^texts\[0\]\.messages\[0\]\.role: expected .*; found 'bot'$/],
    [[[97]], /^texts\[0\]: expected at least 2 token ids, .*; found 1$/],
    [[[97, 256]], /^texts\[0\]\[1\]: expected a token id, an integer from 0 to 255; found 256$/],
    [[['a', 'b']], /^texts\[0\]\[0\]: expected a token id.*; found 'a'$/],
  ])('that cannot be are refused by their place: %j', async (texts, message) => {
    const error = await failure(model.tune(texts as TuneTexts, { steps: 1 }).result);
    expect([error.code, error.message]).toEqual(['invalid-argument', expect.stringMatching(message)]);
    expect(await spell('ab')).toEqual(['[^]ab^']); // the model is free again
  });

  test('need a tokenizer unless they are token ids', async () => {
    const ids = await load({ tokenizer: false });
    const error = await failure(ids.tune([[1, 2], 'ab'], { steps: 1 }).result);
    expect([error.code, error.message]).toEqual([
      'no-tokenizer',
      expect.stringMatching(/^texts\[1\] needs a tokenizer/),
    ]);
    expect(told((await ids.tune([[1, 2]], { steps: 1 }).result).bytes).documents[0]?.tokens).toEqual([1, 2]);
    await ids.dispose();
  });

  test('that have no tokens are named', async () => {
    const error = await failure(learn(['a', { prompt: 'b', completion: '\u2620' }]));
    expect([error.code, error.message]).toEqual(['bad-vocabulary', 'texts[1]: no token for \u2620']);
  });

  test('that an iterable fails to give end the call with its error, and the model is free again', async () => {
    async function* texts() {
      yield 'a';
      throw new Error('the disk is gone');
    }
    expect((await failure(model.tune(texts()).result)).message).toBe('the disk is gone');
    expect(await spell('ab')).toEqual(['[^]ab^']);
  });
});

describe('what is held out', () => {
  const held = async (texts: TuneTexts, validation: number | TuneTexts) =>
    (await learn(texts, { validation })).documents.map((one) => [spelled(one), one.isValidation]);

  test('is a list of its own', async () => {
    expect(await held('a', ['b', [99, 100]])).toEqual([
      ['[^]a^', false],
      ['[^]b^', true],
      ['cd', true],
    ]);
  });

  test('is every so-many-th text', async () => {
    const flags = (await held([...'abcdefgh'], 0.25)).map(([, isValidation]) => isValidation);
    expect(flags).toEqual([false, false, false, true, false, false, false, true]);
  });

  test('is the last of a few texts', async () => {
    expect((await held(['a', 'b', 'c'], 0.1)).map(([, isValidation]) => isValidation)).toEqual([
      false,
      false,
      true,
    ]);
  });

  test.each([
    ['one two three four', ['[^]one two three ', '[^]four^']],
    ['one\ntwo three four', ['[^]one\n', '[^]two three four^']],
    ['abcdefghij', ['[^]abcdefgh', '[^]ij^']],
  ])('is the end of a single text, from a line or a word on: %j', async (text, expected) => {
    expect((await held(text, 0.2)).map(([text]) => text)).toEqual(expected);
  });

  test.each<[TuneTexts, number | TuneTexts, RegExp]>([
    ['a', 1, /^option validation: expected a share from 0 to 0\.9.*; found 1$/],
    ['a', [], /^option validation: expected at least one; found none$/],
    ['a', ['b', ''], /^option validation\[1\]: expected a text; it is empty$/],
    [[{ prompt: 'a', completion: 'b' }], 0.5, /^option validation: expected more than one .*; found 'one'$/],
  ])('is refused where it cannot be: %j, %j', async (texts, validation, message) => {
    const error = await failure(learn(texts, { validation }));
    expect([error.code, error.message]).toEqual(['invalid-argument', expect.stringMatching(message)]);
  });

  test('is measured before, on the way and at the end', async () => {
    let plan: TuningPlan | undefined;
    const losses: (number | undefined)[] = [];
    const tuning = model.tune('ab', {
      steps: 5,
      validation: ['c'],
      validationEvery: 2,
      onPlan: (told) => {
        plan = told;
      },
    });
    for await (const { validationLoss } of tuning) losses.push(validationLoss);
    expect(plan).toMatchObject({ validationLoss: 8, validationTokens: 2, learnedTokens: 3, bytes: 1000 });
    expect(losses).toEqual([undefined, 8 / 3, undefined, 8 / 5, 8 / 6]);
    expect((await tuning.result).validationLoss).toBe(8 / 6);
  });
});

describe('options', () => {
  test('have defaults by the method', async () => {
    const learning = async (options: TuneOptions) => (await learn('ab', options)).learning;
    const state = await learning({});
    expect(state).toMatchObject({ method: 'state', steps: 1, epochs: null, learningRate: 0.5, seed: 0 });
    expect(await learning({ method: 'lora', rank: 4 })).toMatchObject({
      learningRate: 2.5e-3,
      rank: 4,
      alpha: 8,
    });
    expect(await learning({ steps: undefined })).toMatchObject({ steps: null, epochs: 3 });
  });

  test('have others where all weights are learned, which needs them as they are', async () => {
    const whole = await load({ tokenizer: 'bytes', quantization: 'f32' });
    const { bytes } = await whole.tune('ab', { method: 'full', steps: 1 }).result;
    expect(told(bytes).learning).toMatchObject({ learningRate: 1e-4, weightDecay: 0.01 });
    await whole.dispose();
    expect((await failure(learn('ab', { method: 'full' }))).code).toBe('unsupported');
  });

  test.each<[object, RegExp]>([
    [{ steps: 1, epochs: 2 }, /^option epochs: expected not to come with steps; found 2$/],
    [{ steps: 0 }, /^option steps: expected an integer from 1 /],
    [{ method: 'dora' }, /^option method: expected 'state' or 'lora' or 'full'; found 'dora'$/],
    [{ learningRate: 11 }, /^option learningRate: expected a number from .* to 10; found 11$/],
    [{ learningRate: Number.NaN }, /^option learningRate: .*; found NaN$/],
    [{ betas: [0.9, 1] }, /^option betas: expected two numbers from 0 to below 1/],
    [{ betas: [0.9] }, /^option betas: /],
    [{ rank: 8 }, /^option rank: expected to come with method 'lora'; found 'state'$/],
    [{ method: 'lora', rank: 1025 }, /^option rank: expected an integer from 1 to 1024; found 1025$/],
    [{ method: 'lora', targets: [] }, /^option targets: expected a list of any of 'att\.receptance'/],
    [{ method: 'lora', targets: ['att.key', 'att.key'] }, /^option targets: .* each once/],
    [{ method: 'lora', targets: ['att.gate'] }, /^option targets: /],
    [
      { checkpoint: { resume: 'tuned.checkpoint' } },
      /^option checkpoint\.resume: expected an ArrayBuffer or a view of one; found 't/,
    ],
    [{ checkpoint: { every: 5 } }, /^option checkpoint: expected only resume, save, seconds; found 'every'$/],
    [{ format: 'gguf' }, /^option format: expected 'safetensors' or 'pth'; found 'gguf'$/],
    [{ lr: 1 }, /^options: expected only .*method.*; found 'lr'$/],
    [{ template: 'none' }, /^option template: expected 'world' or 'g1'; found 'none'$/],
  ])('are refused by name: %j', async (options, message) => {
    const error = await failure(model.tune('ab', options).result);
    expect([error.code, error.message]).toEqual(['invalid-argument', expect.stringMatching(message)]);
  });
});

describe('a run', () => {
  test('tells each step, and what it came to', async () => {
    const tuning = model.tune(['ab', 'c'], { epochs: 2, batch: 1, format: 'pth' });
    const made = await stepsOf(tuning);
    expect(made.map(({ step, steps, loss }) => [step, steps, loss])).toEqual([
      [1, 4, 4],
      [2, 4, 2],
      [3, 4, 4 / 3],
      [4, 4, 1],
    ]);
    expect(made.every(({ tokensPerSecond }) => tokensPerSecond > 0)).toBe(true);
    const { bytes, ...facts } = await tuning.result;
    expect(told(bytes)).toMatchObject({ format: 'pth', step: 4 });
    expect(facts).toEqual({
      ...{
        method: 'state',
        format: 'pth',
        finishReason: 'finished',
        steps: 4,
        loss: 1,
        validationLoss: null,
      },
      ...{ tokens: 20, seed: 0, seconds: expect.any(Number) },
    });
  });

  test('gives its result without a loop, and the steps afterwards', async () => {
    const tuning = model.tune('ab', { steps: 3 });
    expect((await tuning.result).steps).toBe(3);
    expect(await stepsOf(tuning)).toHaveLength(3);
  });

  test('that is left has what was learned so far', async () => {
    const tuning = model.tune('ab', { steps: 9 });
    for await (const { step } of tuning) if (step === 2) break;
    const { bytes, finishReason, steps } = await tuning.result;
    expect([finishReason, steps, told(bytes).step]).toEqual(['aborted', 2, 2]);
    expect((await learn('ab')).step).toBe(1); // the model is free again
  });

  test('that is aborted rejects with the reason, and has what was learned so far', async () => {
    const controller = new AbortController();
    const tuning = model.tune('ab', { steps: 9, signal: controller.signal });
    const loop = async () => {
      for await (const { step } of tuning) if (step === 2) controller.abort(new Error('enough'));
    };
    expect((await failure(loop())).message).toBe('enough');
    expect(await tuning.result).toMatchObject({ finishReason: 'aborted', steps: 2 });
  });

  test('that is aborted or left before its first step has no result', async () => {
    const aborted = model.tune('ab', { signal: AbortSignal.abort(new Error('no')) });
    expect((await failure(aborted.result)).message).toBe('no');
    const left = model.tune('ab');
    await left.return();
    expect(((await failure(left.result)) as Error).name).toBe('AbortError');
    const refused = model.tune('ab', {
      onPlan: () => {
        throw new Error('too much');
      },
    });
    expect((await failure(refused.result)).message).toBe('too much');
    expect((await learn('ab')).step).toBe(1);
  });

  test('is the only one of its model', async () => {
    const one = model.tune('ab', { steps: 2 });
    await one.next();
    const error: RwkvError = await failure(model.tune('ab').result);
    expect([error.code, error.message]).toEqual([
      'invalid-argument',
      expect.stringMatching(/one tuning at a time/),
    ]);
    await one.next();
    expect(await one.next()).toEqual({ done: true, value: undefined });
    expect((await one.result).finishReason).toBe('finished');
  });

  test('that needs too much memory is refused before its first step', async () => {
    const onPlan = vi.fn();
    const error = await failure(model.tune([[0, 210]], { onPlan }).result);
    expect(error.code).toBe('out-of-memory');
    expect(onPlan).not.toHaveBeenCalled();
    expect((await learn('ab')).step).toBe(1);
  });

  test('whose numbers are no longer finite fails, and keeps what was learned before', async () => {
    const kept: Uint8Array[] = [];
    const checkpoint = { save: (bytes: Uint8Array) => void kept.push(bytes) };
    const tuning = model.tune([[0, 212]], { steps: 9, checkpoint });
    const error = await failure(stepsOf(tuning));
    expect([error.code, error.message]).toEqual(['bad-model', 'step 3: the loss is not finite']);
    expect((await failure(tuning.result)).code).toBe('bad-model');
    expect(kept.map((bytes) => JSON.parse(new TextDecoder().decode(bytes)).step)).toEqual([2]);
    expect((await learn('ab')).step).toBe(1);
  });

  test('ends with its model', async () => {
    const own = await load({ tokenizer: 'bytes' });
    const tuning = own.tune('ab', { steps: 9 });
    await tuning.next();
    await own.dispose();
    expect((await failure(tuning.next())).code).toBe('disposed');
    expect((await failure(tuning.result)).code).toBe('disposed');
  });
});

describe('a checkpoint', () => {
  const options = { steps: 7, validation: ['c'], method: 'lora' } as const;
  const run = (checkpoint: TuneOptions['checkpoint'], more: TuneOptions = {}) =>
    model.tune(['ab', 'cd'], { ...options, ...more, checkpoint });

  test('is handed now and then, and another run goes on from it to the same bits', async () => {
    const kept: Uint8Array<ArrayBuffer>[] = [];
    const whole = await run({ save: async (bytes) => void kept.push(bytes), seconds: 0 }).result;
    expect(kept).toHaveLength(7);
    for (const resume of [kept[0], kept[6]?.buffer]) {
      const { bytes, steps, finishReason } = await run({ resume }).result;
      expect([bytes, steps, finishReason]).toEqual([whole.bytes, 7, 'finished']);
    }
  });

  test('is handed once more where a run is left', async () => {
    const save = vi.fn();
    const tuning = run({ save, seconds: 1000 });
    for await (const { step } of tuning) if (step === 3) break;
    expect(save).toHaveBeenCalledTimes(1);
    const [[resume]] = save.mock.calls as [[Uint8Array]];
    const again = run({ resume });
    expect((await again.next()).value).toMatchObject({ step: 4 });
    await stepsOf(again);
    expect((await again.result).bytes).toEqual((await run(undefined).result).bytes);
  });

  test('of another run is refused', async () => {
    const kept: Uint8Array[] = [];
    await run({ save: (bytes) => void kept.push(bytes), seconds: 0 }).result;
    const error = await failure(run({ resume: kept[0] }, { seed: 1 }).result);
    expect([error.code, error.message]).toEqual([
      'invalid-argument',
      'option checkpoint.resume: of another run',
    ]);
  });

  test('that cannot be kept ends the run with that error', async () => {
    const save = () => Promise.reject(new Error('the disk is full'));
    expect((await failure(stepsOf(run({ save, seconds: 0 })))).message).toBe('the disk is full');
    expect((await learn('ab')).step).toBe(1);
  });
});
