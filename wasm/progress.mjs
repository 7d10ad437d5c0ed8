// What a long build is doing, told on stderr with one clock for all of it, and how much is left.
const heartbeat_ms = 10_000;

export function log(message) {
  console.error(`[${(performance.now() / 1000).toFixed(1).padStart(5)} s] ${message}`);
}

/**
 * Follows tasks that run side by side. Each says how many seconds it usually takes; how fast this machine is shows by what
 * is done after a while, and from then on an estimate stands behind what is told.
 */
export class Progress {
  #tasks = new Map();
  #start = performance.now();
  #told = performance.now();

  /** @param tasks names and usual seconds */
  constructor(tasks) {
    for (const [name, seconds] of Object.entries(tasks)) this.#tasks.set(name, { seconds, share: 0 });
    if (this.#tasks.size > 0) log(`to do: ${Object.keys(tasks).join(', ')}`);
  }

  /** So much of a task is done, 0 to 1. Says so from time to time, and when it begins or ends. */
  at(name, share, detail = '') {
    const task = this.#tasks.get(name);
    if (!task) return;
    task.share = share;
    if (share > 0 && share < 1 && performance.now() - this.#told < heartbeat_ms) return;
    this.#told = performance.now();
    log(`${name}: ${share === 1 ? 'done' : detail || 'begins'}${this.#left()}`);
  }

  #left() {
    const tasks = [...this.#tasks.values()];
    const all = tasks.reduce((sum, { seconds }) => sum + seconds, 0);
    const done = tasks.reduce((sum, { seconds, share }) => sum + seconds * share, 0);
    const elapsed = (performance.now() - this.#start) / 1000;
    if (done === all || elapsed < 5 || done < all / 8) return '';
    const left = (elapsed / done) * (all - done);
    return `, about ${left < 10 ? Math.ceil(left) : Math.round(left / 10) * 10} s left`;
  }
}
