// The command line as a person at a terminal meets it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { presets } from '../../dist/node.js';
import { cli, ended, oracle, run, start } from './command.js';

const place = mkdtempSync(join(tmpdir(), 'rwkv-wasm-test-'));
afterAll(() => rmSync(place, { recursive: true }));

// More than a test waits for.
const endless = ['--max-tokens', '1000000', '--temperature', '3', '--top-p', '1', '--seed', '2'];

const complete = (...args: string[]) => run('complete', ...args);

test('a story is told on stdout, its figures on stderr, and its seed tells it again', async () => {
  const once = await complete('Once upon a time', '--seed', '7', '--max-tokens', '40');
  expect(once.code).toBe(0);
  expect(once.stdout.startsWith('Once upon a time')).toBe(true);
  expect(once.stdout.length).toBeGreaterThan(60);
  expect(once.stderr).toMatch(/40 tokens, .*tok\/s, seed 7/);
  expect((await complete('Once upon a time', '--seed', '7', '--max-tokens', '40')).stdout).toBe(once.stdout);
});

test('--json prints one object, with the text that is told without it', async () => {
  const args = ['The wolf', '--seed', '1', '--max-tokens', '10', '--threads', '2'];
  const { stdout, code } = await complete(...args, '--json');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^\{.*\}\n$/);
  const { text, tokens, ...rest } = JSON.parse(stdout);
  expect(rest).toMatchObject({
    prompt: 'The wolf',
    seed: 1,
    finishReason: 'length',
    model: { version: '7', threads: 2 },
  });
  expect(tokens).toHaveLength(10);
  expect((await complete(...args)).stdout).toBe(`The wolf${text}\n`);
});

test('--device gpu tells why the processor computes, where it does', async () => {
  const args = ['The wolf', '--seed', '1', '--max-tokens', '10'];
  const { stdout, stderr, code } = await complete(...args, '--device', 'gpu');
  expect(code).toBe(0);
  expect(stderr).toMatch(/^rwkv-wasm: \S+: device: this processor computes: .*package webgpu/m);
  expect(stdout).toBe((await complete(...args)).stdout);
});

test('--max-tokens 0 adds nothing to the prompt', async () => {
  const { stdout, stderr, code } = await complete('The wolf', '--max-tokens', '0');
  expect([code, stdout]).toEqual([0, 'The wolf\n']);
  expect(stderr).toMatch(/^0 tokens, /);
});

test('the text comes as it is made, not at its end', async () => {
  const child = start('complete', 'Once', ...endless);
  if (!child.stdout) throw new Error('no stdout');
  let pieces = 0;
  for await (const _ of child.stdout) if (++pieces === 3) break; // leaving closes the pipe
  expect(pieces).toBe(3);
  await once(child, 'exit');
});

test('a prompt may come from standard input', async () => {
  const { stdout } = await ended(start('complete', '-', '--max-tokens', '5'), 'The old king');
  expect(stdout.startsWith('The old king')).toBe(true);
});

test('Ctrl-C ends the story cleanly', async () => {
  const child = start('complete', 'Once', ...endless);
  const result = ended(child);
  if (child.stdout) await once(child.stdout, 'data');
  child.kill('SIGINT');
  const { code, stderr, stdout } = await result;
  expect(code).toBe(130);
  expect(stdout.endsWith('\n')).toBe(true);
  expect(stderr).toMatch(/tok\/s/);
  expect(stderr).not.toMatch(/Error/);
});

test('a reader that leaves early is no error', async () => {
  const child = start('complete', 'Once', ...endless);
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (piece) => {
    stderr += piece;
  });
  if (child.stdout) await once(child.stdout, 'data');
  child.stdout?.destroy();
  const [code, signal] = await once(child, 'close');
  expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
});

