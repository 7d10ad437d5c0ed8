// Teaching small models in Node: from texts to files that sessions, loads and other runs take.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { learning, newModel, trainVocabulary } from '../../dist/learning-node.js';
import { type Model, RWKV, type TuneOptions } from '../../dist/node.js';
import { ended, folder, oracle, start } from './command.js';

const { path, remove } = folder();
afterAll(remove);

const text = 'The geese have come home, and the pond is full of their talk. '.repeat(6);
const heldOut = 'The geese are full of talk, and the home is the pond. ';
const options = { steps: 12, contextLength: 64, batch: 2, warmup: 2, validation: [heldOut] } as const;

let model: Model;
beforeAll(async () => {
  model = await RWKV.load(oracle, { tokenizer: 'bytes', quantization: 'f32', learning });
});
afterAll(() => model.dispose());

const bitsOf = async (of: Model, state?: Uint8Array) => {
  const session = await of.createSession({ state });
  const { bitsPerByte } = await session.score(heldOut);
  await session.dispose();
  return bitsPerByte;
};
const taught = async (more: TuneOptions) => {
  const losses: number[] = [];
  const tuning = model.tune(text, { ...options, ...more });
  for await (const { loss } of tuning) losses.push(loss);
  const { bytes } = await tuning.result;
  return { bytes, losses };
};

test.each(['safetensors', 'pth'] as const)(
  'a tuned state foretells such texts better, as %s',
  async (format) => {
    const fresh = await bitsOf(model);
    const { bytes, losses } = await taught({ format });
    expect(losses.at(-1)).toBeLessThan(losses[0] ?? 0);
    const tuned = await bitsOf(model, bytes);
    expect(tuned).toBeLessThan(fresh);
    expect(await bitsOf(model)).toBe(fresh); // the model is what it was
  },
);

test('what is held out is measured as a score measures it', async () => {
  const ids = [0, ...(await model.tokenize(heldOut))];
  const tuning = model.tune(text, { ...options, steps: 2, validation: [ids] });
  const { bytes, validationLoss } = await tuning.result;
  const session = await model.createSession({ state: bytes });
  const { bitsPerToken } = await session.score(ids.slice(1));
  expect(validationLoss).toBeCloseTo(bitsPerToken * Math.LN2, 4);
  await session.dispose();
});

test('the same run gives the same bytes, another seed others', async () => {
  const { bytes } = await taught({ steps: 3 });
  expect((await taught({ steps: 3 })).bytes).toEqual(bytes);
  expect((await taught({ steps: 3, method: 'lora', seed: 1 })).bytes).not.toEqual(
    (await taught({ steps: 3, method: 'lora' })).bytes,
  );
});

test('sessions go on beside it, with the model as it was', async () => {
  const said = async () =>
    (await (await model.createSession()).complete('The', { temperature: 0, maxTokens: 12 }).result).text;
  const before = await said();
  const tuning = model.tune(text, options);
  await tuning.next();
  const [beside] = await Promise.all([said(), tuning.next()]);
  expect(beside).toBe(before);
  await tuning.return();
});

test('a checkpoint goes on to the same bits', async () => {
  const kept: Uint8Array<ArrayBuffer>[] = [];
  const save = (bytes: Uint8Array<ArrayBuffer>) => void kept.push(bytes);
  const { bytes } = await taught({ method: 'lora', checkpoint: { save, seconds: 0 } });
  const { bytes: again, losses } = await taught({ method: 'lora', checkpoint: { resume: kept[6] } });
  expect(losses).toHaveLength(5);
  expect(again).toEqual(bytes);
});

test('all weights make a model that loads, and are those of the model that is taught', async () => {
  const fresh = await bitsOf(model);
  const { bytes, losses } = await taught({ method: 'full', learningRate: 1e-3 });
  expect(losses.at(-1)).toBeLessThan(losses[0] ?? 0);
  const tuned = await RWKV.load(bytes, { tokenizer: 'bytes', quantization: 'f32' });
  expect(await bitsOf(tuned)).toBeLessThan(fresh);
  expect(await bitsOf(model)).toBe(await bitsOf(tuned));
  await tuned.dispose();
});

