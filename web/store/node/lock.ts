// Locks between processes: a file that only one can make. On one machine the process itself tells whether its owner lives, paused and
// busy ones too; of owners elsewhere only their silence tells. Nothing depends on what the clock says. A library's locks go by their
// age alone.
import { link, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf } from '../../shared/realms.js';
import { birthOf, isRunning, machine } from './processes.js';

const heartbeat = 2_000; // ms
const silence = 30_000; // ms without a heartbeat, seen from here, after which an owner elsewhere is taken for dead
const patience = 100; // ms between two looks at another's lock

/** What a lock file says of its owner. */
interface Owner {
  readonly pid?: number;
  readonly machine?: string;
  readonly birth?: string;
}

/**
 * Does the work while nobody else does any under the same lock.
 *
 * @param wait - `false`: answers `undefined` where someone does, as soon as that is certain
 * @param told - the error for one of the file system's, where the lock cannot be taken
 * @throws what `work` and `told` give, and the reason of `signal` while waiting
 */
export async function withLockFile<T>(
  path: string,
  wait: boolean,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
  told: (cause: unknown) => unknown = (cause) => cause,
): Promise<T | undefined> {
  const { pid } = process;
  const owner = JSON.stringify({ pid, machine, birth: await birthOf(pid), token: crypto.randomUUID() });
  const watch = new Watch();
  while (!(await take(path, owner, told))) {
    signal?.throwIfAborted();
    const found = await look(path).catch((cause) => {
      throw told(cause);
    });
    if (found === undefined) continue;
    const state = await watch.stateOf(found);
    if (state === 'dead') await rob(path, found.text);
    else if (state === 'alive' && !wait) return undefined;
    else await sleep(patience);
  }
  let beats = 0;
  const beat = setInterval(() => void utimes(path, ++beats, beats).catch(() => {}), heartbeat);
  beat.unref();
  try {
    return await work();
  } finally {
    clearInterval(beat);
    await release(path, owner).catch((cause) => {
      throw told(cause);
    });
  }
}

async function take(path: string, owner: string, told: (cause: unknown) => unknown): Promise<boolean> {
  try {
    await writeFile(path, owner, { flag: 'wx' });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw told(error);
  }
}

// Each step is tried twice: a lock that stays holds up everybody for as long as its owner lives.
async function release(path: string, owner: string): Promise<void> {
  const found = await look(path).catch(() => look(path));
  const remove = () => rm(path, { force: true });
  if (found?.text === owner) await remove().catch(remove);
}

interface Seen {
  readonly text: string;
  /** Changes with each heartbeat. */
  readonly beat: number;
}

/** `undefined`: there is none. Another's that cannot be read is an error: who took it for none would ask for ever. */
async function look(path: string): Promise<Seen | undefined> {
  try {
    return { text: await readFile(path, 'utf8'), beat: (await stat(path)).mtimeMs };
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    return undefined;
  }
}

/** What is seen of a lock over some time. */
export class Watch {
  #last: Seen | undefined;
  #since = 0;
  #hasBeaten = false;

  /** @param now - in ms, of a clock that only goes forward */
  async stateOf(seen: Seen, now = performance.now()): Promise<'alive' | 'dead' | 'unknown'> {
    const owner = parse(seen.text);
    const isHere = owner.machine === machine && owner.pid !== undefined;
    // Of this process another thread may be the owner, and have been ended.
    if (isHere && owner.pid !== process.pid)
      return (await isRunning(owner.pid, owner.birth)) ? 'alive' : 'dead';
    const { text, beat } = seen;
    if (text !== this.#last?.text || beat !== this.#last.beat) {
      this.#hasBeaten = text === this.#last?.text;
      this.#last = seen;
      this.#since = now;
    }
    if (now - this.#since >= silence) return 'dead';
    return this.#hasBeaten || isHere ? 'alive' : 'unknown';
  }
}

// Takes away the lock of an owner who has died.
async function rob(path: string, found: string): Promise<void> {
  const aside = `${path}.${crypto.randomUUID()}`;
  try {
    await rename(path, aside);
  } catch {
    return; // someone was faster
  }
  // What came between the look and the grip was somebody's new lock: it goes back.
  const seen = await look(aside).catch(() => undefined);
  if (seen?.text !== found) await link(aside, path).catch(() => {});
  await rm(aside, { force: true });
}

// A lock that is being written is an empty file for a moment.
function parse(text: string): Owner {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}