// What is always full, where the system has it.
describe.skipIf(!existsSync('/dev/full'))('onto a disk that is full', () => {
  const full = openSync('/dev/full', 'w');
  afterAll(() => closeSync(full));
  const to = (stdout: number | 'pipe', stderr: number | 'pipe', ...args: string[]) =>
    ended(spawn(process.execPath, [cli, ...args], { stdio: ['pipe', stdout, stderr] }), 'Hello\n');

  test.each([
    ['complete', ['complete', 'Once', '--max-tokens', '3', '--model', oracle, '--tokenizer', 'bytes']],
    ['complete --json', ['complete', 'Once', '--max-tokens', '3', '--json']],
    ['chat', ['chat', '--max-tokens', '3']],
    ['inspect', ['inspect', oracle]],
    ['--help', ['--help']],
  ])('%s fails in a line', async (_, args) => {
    const { code, stderr } = await to(full, 'pipe', ...args);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^rwkv-wasm: standard output: no space left on device$/m);
    expect(stderr).not.toMatch(/\n +at /);
  });

  test('a story is told also where its figures cannot be', async () => {
    const { code, stdout } = await to('pipe', full, 'complete', 'Once', '--max-tokens', '3');
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/^Once.+/) });
  });
});

test.each([
  [['complete', '--no-such-option'], 2, /unknown option '--no-such-option'/],
  [['complete', 'x', '--top-p', '7'], 2, /^rwkv-wasm: --top-p: .*found 7\n$/],
  [['complete', 'x', '-n', '-5'], 2, /^rwkv-wasm: -n: .*found -5\n$/],
  [['complete', 'x', '--max-tokens', '-5'], 2, /^rwkv-wasm: --max-tokens: .*found -5\n$/],
  [['chat', '-t500'], 2, /^rwkv-wasm: -t: .*found 500\n$/],
  [['batch', 'missing.jsonl', 'out.jsonl'], 1, /^rwkv-wasm: missing.jsonl: no such file or directory\n$/],
  [['perplexity', 'missing.txt'], 1, /^rwkv-wasm: missing.txt: no such file or directory\n$/],
  [['perplexity', '/dev/null'], 2, /^rwkv-wasm: \/dev\/null: expected a text; it is empty\n$/],
  [['inspect', 'missing.pth'], 1, /^rwkv-wasm: [^\n]*missing.pth: no such file or directory\n$/],
  [['convert', 'missing.pth', 'out'], 1, /^rwkv-wasm: [^\n]*missing.pth: no such file or directory\n$/],
  [['complete', 'x', '--max-tokens', 'ten'], 2, /'ten' is invalid/],
  [['no-such-command'], 2, /no-such-command/],
  [['complete', 'x', '--model', 'no/such/file.pth'], 1, /^rwkv-wasm: .*file\.pth.*\n$/],
])('%j exits with %i and says why', async (args, expected, reason) => {
  const { code, stderr, stdout } = await ended(start(...args));
  expect([code, stdout]).toEqual([expected, '']);
  expect(stderr).toMatch(/^rwkv-wasm: /);
  expect(stderr).toMatch(reason);
});

test('--version and --help answer on stdout', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  expect(await ended(start('--version'))).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  for (const args of [['--help'], ['complete', '--help']]) {
    const { code, stdout, stderr } = await ended(start(...args));
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/Usage: rwkv-wasm/);
  }
  expect((await ended(start('complete', '--help'))).stdout).toContain('--max-tokens');
});

test('inspect tells what a file holds, for people and for programs', async () => {
  const { code, stdout } = await ended(start('inspect', oracle));
  expect(code).toBe(0);
  expect(stdout).toMatch(/^file +v7-bf16\.pth, pth, 1\.1 MB\nversion +RWKV-7\n/);
  expect(stdout).toMatch(/\nmemory +f32 [\d.]+ MB, f16 [\d.]+ MB, q8 [\d.]+ MB, q4 [\d.]+ MB\n$/);
  const json = JSON.parse((await ended(start('inspect', oracle, '--json'))).stdout);
  expect(json).toMatchObject({ version: '7', format: 'pth', layers: 2, vocabulary: 256, tokenizer: null });
  expect(json.memory.q4).toBeLessThan(json.memory.q8);
});

