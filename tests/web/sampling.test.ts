// How a model is best sampled: what a packed file says of it, and who goes by it.
import { afterAll, expect, test } from 'vitest';
import { type GenerateOptions, presets, RWKV } from '../../dist/node.js';
import { readSampling, withRecommended, writeSampling } from '../../dist/page/sampling.js';
import { folder, oracle, run } from './command.js';

const { path, remove } = folder();
afterAll(remove);

test('words are read as they were written', () => {
  const sampling = { temperature: 0.8, topK: 40, presencePenalty: -1, penaltyDecay: 0.99 };
  expect(writeSampling(sampling)).toBe('temperature 0.8 topK 40 presencePenalty -1 penaltyDecay 0.99');
  expect(readSampling(writeSampling(sampling) ?? '')).toEqual(sampling);
});

test.each([
  ['nothing', '', null],
  ['names that are not known', 'heat 3 topP 0.5', { topP: 0.5 }],
  ['numbers that cannot be', 'temperature -1 topP 2 topK 1.5 typicalP 0 minP NaN', null],
  ['half a pair', 'topP 0.5 temperature', { topP: 0.5 }],
])('%s in a file: passed over', (_, words, read) => {
  expect(readSampling(words)).toEqual(read);
});

test('options go before what is recommended, and what they leave undefined does not', () => {
  const sampling = { temperature: 0.5, penaltyDecay: 0.9 };
  const completed = (options: GenerateOptions) => withRecommended(sampling, options);
  expect(completed({ temperature: undefined, topP: 1 })).toEqual({ ...sampling, topP: 1 });
  expect(completed({ temperature: 2 })).toEqual({ temperature: 2, penaltyDecay: 0.9 });
  expect(completed({ penaltyHalfLife: 9 })).toEqual({ temperature: 0.5, penaltyHalfLife: 9 });
  expect(withRecommended<GenerateOptions>(null, { topP: 1 })).toEqual({ topP: 1 });
});

test('a packed file carries it, also packed anew; the command goes by it, flags and presets before', async () => {
  const [first, second] = [path('first.safetensors'), path('second.safetensors')];
  const convert = (from: string, to: string, ...flags: string[]) =>
    expect(run('convert', from, to, ...flags)).resolves.toMatchObject({ code: 0 });
  await convert(oracle, first, '--sampling', 'precise');
  await convert(first, second, '-q', 'q4');
  expect((await RWKV.inspect(oracle)).sampling).toBe(null);
  expect((await RWKV.inspect(second)).sampling).toEqual(presets.precise);
  const flags = ['--tokenizer', 'bytes', '--seed', '7', '-n', '40', '--build', 'baseline'];
  const said = async (...more: string[]) =>
    (await run('complete', 'Once', '--model', second, ...flags, ...more)).stdout.slice(0, -1);
  const model = await RWKV.load(second, { tokenizer: 'bytes', build: 'baseline' });
  expect(model.info.sampling).toEqual(presets.precise);
  const session = await model.createSession();
  const textOf = async (options: object) => {
    await session.reset();
    const { result } = session.complete('Once', { echo: true, seed: 7, maxTokens: 40, ...options });
    return (await result).text;
  };
  expect(await said()).toBe(await textOf(presets.precise));
  expect(await said('--temperature', '2')).toBe(await textOf({ ...presets.precise, temperature: 2 }));
  expect(await said('--preset', 'creative')).toBe(await textOf(presets.creative));
  await model.dispose();
});

test('what a packed file is to recommend is checked by name', async () => {
  const convert = (sampling: object) => RWKV.convert('nowhere', { sampling }).next();
  await expect(convert({ topP: 2 })).rejects.toThrow(/option topP: expected a number from 0 to 1/);
  await expect(convert({ heat: 2 })).rejects.toThrow(/expected only temperature/);
});
