import { describe, expect, test } from 'vitest';
import {
  checkGenerateOptions,
  checkLoadOptions,
  checkReadOptions,
  checkSessionOptions,
  checkTokens,
} from '../../dist/page/options.js';

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    expect(error).toMatchObject({ name: 'RwkvError', code: 'invalid-argument' });
    return (error as Error).message;
  }
  throw new Error('it was accepted');
}

test('defaults stand for what is absent or undefined', () => {
  const defaults = {
    maxTokens: 256,
    signal: undefined,
    stop: [],
    echo: false,
    keepPartial: true,
    drawing: {
      sampling: {
        temperature: 1,
        topP: 0.7,
        topK: 0,
        minP: 0,
        typicalP: 1,
        presencePenalty: 0,
        frequencyPenalty: 0,
        penaltyDecay: 0.996,
      },
      biasedTokens: new Int32Array(),
      biases: new Float32Array(),
      topLogprobs: -1,
      readAhead: true,
    },
  };
  expect(checkGenerateOptions({})).toEqual(defaults);
  expect(checkGenerateOptions({ topP: undefined, seed: undefined })).toEqual(defaults);
  expect(checkLoadOptions({})).toMatchObject({
    quantization: null,
    threads: 'auto',
    build: 'auto',
    device: 'cpu',
  });
});

test('the ends of every range are in it', () => {
  for (const options of [
    { maxTokens: 0, temperature: 0, topP: 0, topK: 0, penaltyDecay: 0, seed: 0 },
    { presencePenalty: -100, frequencyPenalty: -100 },
    { temperature: 100, topP: 1, presencePenalty: 100, frequencyPenalty: 100, penaltyDecay: 1 },
    { minP: 0, typicalP: 1e-9, topLogprobs: 0, keepPartial: false, readAhead: false, echo: true },
    { minP: 1, typicalP: 1, topLogprobs: 20, stop: ['a', 'b'] },
    { maxTokens: Number.MAX_SAFE_INTEGER, topK: 2 ** 31 - 1, seed: Number.MAX_SAFE_INTEGER },
  ]) {
    const { drawing, ...rest } = checkGenerateOptions(options);
    const { sampling, ...others } = drawing;
    expect({ ...rest, ...sampling, ...others }).toMatchObject(options);
  }
  expect(checkLoadOptions({ threads: 16, tokenizer: false })).toMatchObject({
    threads: 16,
    tokenizer: false,
  });
});

describe('what is out of range or of the wrong type is refused by name', () => {
  const wrong: [string, unknown][] = [
    ...['maxTokens', 'topK', 'seed'].flatMap((name) => [-1, 1.5, 2 ** 53, '7', NaN, 1n].map(pair(name))),
    ...['temperature', 'topP', 'minP', 'typicalP', 'penaltyDecay'].flatMap((name) =>
      [-0.1, 101, NaN, Infinity, '1', null].map(pair(name)),
    ),
    ...['presencePenalty', 'frequencyPenalty'].flatMap((name) => [-101, 101, NaN, {}, true].map(pair(name))),
    ...[{}, 'x', new AbortController()].map(pair('signal')),
    ...[0, -1, Infinity, '200'].map(pair('penaltyHalfLife')),
    ...[21, -1, 1.5, true].map(pair('topLogprobs')),
    ...['echo', 'logprobs', 'keepPartial', 'readAhead'].flatMap((name) => [1, 'true', null].map(pair(name))),
    ...['', [''], 7, ['a', 7], null].map(pair('stop')),
    ...[7, { 3: 101 }, { 3: '1' }, { x: 1 }, { 256: 1 }, new Map([[-1, 1]])].map(pair('logitBias')),
    ...[7, 'x'.repeat(0), null].map(pair('ban')),
  ];
  test.each(wrong)('%s: %s', (name, value) => {
    expect(refusal(() => checkGenerateOptions({ [name]: value }, 256))).toMatch(
      new RegExp(`^option ${name}: expected .+; found .+`),
    );
  });

  const wrongLoad: [string, unknown][] = [
    ...['q5', 8, null].map(pair('quantization')),
    ...['fast', true].map(pair('build')),
    ...['webgpu', true, null].map(pair('device')),
    ...[0, 17, 1.5, 'all', '2', null].map(pair('threads')),
    ...[true, '', 7, null, []].map(pair('tokenizer')),
    ...['x', {}].map(pair('onProgress')),
  ];
  test.each(wrongLoad)('%s: %s', (name, value) => {
    expect(refusal(() => checkLoadOptions({ [name]: value }))).toMatch(
      new RegExp(`^option ${name}: expected `),
    );
  });

  test('with a sentence that says all', () => {
    expect(refusal(() => checkGenerateOptions({ topP: 1.5 }))).toBe(
      'option topP: expected a number from 0 to 1; found 1.5',
    );
    expect(refusal(() => checkLoadOptions({ quantization: 'q5' as 'q8' }))).toBe(
      "option quantization: expected 'f32' or 'f16' or 'q8' or 'q4'; found 'q5'",
    );
  });
});

