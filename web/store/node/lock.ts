// Locks between processes: a file that only one can make. Its owner keeps it young; one that has died is robbed.
import { link, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf } from '../../shared/realms.js';

const heartbeat = 2_000; // ms
const dead = 30_000; // ms without a heartbeat
const patience = 100; // ms between two looks at another's lock

/**
 * Does the work while nobody else does any under the same lock.
 *
 * @param wait - `false`: answers `undefined` at once where someone does
 * @throws what `work` throws, and the reason of `signal` while waiting
 */
export async function withLockFile<T>(
  path: string,
  wait: boolean,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T | undefined> {
  const owner = JSON.stringify({ pid: process.pid, host: hostname(), token: crypto.randomUUID() });
  while (!(await take(path, owner))) {
    signal?.throwIfAborted();
    if (await rob(path)) continue;
    if (!wait) return undefined;
    await sleep(patience);
  }
  const beat = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => {}), heartbeat);
  beat.unref();
  try {
    return await work();
  } finally {
    clearInterval(beat);
    if ((await readLock(path)) === owner) await rm(path, { force: true });
  }
}

async function take(path: string, owner: string): Promise<boolean> {
  try {
    await writeFile(path, owner, { flag: 'wx' });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

// Takes away the lock of an owner who has died; whether there may be none now.
async function rob(path: string): Promise<boolean> {
  const found = await readLock(path);
  if (found === undefined) return true;
  if (!(await isDead(path, found))) return false;
  const aside = `${path}.${crypto.randomUUID()}`;
  try {
    await rename(path, aside);
  } catch {
    return true; // someone was faster
  }
  // What came between the look and the grip was somebody's new lock: it goes back.
  if ((await readLock(aside)) !== found) await link(aside, path).catch(() => {});
  await rm(aside, { force: true });
  return true;
}

async function isDead(path: string, owner: string): Promise<boolean> {
  const age =
    Date.now() -
    (await stat(path).then(
      ({ mtimeMs }) => mtimeMs,
      () => Date.now(),
    ));
  if (age > dead) return true;
  const { pid, host } = parse(owner);
  return host === hostname() && pid !== undefined && !isRunning(pid);
}

// A lock that is being written is an empty file for a moment.
function parse(owner: string): { readonly pid?: number; readonly host?: string } {
  try {
    return JSON.parse(owner);
  } catch {
    return {};
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) !== 'ESRCH';
  }
}

async function readLock(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined);
}
