// The command `serve`, run for tests.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import OpenAI from 'openai';
import { expect } from 'vitest';

const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
const running = new Set<ChildProcess>();

export interface Command {
  readonly child: ChildProcess;
  readonly out: { stdout: string; stderr: string };
  readonly ended: Promise<number | null>;
}

/** `rwkv-wasm serve` with these flags, of the command line that lies at `path`. */
export function run(flags: readonly string[], env: Record<string, string> = {}, path = cli): Command {
  const child = spawn(process.execPath, [path, 'serve', ...flags], {
    stdio: 'pipe',
    env: { ...process.env, ...env },
  });
  running.add(child);
  const out = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (piece) => {
    out.stdout += piece;
  });
  child.stderr.setEncoding('utf8').on('data', (piece) => {
    out.stderr += piece;
  });
  const ended = once(child, 'close').then(([code]) => {
    running.delete(child);
    return code;
  });
  return { child, out, ended };
}

/** A server that is ready. */
export interface Server extends Command {
  readonly url: string;
  readonly client: OpenAI;
}

/** Starts one at a free port. */
export async function start(
  flags: readonly string[] = [],
  env: Record<string, string> = {},
  path = cli,
): Promise<Server> {
  const command = run(['--port', '0', ...flags], env, path);
  while (!command.out.stdout.includes('\n'))
    await Promise.race([
      once(command.child.stdout ?? command.child, 'data'),
      command.ended.then((code) => {
        throw new Error(`the server ended with ${code}: ${command.out.stderr}`);
      }),
    ]);
  const [, url = ''] =
    /^rwkv-wasm: listening on (http:\/\/\S+) \(\S.*, .* of the CPU, \w+ build\)\n$/.exec(
      command.out.stdout,
    ) ?? [];
  return { ...command, url, client: clientOf(url) };
}

/** OpenAI's client, for a server. */
export const clientOf = (url: string, apiKey = 'none') =>
  new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 });

/** Ends a server as it should end. */
export async function stop({ child, ended }: Command): Promise<void> {
  child.kill('SIGTERM');
  expect(await ended).toBe(0);
}

/** Ends those that failed tests left. */
export function killAll(): void {
  for (const child of running) child.kill('SIGKILL');
}
