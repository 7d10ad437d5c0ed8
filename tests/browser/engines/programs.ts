// Programs that run beside a test, and folders for what they write.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Program {
  /** What it said that matched. */
  readonly said: string;
  stop(): Promise<void>;
}

/** Starts a program with a home of its own and waits until it says something that matches, or not, if nothing is awaited. */
export async function start(
  command: string,
  args: (home: string) => readonly string[],
  ready: RegExp | undefined,
  env: NodeJS.ProcessEnv = {},
): Promise<Program> {
  const home = await mkdtemp(join(tmpdir(), 'rwkv-browser-'));
  const child = spawn(command, args(home), {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, HOME: home, XDG_RUNTIME_DIR: home, ...env },
    detached: true, // a group of its own, with all that it starts
  });
  const kill = () => signal(child, 'SIGKILL');
  process.once('exit', kill); // a test that was broken off stops nothing
  const stop = async () => {
    await end(child);
    process.off('exit', kill);
    await rm(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  };
  try {
    return { said: ready ? await hear(child, command, ready) : '', stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function hear(child: ChildProcess, command: string, ready: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    const listen = (chunk: Buffer) => {
      said = (said + chunk).slice(-10_000);
      const [match] = ready.exec(said) ?? [];
      if (match) resolve(match);
    };
    child.stdout?.on('data', listen);
    child.stderr?.on('data', listen);
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`${command} ended (${code}) before it was ready: ${said}`)));
    setTimeout(() => reject(new Error(`${command} was not ready within a minute: ${said}`)), 60_000).unref();
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  signal(child, 'SIGTERM');
  const late = setTimeout(() => signal(child, 'SIGKILL'), 5_000);
  await ended;
  clearTimeout(late);
  signal(child, 'SIGKILL'); // what it left running
}

// To all of its group.
function signal({ pid }: ChildProcess, name: NodeJS.Signals): void {
  try {
    if (pid) process.kill(-pid, name);
  } catch {
    // It is gone already.
  }
}

/** A port that nobody listens on. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
