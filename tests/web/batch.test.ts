// rwkv-wasm batch: one answer a line, whatever the line holds and whenever the process dies.
import { once } from 'node:events';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { countOfOurs, linesOf } from '../../dist/cli/batch-input.js';
import { Output } from '../../dist/cli/batch-output.js';
import { RWKV } from '../../dist/node.js';
import { ended, folder, run, start, startAt } from './command.js';
import { type FakePackage, fakeModel, fakePackage } from './fake/package.js';
import { failure } from './streams.js';

const { path, remove } = folder();
afterAll(remove);

let count = 0;
let input = '';
let output = '';
beforeEach(() => {
  count++;
  input = path(`in-${count}.jsonl`);
  output = path(`out-${count}.jsonl`);
});

const write = (...lines: unknown[]) =>
  writeFileSync(input, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
const read = (file = output): Answer[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line))
    .sort((a, b) => a.line - b.line);
interface Answer {
  readonly line: number;
  readonly id: unknown;
  readonly text?: string;
  readonly error?: unknown;
  readonly logprobs?: unknown[];
}

const batch = (...args: string[]) => run('batch', input, output, ...args);

/** Forty lines that take a second or so together. */
const tales = Array.from({ length: 40 }, (_, i) => ({
  id: `tale ${i % 7}`,
  prompt: ['The wolf', 'Once upon a time', 'A king', ''][i % 4],
  maxTokens: 10 + ((i * 37) % 150),
}));

describe('each line', () => {
  test('gives the text that its options and its seed give alone', async () => {
    write(
      { id: 'a', prompt: 'The wolf', maxTokens: 12 },
      { id: { any: ['json'] }, prompt: [5, 6, 7], seed: 9, temperature: 1.5, maxTokens: 5 },
      { prompt: 'A king', stop: [' '], echo: true },
      { id: 'a', prompt: '', maxTokens: 3, topLogprobs: 1 },
    );
    const { code, stderr, stdout } = await batch('--seed', '100', '--top-p', '0.9', '--json');
    expect(code).toBe(0);
    expect(stderr).toMatch(/^4 lines done, 0 with an error; \d+ tokens, .* tok\/s\n$/);
    expect(JSON.parse(stdout)).toMatchObject({ done: 4, errors: 0, skipped: 0, isComplete: true });
    await using model = await RWKV.load();
    const alone = async (prompt: string | number[], options: object) => {
      const { result } = (await model.createSession()).complete(prompt, {
        ...{ ...model.info.sampling, topP: 0.9 },
        ...options,
      });
      const { tokens: _, timings: __, ...rest } = await result;
      return rest;
    };
    const [first, second, third, fourth] = read();
    expect(first).toEqual({
      ...{ line: 1, id: 'a', seed: 101 },
      ...(await alone('The wolf', { maxTokens: 12, seed: 101 })),
    });
    expect(second).toEqual({
      ...{ line: 2, id: { any: ['json'] }, seed: 9 },
      ...(await alone([5, 6, 7], { seed: 9, temperature: 1.5, maxTokens: 5 })),
    });
    expect(third).toMatchObject({ line: 3, id: null, finishReason: 'stop', stop: ' ' });
    expect(third?.text).toMatch(/^A king/);
    expect(fourth).toMatchObject({ line: 4, id: 'a', usage: { completionTokens: 3 } });
    expect(fourth?.logprobs).toHaveLength(3);
  });

  test('that cannot be done gives an error with a code, and the others are done', async () => {
    const lines = [
      '{"id":1,"prompt":"x","maxTokens":1}\r',
      'nope',
      '',
      '[1]',
      '{"id":"no prompt"}',
      '{"id":6,"prompt":"x","topP":3}',
      '{"id":7,"prompt":"x","topp":0.5}',
      '{"id":8,"prompt":"x","signal":{}}',
      '{"id":9,"prompt":[1,4096]}',
      '{"id":10,"prompt":"x","logitBias":{"4096":1}}',
      '{"id":11,"prompt":"\u2028","maxTokens":1,"penaltyHalfLife":20}',
      '{"id":12,"prompt":"cut',
    ];
    const bytes = Buffer.concat([Buffer.from(`\ufeff${lines.join('\n')}\n`), Buffer.of(0x22, 0xff, 0x22)]);
    writeFileSync(input, bytes);
    const { code, stderr } = await batch('--preset', 'chat');
    expect([code, stderr]).toEqual([3, expect.stringMatching(/^13 lines done, 11 with an error/)]);
    const answers = read();
    expect(answers.map(({ line }) => line)).toEqual(Array.from({ length: 13 }, (_, i) => i + 1));
    const told = answers.map(({ id, error, text }) => [id, error ?? typeof text]);
    const wrong = (message: RegExp) => ({
      code: 'invalid-argument',
      message: expect.stringMatching(message),
    });
    expect(told).toEqual([
      [1, 'string'],
      [null, wrong(/^the line is not JSON: /)],
      [null, wrong(/^the line is not JSON: /)],
      [null, wrong(/^the line: expected an object/)],
      ['no prompt', wrong(/^prompt: expected text or token ids; found undefined/)],
      [6, wrong(/^option topP: expected a number from 0 to 1; found 3$/)],
      [7, wrong(/^options: expected only .*found 'topp'$/)],
      [8, wrong(/^option signal: /)],
      [9, wrong(/^prompt\[1\]: .*found 4096$/)],
      [10, wrong(/^option logitBias: /)],
      [11, expect.anything()],
      [null, wrong(/^the line is not JSON: /)],
      [null, wrong(/^the line is not JSON: /)],
    ]);
  });

  test('may come from standard input, and the last one needs no line break', async () => {
    const line = '{"prompt":"x","maxTokens":2}';
    const { code } = await ended(start('batch', '-', output), `${line}\n${line}`);
    expect(code).toBe(0);
    expect(read()).toMatchObject([
      { line: 1, seed: 1 },
      { line: 2, seed: 2 },
    ]);
  });

  test('is found whatever the chunks of the file are, and one without an end is not kept', async () => {
    const bytes = Buffer.from('one\n\nthree\nfour');
    for (let size = 1; size <= bytes.length; size++) {
      const found: unknown[] = [];
      const chunks = async function* () {
        for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
      };
      for await (const line of linesOf(chunks(), 4))
        found.push([line.number, line.start, line.bytes?.toString() ?? null, line.isWhole]);
      expect(found).toEqual([
        [1, 0, 'one', true],
        [2, 4, '', true],
        [3, 5, null, true],
        [4, 11, 'four', false],
      ]);
    }
  });
});