test('perplexity tells how well a text is predicted, for people and for programs', async () => {
  const text = 'Once upon a time there was a little girl.';
  const json = await ended(start('perplexity', '-', '--json'), text);
  expect(json.code).toBe(0);
  const { bytes, tokens, perplexity, bitsPerByte } = JSON.parse(json.stdout);
  expect(bytes).toBe(41);
  expect(tokens).toBeGreaterThan(5);
  expect(perplexity).toBeLessThan(100);
  expect((await ended(start('perplexity', '-'), text)).stdout).toContain(
    `perplexity ${perplexity.toFixed(3)}, ${bitsPerByte.toFixed(4)} bits/byte`,
  );
  const missing = await ended(start('perplexity', './nothing.txt'));
  expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining('nothing.txt')]);
});

test('convert writes a packed file that complete reads', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'rwkv-wasm-test-'));
  try {
    const out = join(folder, 'packed.safetensors');
    const { code, stderr } = await ended(start('convert', oracle, out, '-q', 'q4'));
    expect([code, stderr]).toEqual([0, expect.stringMatching(/packed\.safetensors: \d\.\d MB\n$/)]);
    const flags = ['--tokenizer', 'bytes', '--max-tokens', '8', '--seed', '1', '--json'];
    const packed = JSON.parse((await complete('a', '--model', out, ...flags)).stdout);
    const direct = JSON.parse((await complete('a', '--model', oracle, '-q', 'q4', ...flags)).stdout);
    expect(packed.model).toMatchObject({ format: 'rwkv-wasm', quantization: 'q4' });
    expect(packed.tokens).toEqual(direct.tokens);
    expect(readdirSync(folder)).toEqual(['packed.safetensors']);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a conversion that fails leaves what was there', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'rwkv-wasm-test-'));
  try {
    const out = join(folder, 'packed.safetensors');
    writeFileSync(out, 'precious');
    const { code, stderr } = await ended(start('convert', cli, out));
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^rwkv-wasm: cli\.js: not a \.pth/)]);
    expect(readdirSync(folder)).toEqual(['packed.safetensors']);
    expect(readFileSync(out, 'utf8')).toBe('precious');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('inspect and convert refuse wrong command lines with exit code 2', async () => {
  expect((await ended(start('inspect'))).code).toBe(2);
  const { code, stderr } = await ended(start('convert', oracle, '/nowhere/x', '-q', 'q3'));
  expect([code, stderr]).toEqual([2, expect.stringMatching(/-q: expected 'f32' or/)]);
});

describe('a state', () => {
  test('that is saved goes on letter for letter in another process', async () => {
    const state = join(place, 'story.state');
    const whole = await complete('Once upon a time', '--seed', '7', '--max-tokens', '24');
    const args = ['--seed', '7', '--max-tokens', '10', '--save-state', state];
    const begun = await complete('Once upon a time', ...args);
    const rest = await complete('--state', state, '--max-tokens', '14');
    expect([begun.code, rest.code]).toEqual([0, 0]);
    expect(`${begun.stdout.slice(0, -1)}${rest.stdout}`).toBe(whole.stdout);
    expect(rest.stderr).toContain("the state's seed");
    const reseeded = JSON.parse((await complete('--state', state, '--seed', '8', '--json')).stdout);
    expect(reseeded.seed).toBe(8);
    expect(rest.stdout.startsWith(reseeded.text)).toBe(false);
  });

  test('is saved after Ctrl-C too, as the text stands', async () => {
    const state = join(place, 'stopped.state');
    const child = start('complete', 'Once', ...endless, '--save-state', state);
    const result = ended(child);
    if (child.stdout) await once(child.stdout, 'data');
    child.kill('SIGTERM');
    const { code, stderr } = await result;
    expect([code, stderr]).toEqual([143, expect.stringMatching(/^\d+ tokens/)]);
    expect((await complete('--state', state, '--max-tokens', '3')).code).toBe(0);
    expect(readdirSync(place).filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  test('that is none is refused', async () => {
    const { code, stderr } = await complete('x', '--state', cli);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^rwkv-wasm: cli\.js: /)]);
    const nowhere = await complete('x', '--max-tokens', '1', '--save-state', join(place, 'no', 'folder'));
    expect([nowhere.code, nowhere.stderr]).toEqual([1, expect.stringMatching(/^rwkv-wasm: .*no.folder/)]);
  });
});

