// Who a process is, and whether it still runs: what decides on one machine, where clocks and pauses say nothing.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { codeOf } from '../../shared/realms.js';

/** A name of this machine for files' names. */
export const machine = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);

/** Tells one run of the system from the next, in 8 hexadecimal digits; `undefined` where the system does not tell. */
export function currentBoot(path = '/proc/sys/kernel/random/boot_id'): string | undefined {
  try {
    return readFileSync(path, 'utf8').slice(0, 8);
  } catch {
    return undefined;
  }
}

/** When a process began, in words of its own system, where that tells: another of the same number began at another time. */
export async function birthOf(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')')).split(' ')[20]; // starttime, the field 22: proc_pid_stat(5)
  } catch {
    return undefined;
  }
}

/** Whether a process of this machine runs or is paused. */
export async function isRunning(pid: number, birth?: string): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) !== 'ESRCH';
  }
  return birth === undefined || birth === ((await birthOf(pid)) ?? birth);
}
