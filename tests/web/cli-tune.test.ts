// rwkv-wasm tune: files in, a file out, whenever the process dies. On a core that only pretends to learn (fake/glue.mjs).
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ended, folder, startAt } from './command.js';
import { type FakePackage, fakeModel, fakePackage } from './fake/package.js';

const { path, remove } = folder();
let fake: FakePackage;
let model: string;
beforeAll(async () => {
  fake = await fakePackage();
  model = path('model');
  writeFileSync(model, fakeModel());
});
afterAll(() => {
  fake.remove();
  remove();
});

let count = 0;
let out = '';
beforeEach(() => {
  out = path(`out-${++count}.safetensors`);
});

const write = (name: string, text: string) => {
  writeFileSync(path(name), text);
  return path(name);
};
const start = (...args: string[]) =>
  startAt(join(fake.folder, 'dist', 'cli.js'), 'tune', '--model', model, '--tokenizer', 'bytes', ...args);
const tune = (data: string, ...args: string[]) => ended(start(data, '--out', out, ...args));

/** What the fake core says that it was given: documents as text, token 0 as `^`. */
function told(file = out) {
  const { documents, ...rest } = JSON.parse(readFileSync(file, 'utf8'));
  const text = ({ tokens }: { tokens: number[] }) =>
    tokens.map((id) => (id === 0 ? '^' : String.fromCharCode(id))).join('');
  return {
    ...rest,
    texts: documents.map(text),
    heldOut: documents.map((one: { isValidation: boolean }) => one.isValidation),
  };
}

describe('data', () => {
  test('of text is one document, or those that its borders divide', async () => {
    const one = await tune(write('one.txt', '\ufeffOnce\r\n<|endoftext|> is a token\n'), '--steps', '1');
    expect([one.code, one.stderr]).toEqual([
      0,
      expect.stringMatching(/^1 steps; .*\n1 of 1 steps, loss 4\.000/m),
    ]);
    expect(told().texts).toEqual(['^Once\n<|endoftext|> is a token\n^']);
    await tune(write('two.txt', 'a\n\nb\n<|endoftext|>\nc\n<|endoftext|>\n'), '--steps', '1');
    expect(told().texts).toEqual(['^a\n\nb\n^', '^c\n^']);
  });

  test('of JSON lines is whatever can be taught', async () => {
    const rows = [
      { text: 'a', source: 'x' },
      { prompt: 'b', completion: 'c' },
      {
        messages: [
          { role: 'user', content: 'd' },
          { role: 'assistant', content: 'e' },
        ],
      },
    ];
    const data = write('rows.jsonl', `${rows.map((row) => JSON.stringify(row)).join('\n\n')}\n`);
    expect((await tune(data, '--steps', '1')).code).toBe(0);
    expect(told().texts).toEqual(['^a^', '^bc^', '^User: d\n\nAssistant: e^']);
  });

  test.each<[string, string, string]>([
    [
      'bad.jsonl',
      '{"text": "a"}\n\n{"prompt": "b"}\n',
      'bad.jsonl: line 3: completion: expected a text; found undefined',
    ],
    ['none.jsonl', '{"text": "a"}\n7\n', 'none.jsonl: line 2: expected a text, token ids, or an object'],
    ['broken.jsonl', '{"text": "a"}\n{"text"\n', 'broken.jsonl: line 2: the line is not JSON'],
    [
      'deep.jsonl',
      '{"messages": [{"role": "bot"}]}',
      "deep.jsonl: line 1: messages[0].role: expected 'system', 'user' or",
    ],
    ['text.jsonl', '{"text": 5}', 'text.jsonl: line 1: text: expected a text; found 5'],
    ['empty.txt', ' \n', 'empty.txt: expected at least one; found none'],
    ['empty.jsonl', '\n', 'empty.jsonl: expected at least one; found none'],
    ['data.csv', 'a', 'data.csv: expected a file whose name ends in .txt or .jsonl'],
  ])('that cannot be is refused by its place: %s', async (name, text, message) => {
    const { code, stderr } = await tune(write(name, text));
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
    expect(existsSync(out)).toBe(false);
  });

  test('that is not there, not text, or held out and wrong, is named', async () => {
    expect((await tune(path('no.txt'))).stderr).toContain('no.txt');
    expect((await tune(path('no.jsonl'))).stderr).toContain('no.jsonl');
    const data = write('a.txt', 'ab');
    const wrong = write('wrong.jsonl', '{"text": "a"}\n{"text": ""}\n');
    const { code, stderr } = await tune(data, '--validation', wrong);
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining('wrong.jsonl: line 2: text: expected a text; it is empty'),
    ]);
  });

  test('is held out as a share or in a file', async () => {
    const data = write('share.txt', 'one two three');
    await tune(data, '--steps', '1', '--validation', '0.3');
    expect(told()).toMatchObject({ texts: ['^one two ', '^three^'], heldOut: [false, true] });
    const { stderr } = await tune(data, '--steps', '1', '--validation', write('held.jsonl', '{"text": "b"}'));
    expect(told()).toMatchObject({ texts: ['^one two three^', '^b^'], heldOut: [false, true] });
    expect(stderr).toContain('held out 8.000 -> 4.000');
  });
});

