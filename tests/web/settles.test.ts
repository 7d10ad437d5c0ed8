// Whatever ends a call, all that was asked for settles, and the process then ends by itself with the right code. Each case is a
// process of its own: only from outside is it seen that one ended too early, or not at all.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ended, oracle } from './command.js';
import { type FakePackage, fakePackage } from './fake/package.js';

let fake: FakePackage;
beforeAll(async () => {
  fake = await fakePackage();
});
afterAll(() => fake.remove());

const real = join(import.meta.dirname, '../../dist/node.js');
const long = `'Once upon a time there was a fox. '.repeat(4000)`;

/** What is asked of a `model` and a `session`, with `signal` where that is heard. Each takes far longer than the points below. */
const operations: Record<string, string> = {
  'load a model': `RWKV.load(path, { signal, tokenizer: 'bytes' })`,
  'load the storyteller': `RWKV.load(undefined, { signal })`,
  'load what is a Blob': `RWKV.load(new Blob([await readFile(path)]), { signal, tokenizer: 'bytes' })`,
  'load with threads': `RWKV.load(path, { signal, tokenizer: 'bytes', threads: 2 })`,
  inspect: 'RWKV.inspect(path, { signal })',
  convert: 'drain(RWKV.convert(path, { signal }))',
  'read a prompt': `session.append(${long}, { signal })`,
  'begin to complete': `drain(session.complete(${long}, { signal }))`,
  complete: `drain(session.complete('Once', { signal, maxTokens: 1e5, ban: [0] }))`,
  'a result': `session.complete('Once', { signal, maxTokens: 1e5, ban: [0] }).result`,
  'complete by a grammar': `drain(session.complete('Once', { signal, maxTokens: 1e5, ban: [0], grammar: 'root ::= [a-z]*' }))`,
  'compile a hard grammar': `drain(session.complete('Once', { signal, grammar: 'root ::= ([a-z]{1,100} " "){100}' }))`,
  stream: `drain(session.stream('Once', { signal, maxTokens: 1e5, ban: [0] }))`,
  'wait behind a loop that was given up': `(session.generate('Once').next().catch(() => {}), session.append('x', { signal }))`,
  'many calls in a row': `Promise.all(Array.from({ length: 50 }, () => session.append(${long}, { signal })))`,
  'answer as OpenAI does': `askAndDispose(openai(path, { tokenizer: 'bytes' }))`,
  score: `session.score(${long}, { signal })`,
  embed: `model.embed(${long}, { signal })`,
  tokenize: `model.tokenize(${long})`,
  save: `(await session.append('x'), session.save())`,
  fork: 'session.fork()',
  'create a session': 'model.createSession()',
  'create a session of a file': 'model.createSession({ state: new Blob([await session.save()]) })',
  'download into the store': `store.download('http://127.0.0.1:9/model.pth', { signal })`,
};

const shortOperations = [
  `RWKV.load(path, { tokenizer: 'bytes', threads: 2 })`,
  `session.append('Once')`,
  `drain(session.complete('Once', { maxTokens: 3 }))`,
  `drain(session.complete('Once', { maxTokens: 3, grammar: 'root ::= [a-z]*' }))`,
  `session.score('Once')`,
];

/** When, after the call: at once, and in the middle. */
const points = ['undefined', 'new Promise((resolve) => setTimeout(resolve, 30))'];

/** What ends it. What cannot be aborted is awaited to its end. */
const ends = [
  'await model.dispose()',
  'await Promise.all([session.dispose(), model.dispose(), model.dispose()])',
  'controller.abort(); await pending; await model.dispose()',
];

function program(operation: string, end: string, point: string): string {
  return `{
    const controller = new AbortController();
    const { signal } = controller;
    const model = await RWKV.load(path, { tokenizer: 'bytes', grammar });
    const session = await model.createSession();
    const pending = (async () => ${operation})().then(
      (value) => value?.dispose?.(),
      (error) => {
        if (error.code === undefined && error !== signal.reason) throw error;
      },
    );
    await ${point};
    ${end};
    await pending;
  }`;
}

async function run(code: string, from = real) {
  const script = `
    import { readFile } from 'node:fs/promises';
    import { RWKV, store } from ${JSON.stringify(from)};
    import { grammar } from ${JSON.stringify(from.replace('node.js', 'grammar-node.js'))};
    import { openai } from ${JSON.stringify(from.replace('node.js', 'adapters/openai-node.js'))};
    const path = ${JSON.stringify(oracle)};
    const askAndDispose = async (client) => {
      const ask = () => client.completions.create({ model: 'any', prompt: 'Once', max_tokens: 1e5, logit_bias: { 0: -100 } });
      const asked = [1, 2, 3, 4, 5, 6].map(() => ask().catch((error) => error));
      await new Promise((resolve) => setTimeout(resolve, 50));
      await client.dispose();
      await Promise.all(asked);
    };
    const drain = async (pieces) => { for await (const _ of pieces); };
    ${code}
    console.log('all settled');
  `;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], { timeout: 60_000 });
  return ended(child);
}

describe('a process that has settled everything ends with 0', () => {
  test.each(Object.entries(operations))(
    'by dispose and abort in the midst of: %s',
    async (_, operation) => {
      const parts = ends.flatMap((end) => points.map((point) => program(operation, end, point)));
      expect(await run(parts.join('\n'))).toEqual({ code: 0, stdout: 'all settled\n', stderr: '' });
    },
    120_000,
  );

  test.each(shortOperations)('when all is done and nothing disposed: %s', async (operation) => {
    const parts = program(operation, '', 'undefined');
    expect(await run(parts)).toEqual({ code: 0, stdout: 'all settled\n', stderr: '' });
  });

  test.each([
    ['while it loads', `RWKV.load(new TextEncoder().encode('fake dies'), { tokenizer: 'bytes' })`],
    ['while it reads', 'session.append([200])'],
    ['while it completes', 'drain(session.generate([200]))'],
    [
      'with others under way',
      'Promise.all([session.append([200]), other.append([97, 98]), drain(other.generate([99]))])',
    ],
  ])('when the worker crashes %s', async (_, operation) => {
    const { code, stdout, stderr } = await run(
      `
      const model = await RWKV.load(new TextEncoder().encode('fake delay=5'), { tokenizer: 'bytes' });
      const [session, other] = [await model.createSession(), await model.createSession()];
      await (async () => ${operation})().catch(({ code }) => console.log(code));
      await Promise.all([session.dispose(), model.dispose()]);
      `,
      join(fake.folder, 'dist/node.js'),
    );
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: 'worker-crashed\nall settled\n',
      stderr: '',
    });
  });
});

describe('a process ends with its own code in the midst of', () => {
  test.each(['load the storyteller', 'load with threads', 'read a prompt', 'complete', 'score'])(
    '%s',
    async (name) => {
      const inTheMiddle = (end: string) => run(program(operations[name] ?? '', end, points.at(-1) ?? ''));
      const [thrown, left] = await Promise.all([
        inTheMiddle(`throw new Error('ours')`),
        inTheMiddle('process.exit(5)'),
      ]);
      expect(thrown).toMatchObject({ code: 1, stdout: '' });
      expect(thrown.stderr).toContain('Error: ours');
      expect(left).toEqual({ code: 5, stdout: '', stderr: '' });
    },
  );
});