describe('a run that ends early', () => {
  let whole: unknown[];
  beforeAll(async () => {
    const [from, to] = [path('whole-in.jsonl'), path('whole-out.jsonl')];
    writeFileSync(from, tales.map((tale) => `${JSON.stringify(tale)}\n`).join(''));
    expect((await run('batch', from, to, '--parallel', '1')).code).toBe(0);
    whole = read(to);
    expect(whole).toHaveLength(40);
  });
  const size = () => (existsSync(output) ? statSync(output).size : 0);
  async function grownBeyond(bytes: number, child: { exitCode: number | null }) {
    while (size() <= bytes && child.exitCode === null) await sleep(1);
  }

  test('by SIGKILL, again and again, loses nothing and doubles nothing', async () => {
    write(...tales);
    for (const more of [0, 1, 300, 900, 2, 1500]) {
      const before = size();
      const child = start('batch', input, output);
      const end = once(child, 'close');
      await grownBeyond(before + more, child);
      child.kill('SIGKILL');
      await end;
    }
    expect(size()).toBeGreaterThan(0);
    const { code, stderr } = await batch();
    expect(code).toBe(0);
    expect(stderr).toMatch(/, \d+ were done before;/);
    expect(read()).toEqual(whole);
    expect((await batch()).stderr).toMatch(/^0 lines done, .* 40 were done before/);
  });

  test.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('by %s exits with %i and whole lines, and goes on', async (signal, expected) => {
    write(...tales);
    const child = start('batch', input, output, '--json');
    const end = ended(child);
    await grownBeyond(0, child);
    child.kill(signal);
    const { code, stdout, stderr } = await end;
    expect([code, stderr]).toEqual([expected, expect.stringMatching(/; the same command goes on\n$/)]);
    const { done, isComplete } = JSON.parse(stdout);
    expect([read().length, isComplete]).toEqual([done, false]);
    const rest = await batch('--parallel', '16');
    expect([rest.code, rest.stderr]).toEqual([0, expect.stringMatching(/^\d+ lines done, 0 with an error/)]);
    expect(read()).toEqual(whole);
  });

  test('by SIGTERM while it waits for standard input ends too', async () => {
    const child = start('batch', '-', output);
    child.stdin?.write('{"prompt":"x","maxTokens":1}\n');
    await grownBeyond(0, child);
    child.kill('SIGTERM');
    const [code] = await once(child, 'close');
    expect([code, read().length]).toEqual([143, 1]);
  });

  test('at any byte of its output is known for what it is', async () => {
    const shard = { index: 1, count: 1 };
    const lines = [
      '{"line":2,"id":"b","text":"\\n💧"}\n',
      '{"line":1,"id":null,"error":{"code":"x"}}\n',
      '{"line":3,"id":3}\n',
    ];
    const bytes = Buffer.from(lines.join(''));
    const ends = lines.map((_, i) => Buffer.byteLength(lines.slice(0, i + 1).join('')));
    for (let length = 0; length <= bytes.length; length++) {
      writeFileSync(output, bytes.subarray(0, length));
      const opened = await Output.open(output, shard);
      const left = ends.filter((end) => end <= length);
      expect(statSync(output).size).toBe(left.at(-1) ?? 0);
      expect([2, 1, 3].map((line) => opened.isDone(line))).toEqual(ends.map((end) => end <= length));
      await opened.append({ line: 4, id: 'd' });
      await opened.close();
      expect(read().at(-1)).toEqual({ line: 4, id: 'd' });
    }
  });

  test('because the worker died exits with 1, and the lines before are done', async () => {
    const fake = await fakePackage();
    try {
      write({ prompt: 'x' }, { prompt: 'y' }, { prompt: [200] }, { prompt: 'w' });
      const { code, stderr } = await ended(startAt(...fakeArgs(fake, '--parallel', '1')));
      expect(code).toBe(1);
      expect(stderr).toMatch(/^rwkv-wasm: the worker crashed: unreachable\n$/m); // behind the warnings of the load
      expect(read()).toMatchObject([
        { line: 1, text: 'yz' },
        { line: 2, text: 'z' },
      ]);
    } finally {
      fake.remove();
    }
  });
});