test('flags are options by their names, and wrong ones are refused as they were typed', async () => {
  const data = write('flags.txt', 'ab');
  const flags = [
    '--method',
    'lora',
    '--rank',
    '4',
    '--targets',
    'att.key,ffn.value',
    '--betas',
    '0.8,0.95',
    '--batch',
    '2',
  ];
  const { code, stdout } = await tune(data, ...flags, '--epochs', '2', '--json');
  expect(code).toBe(0);
  const { learning } = told();
  expect(learning).toMatchObject({
    method: 'lora',
    rank: 4,
    alpha: 8,
    targets: ['att.key', 'ffn.value'],
    betas: [0.8, 0.95],
  });
  expect(JSON.parse(stdout)).toMatchObject({
    file: data,
    out,
    method: 'lora',
    steps: 2,
    loss: 2,
    finishReason: 'finished',
  });
  for (const [wrong, message] of [
    [['--learning-rate', '11'], /--learning-rate: expected a number from .* to 10; found 11/],
    [['--rank', '4'], /--rank: expected to come with method 'lora'; found 'state'/],
    [['--steps', '1', '--epochs', '1'], /--epochs: expected not to come with steps; found 1/],
    [['--betas', '0.9'], /two numbers such as 0\.9,0\.99/],
    [['--validation', '2'], /--validation: expected a share from 0 to 0\.9/],
    [['--method', 'dora'], /Allowed choices are state, lora, full/],
  ] as const) {
    const { code, stderr } = await tune(data, ...wrong);
    expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
  }
  const nowhere = await ended(start(data, '--out', path('no/out.pth')));
  expect([nowhere.code, nowhere.stderr]).toEqual([1, expect.stringContaining('no such file or directory')]);
});

test('a name that ends in .pth asks for that form', async () => {
  out = path('out.pth');
  await tune(write('pth.txt', 'ab'), '--steps', '1');
  expect(told().format).toBe('pth');
});

test('losses are drawn as SVG', async () => {
  const plot = path('<loss>.svg');
  await tune(
    write('a & b.txt', 'one two three'),
    '--steps',
    '5',
    '--validation',
    '0.3',
    '--validation-every',
    '2',
    '--plot',
    plot,
  );
  const svg = readFileSync(plot, 'utf8');
  expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"[\s\S]*<\/svg>\n$/);
  expect(svg).toContain('a &#38; b.txt');
  expect(svg.match(/<circle /g)).toHaveLength(4); // before, behind steps 2 and 4, at the end
  expect(svg).not.toContain('NaN');
});

describe('a run that ends too early', () => {
  const args = (data: string) => [data, '--out', out, '--steps', '40', '--seed', '3'];
  let slow: string;
  let whole: Buffer;
  beforeAll(async () => {
    slow = path('slow');
    writeFileSync(slow, fakeModel(40));
    const { code } = await tune(write('long.txt', 'Once upon a time'), '--steps', '40', '--seed', '3');
    expect(code).toBe(0);
    whole = readFileSync(out);
  });
  const interrupt = async (signal: NodeJS.Signals) => {
    const child = start(...args(path('long.txt')), '--model', slow, '--json');
    const end = ended(child);
    child.stderr?.once('data', () => setTimeout(() => child.kill(signal), 400)); // its plan is told
    return end;
  };

  test('by Ctrl-C goes on with the same command, and ends with the same bytes', async () => {
    const { code, stderr, stdout } = await interrupt('SIGINT');
    expect([code, stderr]).toEqual([
      130,
      expect.stringMatching(/of 40 steps, loss .*; the same command goes on\n$/),
    ]);
    expect(JSON.parse(stdout)).toMatchObject({ bytes: null, isComplete: false });
    expect([existsSync(out), existsSync(`${out}.checkpoint`)]).toEqual([false, true]);
    const again = await ended(start(...args(path('long.txt'))));
    expect([again.code, again.stderr]).toEqual([0, expect.stringMatching(/^40 steps, \d+ of them done;/m)]);
    expect(readFileSync(out)).toEqual(whole);
    expect(existsSync(`${out}.checkpoint`)).toBe(false);
  });

  test('by a kill goes on from its last checkpoint', async () => {
    const child = start(...args(path('long.txt')), '--model', slow, '--checkpoint-every', '0');
    const end = ended(child);
    while (!existsSync(`${out}.checkpoint`)) await sleep(20);
    child.kill('SIGKILL');
    await end;
    expect(existsSync(out)).toBe(false);
    const again = await ended(start(...args(path('long.txt'))));
    expect([again.code, again.stderr]).toEqual([0, expect.stringMatching(/^40 steps, \d+ of them done;/m)]);
    expect(readFileSync(out)).toEqual(whole);
  });

  test('and has another data or options then says what to delete', async () => {
    await interrupt('SIGTERM');
    const { code, stderr } = await tune(write('other.txt', 'Once'), '--steps', '40', '--seed', '3');
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining(`${out}.checkpoint: of another run; delete it to begin anew`),
    ]);
    expect(existsSync(`${out}.checkpoint`)).toBe(true);
  });
});