test('--no-echo prints the continuation alone, and --preset is what its flags say', async () => {
  const args = ['--seed', '5', '--max-tokens', '20'];
  const { stdout } = await complete('The wolf', ...args);
  expect((await complete('The wolf', ...args, '--no-echo')).stdout).toBe(stdout.slice('The wolf'.length));
  const preset = await complete('The wolf', ...args, '--preset', 'creative', '--top-p', '0.9');
  const { temperature, presencePenalty, frequencyPenalty, penaltyDecay } = presets.creative;
  const flags = [
    ...['--temperature', `${temperature}`, '--top-p', '0.9', '--presence-penalty', `${presencePenalty}`],
    ...['--frequency-penalty', `${frequencyPenalty}`, '--penalty-decay', `${penaltyDecay}`],
  ];
  expect(preset.stdout).toBe((await complete('The wolf', ...args, ...flags)).stdout);
  expect(preset.stdout).not.toBe(stdout);
});

test('what is interrupted before it has a result exits with 130 and says nothing', async () => {
  for (const args of [
    ['complete', '-', '--json'],
    ['perplexity', '-'],
  ]) {
    const child = start(...args);
    const end = once(child, 'close');
    let stderr = '';
    child.stderr?.setEncoding('utf8').on('data', (piece) => {
      stderr += piece;
    });
    // More than a pipe holds: when it is written, it is being read.
    await new Promise<void>((resolve) => child.stdin?.write('x'.repeat(2 ** 22), () => resolve()));
    child.kill('SIGINT');
    const [code] = await end;
    expect([args, code, stderr.replace(/^0 tokens, .*\n/, '')]).toEqual([args, 130, '']);
  }
});

test('every command has examples, and misspelt ones a hint', async () => {
  const { stdout } = await run('--help');
  expect(stdout).toMatch(/Exit codes:\n +0 +done\n +1 .*\n +2 .*\n +3 .*\n +130 /);
  const names = [...stdout.matchAll(/^ {2}(\w+) (?:\[options\]|<)/gm)].map(([, name = '']) => name);
  expect(names).toEqual(expect.arrayContaining(['complete', 'chat', 'batch', 'inspect', 'convert', 'bench']));
  for (const name of names)
    expect((await run(name, '--help')).stdout).toMatch(/\nExamples:\n {2}(.*\| )?rwkv-wasm /);
  expect((await run('compelte')).stderr).toMatch(/Did you mean complete\?/);
  expect((await run('complete', '--temperture', '1')).stderr).toMatch(/Did you mean --temperature\?/);
  const preset = await run('complete', '--preset', 'wild');
  expect([preset.code, preset.stderr]).toEqual([2, expect.stringMatching(/chat, creative, precise/)]);
});

test('convert --json tells what was written', async () => {
  const out = join(place, 'packed.safetensors');
  const { code, stdout, stderr } = await run('convert', oracle, out, '--json');
  expect([code, stderr]).toEqual([0, '']);
  expect(JSON.parse(stdout)).toEqual({ file: oracle, out, bytes: readFileSync(out).length });
});

test.each([
  ['that is made', join(place, 'made/here')],
  ['that cannot be made', '/dev/null/folder'],
])('a store that holds nothing in a folder %s is told as empty', async (_, cache) => {
  const models = (...args: string[]) => {
    const env = { ...process.env, RWKV_WASM_CACHE: cache };
    return ended(spawn(process.execPath, [cli, 'models', ...args], { stdio: 'pipe', env }));
  };
  expect(await models('list')).toEqual({ code: 0, stdout: '', stderr: 'nothing is stored\n' });
  expect(await models('list', '--json')).toMatchObject({ code: 0, stdout: '[]\n' });
  const usage = expect.stringMatching(/^0\.0 MB of [\d.]+ MB\n$/);
  expect(await models('usage')).toEqual({ code: 0, stderr: '', stdout: usage });
});
