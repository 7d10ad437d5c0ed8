// The command line as a person at a terminal meets it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

function start(...args: string[]): ChildProcess {
  return spawn(process.execPath, [cli, ...args], { stdio: 'pipe' });
}

async function ended(child: ChildProcess, input?: string) {
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (piece) => {
    stdout += piece;
  });
  child.stderr?.setEncoding('utf8').on('data', (piece) => {
    stderr += piece;
  });
  if (input === undefined) child.stdin?.end();
  else child.stdin?.end(input);
  const [code] = await once(child, 'close');
  return { code, stdout, stderr };
}

const complete = (...args: string[]) => ended(start('complete', ...args));

test('a story is told on stdout, its figures on stderr, and its seed tells it again', async () => {
  const once = await complete('Once upon a time', '--seed', '7', '--max-tokens', '40');
  expect(once.code).toBe(0);
  expect(once.stdout.startsWith('Once upon a time')).toBe(true);
  expect(once.stdout.length).toBeGreaterThan(60);
  expect(once.stderr).toMatch(/40 tokens, .*tok\/s, seed 7/);
  expect((await complete('Once upon a time', '--seed', '7', '--max-tokens', '40')).stdout).toBe(once.stdout);
});

test('--json prints one object', async () => {
  const { stdout, code } = await complete('The wolf', '--json', '--seed', '1', '--max-tokens', '10');
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ prompt: 'The wolf', seed: 1, text: expect.any(String) });
});

test('a prompt may come from standard input', async () => {
  const { stdout } = await ended(start('complete', '-', '--max-tokens', '5'), 'The old king');
  expect(stdout.startsWith('The old king')).toBe(true);
});

test('Ctrl-C ends the story cleanly', async () => {
  const child = start('complete', 'Once', '--max-tokens', '1000000', '--temperature', '1.2');
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
  const child = start('complete', 'Once', '--max-tokens', '2000', '--temperature', '1.2');
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (piece) => {
    stderr += piece;
  });
  if (child.stdout) await once(child.stdout, 'data');
  child.stdout?.destroy();
  await once(child, 'exit');
  expect(stderr).not.toMatch(/Error|EPIPE/);
});

test.each([
  [['complete', '--no-such-option'], 2],
  [['complete', 'x', '--top-p', '7'], 2],
  [['no-such-command'], 2],
  [['complete', 'x', '--model', 'no/such/file.pth'], 1],
  [['--help'], 0],
  [['--version'], 0],
])('%j exits with %i', async (args, expected) => {
  const { code, stderr, stdout } = await ended(start(...args));
  expect(code).toBe(expected);
  if (expected === 1) expect(stderr).toMatch(/^rwkv-wasm: .*file\.pth.*\n$/);
  if (expected === 0) expect(stdout).not.toBe('');
});
