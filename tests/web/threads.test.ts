// Several threads in Node: the same numbers, the same life.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LoadOptions, type Model, RWKV } from '../../dist/node.js';
import { type FakePackage, fakeModel, fakePackage } from './fake/package.js';
import { textOf } from './streams.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const fixture = (name: string) => join(root, `tests/fixtures/oracle/${name}.pth`);

async function withModel<T>(source: string | undefined, options: LoadOptions, use: (model: Model) => T) {
  const model = await RWKV.load(source, options);
  try {
    return await use(model);
  } finally {
    await model.dispose();
  }
}

const baseline = { build: 'baseline' } as const;

/** Logits behind a prompt, whose 70 tokens are read in chunks, and behind 3 more, read one by one. */
const logitsOf = (source: string | undefined, options: LoadOptions) =>
  withModel(source, { ...baseline, ...options }, async (model) => {
    const session = await model.createSession();
    await session.append(Array.from({ length: 70 }, (_, i) => (i * 37) % model.info.vocabulary));
    const logits = [...(await session.logits())];
    for (const token of [5, 6, 7]) await session.append([token]);
    return { threads: model.info.threads, logits: [...logits, ...(await session.logits())] };
  });

describe('1, 2 and 3 threads give the same logits to the last bit:', () => {
  test.each([
    ...['v4-bf16', 'v52-fp16', 'v6-bf16', 'v7-bf16'].flatMap((name) => [
      [name, fixture(name), { quantization: 'f32', tokenizer: false }] as const,
      [`${name} in q4`, fixture(name), { quantization: 'q4', tokenizer: false }] as const,
    ]),
    ['the storyteller', undefined, {}] as const,
    ['the storyteller in f32', undefined, { quantization: 'f32' }] as const,
  ])('%s', async (_, source, options) => {
    const [one, two, three] = await Promise.all(
      [1, 2, 3].map((threads) => logitsOf(source, { ...options, threads })),
    );
    expect([one?.threads, two?.threads, three?.threads]).toEqual([1, 2, 3]);
    expect(one?.logits.every(Number.isFinite)).toBe(true);
    expect(two?.logits).toEqual(one?.logits);
    expect(three?.logits).toEqual(one?.logits);
  });
});

test('stories of many sessions at once are the same on one thread and on two', async () => {
  const tell = (threads: number) =>
    withModel(undefined, { ...baseline, threads }, async (model) => {
      const sessions = await Promise.all([1, 2, 3, 4].map((seed) => model.createSession({ seed })));
      return Promise.all(
        sessions.map((session) => textOf(session.complete('Once upon a time', { maxTokens: 30 }))),
      );
    });
  expect(await tell(2)).toEqual(await tell(1));
});

test('what crosses shared memory is whole: texts, tokens, errors, packed files, progress', async () => {
  const text = 'Grüße, 世界! 👩‍👧 — long enough for every way of copying text out of the memory';
  const seen = await withModel(undefined, { threads: 2 }, async (model) => ({
    tokens: await model.tokenize(text),
    text: await model.detokenize(await model.tokenize(text)),
  }));
  expect(seen.text).toBe(text);
  const bytes = new TextEncoder().encode('no model at all');
  await expect(RWKV.load(bytes, { threads: 2 })).rejects.toMatchObject({ code: 'bad-file' });
  let loaded = 0;
  const onProgress = (progress: { loaded: number }) => {
    loaded = progress.loaded;
  };
  await withModel(fixture('v7-bf16'), { threads: 2, tokenizer: 'bytes', onProgress }, async (model) => {
    expect(await model.detokenize(await model.tokenize(text))).toBe(text);
  });
  expect(loaded).toBeGreaterThan(0);
});

test("'auto' takes one thread for a small model", async () => {
  await withModel(undefined, {}, (model) => {
    expect(model.info.threads).toBe(1);
    expect(model.info.warnings).toEqual([]);
  });
});

describe('where threads cannot be started', () => {
  let fake: FakePackage; // has no builds with threads
  beforeAll(async () => {
    fake = await fakePackage();
  });
  afterAll(() => fake.remove());

  test("'auto' takes one and says why, more are an error", async () => {
    const model = await fake.RWKV.load(fakeModel(), { tokenizer: 'bytes' });
    expect(model.info.threads).toBe(1);
    const isAlone = (await import('node:os')).availableParallelism() === 1;
    expect(model.info.warnings).toEqual(
      isAlone ? [] : [expect.stringMatching(/^threads: one computes, .* could not be started: .+/)],
    );
    await model.dispose();
    await expect(fake.RWKV.load(fakeModel(), { tokenizer: 'bytes', threads: 2 })).rejects.toMatchObject({
      name: 'RwkvError',
    });
  });

  test('a thread whose script is missing is an error, not a hang', async () => {
    const folder = mkdtempSync(join(root, 'build', 'no-thread-'));
    try {
      const filter = (path: string) => !path.endsWith('thread-node.js');
      cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true, filter });
      cpSync(join(root, 'package.json'), join(folder, 'package.json'));
      const { RWKV: broken } = (await import(
        join(folder, 'dist/node.js')
      )) as typeof import('../../dist/node.js');
      await expect(broken.load(undefined, { threads: 2 })).rejects.toMatchObject({ code: 'unsupported' });
      const model = await broken.load(undefined, { threads: 1 });
      await model.dispose();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('a process with threads ends', () => {
  /** What a script prints, and its exit code; it must end by itself. */
  async function run(script: string) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      cwd: root,
      stdio: 'pipe',
    });
    let out = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (piece) => {
        out += piece;
      });
    }
    const [code] = await once(child, 'close');
    return { code, out };
  }
  const begin = `
    import { RWKV } from './dist/node.js';
    const model = await RWKV.load(undefined, { threads: 3 });
    const session = await model.createSession({ seed: 1 });
    for await (const text of session.complete('Once', { maxTokens: 40 }));
  `;

  test.each([
    ['when the model is disposed of', 'await model.dispose();'],
    ['when it is forgotten', ''],
    [
      'when it is left in the middle of a story',
      "session.complete('x', { maxTokens: 1e6 }).next(); process.exit();",
    ],
    [
      'when it is disposed of in the middle of a prompt',
      "const reading = session.append('a b c d e f g h '.repeat(2000)).catch((e) => console.log(e.code)); await model.dispose(); await reading;",
    ],
  ])('%s', async (_, end) => {
    const { code, out } = await run(`${begin}\n${end}\nconsole.log('end');`);
    expect(code).toBe(0);
    expect(out).not.toMatch(/Error/);
  });

  test('and a model that is disposed of takes its threads along', async () => {
    const { out } = await run(`
      import { readdirSync } from 'node:fs';
      import { setTimeout } from 'node:timers/promises';
      const count = () => readdirSync('/proc/self/task').length;
      ${begin.replace("import { RWKV } from './dist/node.js';", "const { RWKV } = await import('./dist/node.js'); await (await RWKV.load(undefined, { threads: 1 })).dispose(); const before = count();")}
      const during = count();
      await model.dispose();
      for (let i = 0; i < 100 && count() > before; i++) await setTimeout(20);
      console.log(JSON.stringify({ started: during - before, left: count() - before }));
    `);
    if (process.platform !== 'linux') return;
    const { started, left } = JSON.parse(out);
    expect(started).toBeGreaterThanOrEqual(3);
    expect(left).toBe(0);
  });
});