function fakeArgs(fake: FakePackage, ...args: string[]): [string, ...string[]] {
  const model = join(fake.folder, 'model.bin');
  writeFileSync(model, fakeModel(5));
  const at = join(fake.folder, 'dist', 'cli.js');
  return [at, 'batch', input, output, '--model', model, '--tokenizer', 'bytes', ...args];
}

test('lines are done side by side, as many as --parallel says', async () => {
  const fake = await fakePackage();
  try {
    write({ prompt: 'a'.repeat(1600) }, ...['w', 'x', 'y', 'x', 'w'].map((prompt) => ({ prompt })));
    const order = () =>
      readFileSync(output, 'utf8')
        .match(/(?<="line":)\d+/g)
        ?.map(Number);
    expect((await ended(startAt(...fakeArgs(fake, '--parallel', '1')))).code).toBe(0);
    expect(order()).toEqual([1, 2, 3, 4, 5, 6]);
    output = path('side-by-side.jsonl');
    expect((await ended(startAt(...fakeArgs(fake, '--parallel', '3')))).code).toBe(0);
    expect(order()?.at(-1)).toBe(1); // the long one does not hold the short ones up
    expect(read()[0]?.text).toBe('bcdefghijklmnopqrstuvwxyz');
  } finally {
    fake.remove();
  }
});

describe('shards', () => {
  test('divide the lines among them, with the texts of one run', async () => {
    write(...tales.slice(0, 10));
    expect((await batch()).code).toBe(0);
    const parts = path(`part-${count}-%i.jsonl`);
    for (const i of [1, 2, 3])
      expect((await run('batch', input, parts, '--shard', `${i}/3`, '--parallel', `${i}`)).code).toBe(0);
    const shards = [1, 2, 3].map((i) => read(parts.replace('%i', `${i}`)));
    expect(shards.map((answers) => answers.map(({ line }) => line))).toEqual([
      [1, 4, 7, 10],
      [2, 5, 8],
      [3, 6, 9],
    ]);
    expect(shards.flat().sort((a, b) => a.line - b.line)).toEqual(read());
  });

  test('never share a file', async () => {
    write(...tales.slice(0, 4).map((tale) => ({ ...tale, maxTokens: 1 })));
    expect((await batch('--shard', '1/2')).code).toBe(0);
    const before = readFileSync(output, 'utf8');
    for (const shard of ['2/2', '1/4', '3/4']) {
      const { code, stderr } = await batch('--shard', shard);
      expect([code, stderr]).toEqual([2, expect.stringMatching(/each shard needs a file of its own/)]);
    }
    expect(readFileSync(output, 'utf8')).toBe(before);
    const at = { index: 1, count: 2 };
    const [one, other] = [await Output.open(output, at), await Output.open(output, at)];
    await one.append({ line: 5, id: null });
    expect(await failure(other.append({ line: 7, id: null }))).toMatchObject({
      code: 'invalid-argument',
      message: expect.stringMatching(/another process writes to it/),
    });
    await one.append({ line: 9, id: null });
    await Promise.all([one.close(), other.close()]);
    expect(read().map(({ line }) => line)).toEqual([1, 3, 5, 9]);
  });
});