describe('from scratch', () => {
  test.each(['4', '5.2', '6', '7'] as const)('a model of version %s learns', async (version) => {
    const bytes = await newModel({ version, layers: 2, channels: 32, vocabulary: 256, format: 'pth' });
    const fresh = await RWKV.load(bytes, { tokenizer: 'bytes', quantization: 'f32', learning, threads: 1 });
    expect(fresh.info).toMatchObject({ version, layers: 2, channels: 32, vocabulary: 256 });
    const { loss } = await fresh.tune(text, { ...options, method: 'full', learningRate: 0.01 }).result;
    expect(loss).toBeLessThan(0.8 * Math.log(256)); // that of chance
    await fresh.dispose();
  });

  test('a vocabulary reads any text, in fewer tokens where it knows its pieces', async () => {
    const odd = `${text}l'été d'été \\ \t "ça" 数学数学 \u{1f986}\u{1f986} \xa0\u2028\xa0\u2028 \ufeff\r\n`;
    const tokenizer = new TextEncoder().encode(await trainVocabulary([odd, odd], { size: 320 }));
    const bytes = await newModel({ layers: 1, channels: 32, vocabulary: 320 });
    const fresh = await RWKV.load(bytes, { tokenizer, threads: 1 });
    for (const one of [odd, 'never seen: \0\x7f\u0100', text]) {
      const tokens = await fresh.tokenize(one);
      expect(await fresh.detokenize(tokens)).toBe(one);
      if (one === text) expect(tokens.length).toBeLessThan(text.length / 3);
    }
    await fresh.dispose();
  });
});

describe('the command', () => {
  const args = (out: string) => [
    '--model',
    oracle,
    '--tokenizer',
    'bytes',
    '--out',
    path(out),
    '--steps',
    '30',
    '--context-length',
    '32',
  ];
  beforeAll(() => writeFileSync(path('geese.txt'), text));

  test('killed at any moment goes on, and ends with the same bytes', async () => {
    const whole = await ended(start('tune', path('geese.txt'), ...args('whole.pth')));
    expect([whole.code, whole.stderr]).toEqual([
      0,
      expect.stringMatching(/30 of 30 steps, loss [\d.]+ -> [\d.]+; /),
    ]);
    const child = start('tune', path('geese.txt'), ...args('killed.pth'), '--checkpoint-every', '0');
    const end = ended(child);
    while (!existsSync(path('killed.pth.checkpoint')) && child.exitCode === null) await sleep(5);
    child.kill('SIGKILL');
    await end;
    const again = await ended(start('tune', path('geese.txt'), ...args('killed.pth')));
    expect([again.code, again.stderr]).toEqual([0, expect.stringMatching(/^30 steps, \d+ of them done;/)]);
    expect(readFileSync(path('killed.pth'))).toEqual(readFileSync(path('whole.pth')));
  });

  test('makes a model from scratch, killed or not, that completes with its vocabulary', async () => {
    const shape = ['--layers', '2', '--channels', '32', '--vocabulary-size', '280', '--steps', '30'];
    const train = (out: string, ...more: string[]) =>
      start('train', path('geese.txt'), ...shape, '--context-length', '32', '--out', path(out), ...more);
    const whole = await ended(train('new.safetensors'));
    expect([whole.code, whole.stderr]).toEqual([0, expect.stringMatching(/30 of 30 steps, loss 5\.8/)]);
    const child = train('stopped.safetensors', '--checkpoint-every', '0');
    const end = ended(child);
    while (!existsSync(path('stopped.safetensors.checkpoint')) && child.exitCode === null) await sleep(5);
    child.kill('SIGKILL');
    await end;
    const again = await ended(train('stopped.safetensors'));
    expect([again.code, again.stderr]).toEqual([0, expect.stringMatching(/^30 steps, \d+ of them done;/)]);
    for (const end of ['.safetensors', '-vocab.txt'])
      expect(readFileSync(path(`stopped${end}`))).toEqual(readFileSync(path(`new${end}`)));
    const files = ['--model', path('new.safetensors'), '--tokenizer', path('new-vocab.txt')];
    const { code, stdout } = await ended(start('complete', 'The geese', ...files, '-n', '9', '-t', '0'));
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^The geese./)]);
  });

  test('makes a state with which perplexity falls', async () => {
    writeFileSync(path('more.txt'), heldOut);
    const bits = async (...more: string[]) => {
      const { stdout } = await ended(
        start('perplexity', path('more.txt'), '--json', '--model', oracle, '--tokenizer', 'bytes', ...more),
      );
      return JSON.parse(stdout).bitsPerByte;
    };
    expect(await bits('--state', path('whole.pth'))).toBeLessThan(await bits());
  });
});