test('half-life, bias and bans become what the core takes', () => {
  const { sampling } = checkGenerateOptions({ penaltyHalfLife: 200 }).drawing;
  expect(sampling.penaltyDecay ** 200).toBeCloseTo(0.5, 10);
  expect(refusal(() => checkGenerateOptions({ penaltyHalfLife: 200, penaltyDecay: 0.9 }))).toContain(
    'penaltyHalfLife',
  );
  const bias = new Map([[5, 2.5]]);
  for (const logitBias of [{ 5: 2.5 }, bias]) {
    const { drawing } = checkGenerateOptions({ logitBias, ban: [0, 7] }, 256);
    expect([...drawing.biasedTokens]).toEqual([5, 0, 7]);
    expect([...drawing.biases]).toEqual([2.5, -Infinity, -Infinity]);
  }
  expect(refusal(() => checkGenerateOptions({ ban: [256] }, 256))).toBe(
    'option ban[0]: expected a token id, an integer from 0 to 255; found 256',
  );
  expect(checkGenerateOptions({ stop: 'x' }).stop).toEqual(['x']);
  expect(checkGenerateOptions({ logprobs: true }).drawing.topLogprobs).toBe(0);
});

test('unknown names are refused, with those that are known', () => {
  const misspelt = { topp: 1 } as object;
  expect(refusal(() => checkGenerateOptions(misspelt))).toMatch(
    /^options: expected only maxTokens, .*topP.*; found 'topp'$/,
  );
  expect(refusal(() => checkLoadOptions(misspelt))).toContain('quantization');
  expect(refusal(() => checkSessionOptions(misspelt))).toContain('seed');
  expect(refusal(() => checkReadOptions(misspelt))).toContain('signal');
  for (const options of [null, 7, 'x', () => {}]) {
    expect(refusal(() => checkReadOptions(options as unknown as object))).toMatch(
      /^options: expected an object/,
    );
  }
});

test('token ids are checked one by one', () => {
  expect(checkTokens('prompt', [0, 255], 256)).toEqual(Int32Array.of(0, 255));
  expect(refusal(() => checkTokens('prompt', [1, 256], 256))).toBe(
    'prompt[1]: expected a token id, an integer from 0 to 255; found 256',
  );
  for (const token of [-1, 1.5, NaN, '1', undefined, 1n]) {
    expect(refusal(() => checkTokens('prompt', [token], 256))).toContain('prompt[0]');
  }
  for (const tokens of [null, undefined, 7, {}, new Set([1])]) {
    expect(refusal(() => checkTokens('prompt', tokens, 256))).toMatch(/^prompt: expected text or token ids/);
  }
});

function pair(name: string) {
  return (value: unknown): [string, unknown] => [name, value];
}
