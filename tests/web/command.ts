// The command line, run as a person or a script runs it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

/** A model of two layers with bytes for tokens. */
export const oracle = fileURLToPath(new URL('../fixtures/oracle/v7-bf16.pth', import.meta.url));

/** Starts the command that lies at a path. */
export function startAt(path: string, ...args: string[]): ChildProcess {
  return spawn(process.execPath, [path, ...args], { stdio: 'pipe' });
}

export const start = (...args: string[]) => startAt(cli, ...args);

/** What a process has said when it has ended. `input` goes to its standard input. */
export async function ended(child: ChildProcess, input?: string | Uint8Array) {
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (piece) => {
    stdout += piece;
  });
  child.stderr?.setEncoding('utf8').on('data', (piece) => {
    stderr += piece;
  });
  child.stdin?.on('error', () => {}); // it may end before it has read all
  if (input === undefined) child.stdin?.end();
  else child.stdin?.end(input);
  const [code] = await once(child, 'close');
  return { code, stdout, stderr };
}

export const run = (...args: string[]) => ended(start(...args));

/** A folder for a test. */
export function folder(): { path: (name: string) => string; remove: () => void } {
  const root = mkdtempSync(join(tmpdir(), 'rwkv-wasm-test-'));
  return { path: (name) => join(root, name), remove: () => rmSync(root, { recursive: true }) };
}