describe('what no batch wrote is left as it is:', () => {
  test.each([
    ['a text', 'precious', 1],
    ['lines of JSON', '{"id":1}\n{"id":2}\n', 1],
    ['half a line of JSON', '{"id":1,"prom', 1],
    ['a text behind answers', '{"line":1,"id":null}\nprecious', 1],
    ['an answer twice', '{"line":1,"id":null}\n{"line":1,"id":null}\n', 1],
    ['answers to another input', '{"line":2,"id":"other"}\n', 2],
  ])('%s', async (_, text, expected) => {
    write({ id: 1, prompt: 'x', maxTokens: 1 }, { id: 2, prompt: 'x', maxTokens: 1 });
    writeFileSync(output, text);
    const { code, stderr } = await batch('--parallel', '1');
    expect([code, stderr]).toEqual([expected, expect.stringMatching(/^rwkv-wasm: /)]);
    expect(readFileSync(output, 'utf8').startsWith(text)).toBe(true);
  });

  test('the input itself', async () => {
    writeFileSync(input, '{"line":1,"id":3,"prom');
    const { code, stderr } = await run('batch', input, input);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/the same file/)]);
    expect(statSync(input).size).toBe(22);
  });
});

test('lines with an error are done again with --retry-errors, and with that alone', async () => {
  write({ prompt: 'x', maxTokens: 1 }, { prompt: 'y', topP: 3 }, { id: 5, prompt: 'z', maxTokens: 1 });
  expect((await batch()).code).toBe(3);
  const first = read();
  write(
    { prompt: 'x', maxTokens: 1 },
    { prompt: 'y', topP: 1, maxTokens: 1 },
    { id: 5, prompt: 'z', maxTokens: 1 },
  );
  const again = await batch();
  expect([again.code, again.stderr]).toEqual([
    3,
    expect.stringMatching(/1 in the output have an error: --retry-errors/),
  ]);
  expect(read()).toEqual(first);
  const { code, stdout, stderr } = await batch('--retry-errors', '--json');
  expect([code, stderr]).toEqual([0, expect.not.stringContaining('--retry-errors')]);
  expect(JSON.parse(stdout)).toMatchObject({ done: 1, errors: 0, skipped: 2, total: 3 });
  expect(read()).toEqual([
    first[0],
    expect.objectContaining({ line: 2, text: expect.any(String) }),
    first[2],
  ]);
});

test('--retry-errors leaves a file alone that no batch wrote', async () => {
  write({ prompt: 'x' });
  writeFileSync(output, '{"line":1,"error":{}}\n{"name":"mine","error":1}\n');
  expect((await batch('--retry-errors')).code).toBe(1);
  expect(readFileSync(output, 'utf8')).toContain('mine');
});

test.each([
  [10, { index: 1, count: 1 }, 10],
  [10, { index: 1, count: 3 }, 4],
  [10, { index: 2, count: 3 }, 3],
  [1, { index: 2, count: 3 }, 0],
  [0, { index: 1, count: 1 }, 0],
])('of %i lines shard %j has %i', (lines, shard, expected) => {
  expect(countOfOurs(lines, shard)).toBe(expected);
});

test.each([
  [['--shard', '0/2'], 2, /'0\/2' is invalid.* the first is 1/],
  [['--shard', '3/2'], 2, /'3\/2' is invalid/],
  [['--shard', '1'], 2, /'1' is invalid/],
  [['--parallel', '65'], 2, /--parallel: expected an integer from 1 to 64; found 65/],
  [['--temperature', '101'], 2, /--temperature: /],
  [['--model', 'no/such.pth'], 1, /no\/such\.pth/],
])('%j exits with %i and leaves no answers', async (args, expected, reason) => {
  write({ prompt: 'x' });
  const { code, stderr } = await batch(...args);
  expect([code, stderr]).toEqual([expected, expect.stringMatching(reason)]);
  expect(existsSync(output) ? read() : []).toEqual([]);
});

test('an input that is not there makes no output', async () => {
  const { code, stderr } = await batch();
  expect([code, stderr, existsSync(output)]).toEqual([1, expect.stringMatching(/no such file/), false]);
});
